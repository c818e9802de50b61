"""Factories of the user's, which are functions that return a network, and the identities of their networks."""

import hashlib
import importlib
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from operator import attrgetter

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedTensorMixin

from stages.shared.errors import UserError
from stages.shared.factory_source import factory_source

SETTINGS = {
    "default dtype": torch.get_default_dtype,
    "precision of products": torch.get_float32_matmul_precision,
    "grad mode": torch.is_grad_enabled,
    "deterministic algorithms": torch.are_deterministic_algorithms_enabled,
    "number of threads": torch.get_num_threads,
}
"""PyTorch's process-wide settings, which a network of the user's must leave alone."""


def call_factory(factory: str, arguments: Mapping[str, object] | None = None) -> nn.Module:
    """Import and call a function that gives a network.

    Args:
        factory: `package.module:function`, importable from the project's root; the function may be an attribute of
            one, as in `package.module:Class.method`.
        arguments: Keyword arguments that it is called with; none by default.

    Returns:
        The network that it gives, freed from the wrappers of `torch.compile` and `torch.nn.DataParallel`.

    Raises:
        UserError: If there is no such function, it fails, gives no network, or changes a setting of PyTorch.
    """
    # Before the user's module, which may import torchvision, and only here: most suites have no factory.
    from stages.datasets import torchvision_operators  # noqa: F401

    module, _, name = factory.partition(":")
    before = {setting: read() for setting, read in SETTINGS.items()}
    try:
        function = attrgetter(name)(importlib.import_module(module))
    except (ImportError, AttributeError) as error:
        raise UserError(f"factory: cannot import {factory!r} ({error}), expected package.module:function") from error
    except (Exception, SystemExit) as error:  # whatever the user's code does, a syntax error included
        raise UserError(f"factory: cannot import {factory!r} ({_said(error)}); mend {module}") from error
    try:
        network = function(**(arguments or {}))
    except (Exception, SystemExit) as error:
        raise UserError(f"factory: {factory!r} failed ({_said(error)}); mend it") from error
    for setting, read in SETTINGS.items():
        if read() != before[setting]:
            raise UserError(
                f"factory: {factory!r} changes PyTorch's {setting} from {before[setting]} to {read()}, which would "
                "change every other result too; have it leave that alone"
            )
    if isinstance(network, torch.jit.ScriptModule):
        raise UserError(f"factory: {factory!r} gave a TorchScript module, expected the torch.nn.Module it was made of")
    while isinstance(network, nn.Module) and (inner := _wrapped(network)) is not None:
        network = inner
    if not isinstance(network, nn.Module):
        raise UserError(f"factory: {factory!r} gave {type(network).__name__}, expected a torch.nn.Module")
    return network


def _wrapped(network: nn.Module) -> nn.Module | None:
    if isinstance(network, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return network.module
    return getattr(network, "_orig_mod", None)  # an attribute that torch.compile adds


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


@lru_cache
def factory_identity(factory: str) -> dict:
    """Return the identity of the networks of a factory.

    It holds the source of the factory's module and of every local module that it imports, the versions of the
    installed packages that these import (`stages.shared.environment` has those of PyTorch and its like), and the
    network that it gives for one seed: its structure and the values of its parameters and buffers, which may come
    from files.

    Args:
        factory: The factory, as `call_factory` takes it.

    Returns:
        Plain JSON values.

    Raises:
        UserError: If the factory is none, or gives other weights for the same seed of PyTorch.
    """
    first, second = (_network_digest(factory) for _ in range(2))
    if first != second:
        raise UserError(
            f"factory: {factory!r} gives other weights each time it is called with the same seed of PyTorch; draw all "
            "random numbers by torch, so that a run can be repeated"
        )
    source = factory_source(factory)
    return {"source": source["source"], "packages": source["packages"], "network": first}


def _network_digest(factory: str) -> str:
    with seeded(0), one_thread():
        network = call_factory(factory)
    digest = hashlib.sha256(re.sub(r"0x[0-9a-f]+", "", repr(network)).encode())
    named = [*network.named_parameters(), *network.named_buffers()]
    for name, value in named:
        if isinstance(value, UninitializedTensorMixin):
            continue
        moves = isinstance(value, nn.Parameter) and value.requires_grad
        digest.update(f"{name}:{value.dtype}:{tuple(value.shape)}:{moves};".encode())
        digest.update(_bytes(value))
    return digest.hexdigest()


def _bytes(value: Tensor) -> bytes:
    return value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()


@contextmanager
def seeded(seed: int) -> Generator[None, None, None]:
    """Seed PyTorch's random numbers while entered; its global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@contextmanager
def one_thread() -> Generator[None, None, None]:
    """Compute with one thread while entered, since some initialisations round by the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
