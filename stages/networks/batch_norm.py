"""Batch normalisation whose statistics are inputs and outputs, not state."""

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import handle_torch_function, has_torch_function

Statistics = dict[str, Tensor]
"""`LAYER.mean` and `LAYER.variance` (unbiased) of the channels, shape (C,) each."""


class BatchNorm(nn.Module):
    """Normalises each channel (dimension 1) over all other dimensions, then scales and shifts it.

    As `torch.nn.BatchNorm1d` or `2d`, but forward-mode derivatives pass through the statistics, and stacked networks
    cost less than half. It keeps no running statistics; `statistics_of` and `given_statistics` read and set them around
    a call.
    """

    def __init__(self, channels: int, epsilon: float = 1e-5) -> None:
        """Start as the identity after normalisation: scale 1, shift 0."""
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.given: tuple[Tensor, Tensor] | None = None
        self.observer: _Observer | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x, shape (N, C, ...), by its own statistics or by those given."""
        if self.given is not None:
            mean, variance = (along_channels(statistic, x) for statistic in self.given)
            scale = torch.rsqrt(variance + self.epsilon) * along_channels(self.weight, x)
            return (x - mean) * scale + along_channels(self.bias, x)
        y, mean, variance = normalise(x, self.weight, self.bias, self.epsilon)
        if self.observer is not None:
            count = x.numel() // x.shape[1]
            self.observer.note(self, mean.flatten(), variance.flatten() * (count / max(count - 1, 1)))
        return y


def normalise(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return x normalised by its own statistics, scaled and shifted; its mean and (biased) variance, (1, C, 1, ...).

    Written with sums, because the gradients of means and of squares come in another layout of memory than the tensor,
    and mixing the two is slow. A `TorchFunctionMode` sees it as one function.
    """
    if has_torch_function((x, weight, bias)):
        return handle_torch_function(normalise, (x, weight, bias), x, weight, bias, epsilon)
    each = x.shape[1] / x.numel()
    mean = channel_sums(x) * each
    centred = x - spread(mean, x)
    variance = channel_sums(centred * centred) * each
    scale = torch.rsqrt(variance + epsilon) * weight
    return centred * spread(scale, x) + spread(bias, x), along_channels(mean, x), along_channels(variance, x)


def channel_sums(x: Tensor) -> Tensor:
    """Return the sum of each channel over all other dimensions, shape (C,).

    Over pixels, then over examples as a product with ones: a sum over both is taken in an order that depends on the
    layout of memory, and so on how many networks are stacked.
    """
    if x.dim() == 2:
        return x.sum(0)
    return (_ones(x).mT @ x.flatten(2).sum(2))[0]


def spread(values: Tensor, x: Tensor) -> Tensor:
    """Return one value a channel, shape (C,), or one for all, shape (1,), in a shape to be combined with x.

    For images as a product with ones, so that the gradient, which is a sum as in `channel_sums`, is one too. A
    `TorchFunctionMode` sees it as one function.
    """
    if has_torch_function((values, x)):
        return handle_torch_function(spread, (values, x), values, x)
    if x.dim() == 2:
        return values
    return (_ones(x) @ values.expand(x.shape[1])[None])[(..., *[None] * (x.dim() - 2))]


def _ones(x: Tensor) -> Tensor:
    """Return ones of shape (N, 1), of as many networks as x, of three or more dimensions, is."""
    return torch.ones_like(x[(slice(None), *[0] * (x.dim() - 2), slice(1))])


def along_channels(values: Tensor, x: Tensor) -> Tensor:
    """Return one value a channel in the shape (1, C, 1, ...), to be combined with x."""
    return values.reshape([1, -1] + [1] * (x.dim() - 2))


def other_dimensions(x: Tensor) -> list[int]:
    """Return all dimensions of x but that of its channels."""
    return [0, *range(2, x.dim())]


def batch_norms(network: nn.Module) -> dict[str, BatchNorm]:
    """Return the batch-norm layers of a network by name."""
    return {name: module for name, module in network.named_modules() if isinstance(module, BatchNorm)}


def statistics_of(network: nn.Module, parameters: dict[str, Tensor], x: Tensor) -> Statistics:
    """Return the statistics of x in each layer. Pure, so it can be transformed.

    The network is left after its last layer of batch norm; each such layer is to be called once.
    """
    layers = batch_norms(network)
    observer = _Observer(len(layers))
    try:
        for layer in layers.values():
            layer.observer = observer
        functional_call(network, parameters, (x,))
    except _AllObserved:
        pass
    finally:
        for layer in layers.values():
            layer.observer = None
    statistics = {}
    for name, layer in layers.items():
        statistics[f"{name}.mean"], statistics[f"{name}.variance"] = observer.found[layer]
    return statistics


def given_statistics(network: nn.Module, parameters: dict[str, Tensor], statistics: Statistics, x: Tensor) -> Tensor:
    """Return outputs with x normalised by the given statistics. Pure, so it can be transformed."""
    layers = batch_norms(network)
    try:
        for name, layer in layers.items():
            layer.given = (statistics[f"{name}.mean"], statistics[f"{name}.variance"])
        return functional_call(network, parameters, (x,))
    finally:
        for layer in layers.values():
            layer.given = None


class _AllObserved(Exception):  # noqa: N818 -- no error
    """The last statistics were noted."""


class _Observer:
    """Keeps the statistics of a number of layers, and leaves the network when it has them all."""

    def __init__(self, layers: int) -> None:
        self.layers = layers
        self.found: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def note(self, layer: nn.Module, mean: Tensor, variance: Tensor) -> None:
        self.found[layer] = (mean, variance)
        if len(self.found) == self.layers:
            raise _AllObserved
