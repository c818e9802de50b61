"""A network of the user's own, from an importable function, made ready for lines."""

import importlib

import torch
from torch import Tensor, nn

# Before the user's module, which may import torchvision.
from stages.datasets import torchvision_operators  # noqa: F401
from stages.errors import UserError
from stages.networks.batch_norm import BatchNorm

DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
OF_BATCH_NORM = ("running_mean", "running_var", "num_batches_tracked")


def call_factory(factory: str) -> nn.Module:
    """Import and call a function that gives a network.

    Args:
        factory: `package.module:function`, importable from the project's root; it is called without arguments.

    Returns:
        What it gives.

    Raises:
        UserError: If there is no such function, it fails, or gives no network.
    """
    module, _, name = factory.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UserError(f"factory: cannot import {factory!r} ({error}), expected package.module:function") from error
    try:
        network = function()
    except Exception as error:  # whatever the user's code does
        raise UserError(f"factory: {factory!r} failed ({type(error).__name__}: {error}); mend it") from error
    if not isinstance(network, nn.Module):
        raise UserError(f"factory: {factory!r} gave {type(network).__name__}, expected a torch.nn.Module")
    return network


def custom(factory: str) -> nn.Module:
    """Return a network in evaluation mode whose batch-norm statistics can be estimated anew along a line.

    Each layer of batch norm gives way to this project's, which has the same parameters under the same names and no
    statistics of its own; dropout, which does nothing in evaluation mode, to the identity; and nothing works in place.

    Args:
        factory: As of `call_factory`.

    Returns:
        The network.

    Raises:
        UserError: If it cannot be made, or has batch norm without scale and shift.
    """
    network = _ready(call_factory(factory), factory)
    for module in network.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    return network.eval()


def _ready(module: nn.Module, factory: str) -> nn.Module:
    if isinstance(module, DROPOUT):
        return nn.Identity()
    if isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 (has no public name)
        if not module.affine:
            raise UserError(f"factory: {factory!r} has batch norm without scale and shift, expected affine=True")
        return BatchNorm(module.num_features, module.eps)
    for name, child in module.named_children():
        setattr(module, name, _ready(child, factory))
    return module


def parameters_of(factory: str, state: dict[str, Tensor], origin: str) -> dict[str, Tensor]:
    """Return the trainable parameters that a state dictionary of the user's network holds.

    Args:
        factory: As of `call_factory`.
        state: As the network's `state_dict()` gives it.
        origin: Where it comes from, for messages.

    Returns:
        Parameters in single precision by the names that `custom` gives them.

    Raises:
        UserError: If it is of another network, or differs from the network in what a line does not move.
    """
    network = call_factory(factory)
    own = network.state_dict(keep_vars=True)
    for which, names in (("lacks", own.keys() - state.keys()), ("has besides", state.keys() - own.keys())):
        if names:
            few = ", ".join(sorted(names)[:3]) + (", ..." if len(names) > 3 else "")
            raise UserError(f"{origin} is no state_dict of {factory!r}: it {which} {few}")
    trained = {name: value for name, value in network.named_parameters() if value.requires_grad}
    tied = {id(value) for value in trained.values()}
    for name, value in own.items():
        if state[name].shape != value.shape:
            shapes = f"{tuple(state[name].shape)}, expected {tuple(value.shape)}"
            raise UserError(f"{origin} is no state_dict of {factory!r}: {name} has shape {shapes}")
        moves = id(value) in tied or name.rpartition(".")[2] in OF_BATCH_NORM
        if not moves and not torch.equal(state[name].to(value.dtype), value):
            raise UserError(f"{origin}: {name} is not trained, but not what {factory!r} gives; have the factory set it")
    return {name: state[name].to(torch.float32) for name in trained}
