"""Batch normalisation whose statistics are inputs and outputs, not state."""

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import handle_torch_function, has_torch_function

from stages.shared.errors import UserError

Statistics = dict[str, Tensor]
"""`LAYER.mean` and `LAYER.variance` (unbiased) of the channels, shape (C,) each."""


BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
"""Buffers in which PyTorch's layers of batch norm keep statistics, which lines estimate anew."""


class WithStatistics:
    """Marks a layer whose statistics are inputs and outputs: it normalises through `apply_batch_norm`."""

    given: tuple[Tensor, Tensor] | None = None
    """Mean and variance to normalise by; None for those of the batch."""
    unbiased = True
    """Whether the estimated variance is that of n - 1 examples, as PyTorch keeps it in running statistics."""
    observer: "_Observer | None" = None
    """Is shown the statistics of each batch; None for nobody."""


class BatchNorm(WithStatistics, nn.Module):
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

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x, shape (N, C, ...), by its own statistics or by those given."""
        return apply_batch_norm(self, x, self.weight, self.bias, self.epsilon)


def apply_batch_norm(layer: WithStatistics, x: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    """Normalise x by the statistics that a layer is given, else by its own, which the layer's observer is shown.

    Args:
        layer: The layer.
        x: Its input, shape (N, C, ...).
        weight: Scale of each channel, shape (C,).
        bias: Shift of each channel, shape (C,).
        epsilon: Added to each variance.

    Returns:
        The normalised x, scaled and shifted.
    """
    if layer.given is not None:
        mean, variance = layer.given
        scale = torch.rsqrt(variance + epsilon) * weight
        shift = bias - mean * scale  # of one number a channel, so that x is passed over once
        return torch.addcmul(along_channels(shift, x), x, along_channels(scale, x))
    y, mean, variance = normalise(x, weight, bias, epsilon)
    if layer.observer is not None:
        count = x.numel() // x.shape[1]
        unbias = count / max(count - 1, 1) if layer.unbiased else 1.0
        layer.observer.note(layer, mean.flatten(), variance.flatten() * unbias)
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


def batch_norms(network: nn.Module) -> dict[str, nn.Module]:
    """Return the layers of a network by name that normalise through `apply_batch_norm`."""
    return {name: module for name, module in network.named_modules() if isinstance(module, WithStatistics)}


def statistic_buffers(network: nn.Module) -> set[str]:
    """Return the names of the buffers that hold statistics of the layers of `batch_norms`, as in a state dict."""
    return {f"{name}.{buffer}".removeprefix(".") for name in batch_norms(network) for buffer in BUFFERS}


def statistics_of(network: nn.Module, parameters: dict[str, Tensor], x: Tensor) -> Statistics:
    """Return the statistics of x in each layer. Pure, so it can be transformed.

    The network is left after its last layer of batch norm; each such layer is to be called at most once.
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
        if layer in observer.found:  # else the network has no call of it, as of auxiliary heads in evaluation mode
            statistics[f"{name}.mean"], statistics[f"{name}.variance"] = observer.found[layer]
    return statistics


def given_statistics(network: nn.Module, parameters: dict[str, Tensor], statistics: Statistics, x: Tensor) -> Tensor:
    """Return outputs with x normalised by the given statistics. Pure, so it can be transformed."""
    layers = batch_norms(network)
    try:
        for name, layer in layers.items():
            if f"{name}.mean" in statistics:
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
        if layer in self.found:
            raise UserError(
                "a layer of batch norm is called more than once for an example, so that its statistics are those of "
                "several inputs; give each call a layer of its own"
            )
        self.found[layer] = (mean, variance)
        if len(self.found) == self.layers:
            raise _AllObserved
