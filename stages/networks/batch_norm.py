"""Batch normalisation whose statistics are inputs and outputs, not state."""

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call

Statistics = dict[str, Tensor]
"""`LAYER.mean` and `LAYER.variance` (unbiased) of the channels, shape (C,) each."""


class BatchNorm(nn.Module):
    """Normalises each channel (dimension 1) over all other dimensions, then scales and shifts it.

    As `torch.nn.BatchNorm1d` or `2d`, but written with sums of the tensor: stacked networks then cost less than half of
    what they do through the built-in kernel, and forward-mode derivatives pass through the statistics. (Not with means
    or squares: their gradients come in another layout of memory than the tensor, and mixing the two is slow.) It keeps
    no running statistics; `with_statistics` and `given_statistics` read and set them around a call.
    """

    def __init__(self, channels: int, epsilon: float = 1e-5) -> None:
        """Start as the identity after normalisation: scale 1, shift 0."""
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.given: tuple[Tensor, Tensor] | None = None
        self.observing = False
        self.observed: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x, shape (N, C, ...), by its own statistics or by those given."""
        shape = [1, -1] + [1] * (x.dim() - 2)
        if self.given is None:
            over = [0, *range(2, x.dim())]
            count = x.numel() // x.shape[1]
            mean = x.sum(over, keepdim=True) * (1 / count)
            centred = x - mean
            variance = (centred * centred).sum(over, keepdim=True) * (1 / count)
            if self.observing:
                self.observed = (mean.flatten(), variance.flatten() * (count / max(count - 1, 1)))
        else:
            mean, variance = (statistic.reshape(shape) for statistic in self.given)
            centred = x - mean
        scale = torch.rsqrt(variance + self.epsilon) * self.weight.reshape(shape)
        return centred * scale + self.bias.reshape(shape)


def batch_norms(network: nn.Module) -> dict[str, BatchNorm]:
    """Return the batch-norm layers of a network by name."""
    return {name: module for name, module in network.named_modules() if isinstance(module, BatchNorm)}


def with_statistics(network: nn.Module, parameters: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Statistics]:
    """Return outputs with x normalised by its own statistics, and those statistics. Pure, so it can be transformed."""
    with _set(network, observing=True) as layers:
        outputs = functional_call(network, parameters, (x,))
        statistics = {}
        for name, layer in layers.items():
            statistics[f"{name}.mean"], statistics[f"{name}.variance"] = layer.observed
        return outputs, statistics


def given_statistics(network: nn.Module, parameters: dict[str, Tensor], statistics: Statistics, x: Tensor) -> Tensor:
    """Return outputs with x normalised by the given statistics. Pure, so it can be transformed."""
    with _set(network, given=statistics):
        return functional_call(network, parameters, (x,))


@contextmanager
def _set(
    network: nn.Module, observing: bool = False, given: Statistics | None = None
) -> Generator[dict[str, BatchNorm], None, None]:
    layers = batch_norms(network)
    try:
        for name, layer in layers.items():
            layer.observing = observing
            layer.given = None if given is None else (given[f"{name}.mean"], given[f"{name}.variance"])
        yield layers
    finally:
        for layer in layers.values():
            layer.observing, layer.given, layer.observed = False, None, None
