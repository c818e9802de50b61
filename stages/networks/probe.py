"""A network of the user's beside the same network as it is prepared here, and how far their outputs differ."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from stages.networks.batch_norm import batch_norms
from stages.shared.errors import UserError

TOLERANCES = {torch.float64: 1e-5, torch.float32: 1e-3}
"""Largest difference that counts as rounding, relative to the largest output, by precision."""
SMALLEST_OUTPUT = 1e-3
"""Output, in nats, below which differences do not matter."""


@dataclass(frozen=True)
class Probe:
    """The untouched network and the prepared one with the same state, in one precision."""

    factory: str
    plain: nn.Module
    prepared: nn.Module
    parameters: dict[str, Tensor]
    x: Tensor
    tolerance: float

    def statistics(self) -> dict[str, Tensor]:
        """Return the running statistics of the untouched network under the names of `batch_norm.Statistics`."""
        found = {}
        for name in batch_norms(self.prepared):
            layer = self.plain.get_submodule(name)
            if layer.running_mean is not None:
                found[f"{name}.mean"], found[f"{name}.variance"] = layer.running_mean, layer.running_var
        return found

    def compare(self, how: str, plain: Callable[[], Tensor], prepared: Callable[[], Tensor]) -> None:
        """Refuse the network if two ways to compute its outputs differ by more than rounding.

        Args:
            how: Circumstances of the computation, for the message.
            plain: Function that returns the outputs of the untouched network.
            prepared: Function that returns the outputs of the prepared network.

        Raises:
            UserError: If they differ; it names the first module whose output does.
        """
        with _recorded(self.plain) as expected:
            reference = plain()
        with _recorded(self.prepared) as found:
            ours = prepared()
        if (gap := difference(ours, reference)) <= self.tolerance:
            return
        for (name, theirs), (other, mine) in zip(expected, found, strict=False):
            if name != other or any(difference(*pair) > self.tolerance for pair in zip(mine, theirs, strict=False)):
                module = self.plain.get_submodule(name)
                break
        else:
            name, module = "", self.plain
        raise UserError(
            f"factory: {self.factory!r} {how} would be computed otherwise here than by PyTorch: from module "
            f"{name or 'at the root'} ({type(module).__name__}) on, outputs differ by {gap:.2g} of the largest; write "
            "that module with layers of torch.nn, with all that it computes with in parameters and buffers"
        )


def accept_processor(network: nn.Module) -> None:
    """Let synchronised batch norm compute on a processor too; in one process it is the same function."""
    for module in network.modules():
        if type(module) is nn.SyncBatchNorm:
            module.__class__ = _AnyBatchNorm


class _AnyBatchNorm(nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 (has no public name)
    def _check_input_dim(self, input: Tensor) -> None:
        pass


@contextmanager
def _recorded(network: nn.Module) -> Generator[list[tuple[str, list[Tensor]]], None, None]:
    """Note what each module gives while entered, in the order in which they finish."""
    found: list[tuple[str, list[Tensor]]] = []

    def keep(name: str) -> Callable:
        def hook(module: nn.Module, given: tuple, output: object) -> None:
            found.append((name, [leaf.clone() for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]))

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in network.named_modules()]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def difference(one: Tensor, other: Tensor) -> float:
    """Return the largest difference of two tensors relative to the largest in the second; NaN equals NaN."""
    if one.shape != other.shape:
        return float("inf")
    one, other = one.double(), other.double()
    same = (one == other) | (one.isnan() & other.isnan())
    if bool(same.all()):
        return 0.0
    gap = (one - other).abs()[~same].max()
    scale = other[other.isfinite()].abs().max() if bool(other.isfinite().any()) else torch.tensor(0.0)
    return float("inf") if bool(gap.isnan()) else float(gap / scale.clamp(min=SMALLEST_OUTPUT))


def changed_tensor(
    before: Mapping[str, Tensor], after: Mapping[str, Tensor], without: Sequence[str] = ()
) -> str | None:
    """Return the name of the first tensor that differs; None if none does."""
    return next(
        (name for name, value in before.items() if name not in without and difference(after[name], value) > 0), None
    )
