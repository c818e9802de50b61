"""Batch normalisation whose statistics are inputs and outputs, not state."""

import torch
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function

from stages.networks.functional import call_with
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
    """Object that records the statistics of each batch; None for no recording."""


class BatchNorm(WithStatistics, nn.Module):
    """Normalises each channel (dimension 1) over all other dimensions, then scales and shifts it.

    It computes what `torch.nn.BatchNorm1d` and `2d` do, but forward-mode derivatives pass through the statistics, and
    stacked networks cost less than half. It keeps no running statistics; `statistics_of` and `given_statistics` read
    and set them around a call.
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
    """Normalise x by the statistics that a layer is given, else by its own, which the layer's observer records.

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
        shift = bias - mean * scale  # one number a channel, so that a single pass over x remains
        return torch.addcmul(along_channels(shift, x), x, along_channels(scale, x))
    y, mean, variance = normalise(x, weight, bias, epsilon)
    if layer.observer is not None:
        count = x.numel() // x.shape[1]
        unbias = count / max(count - 1, 1) if layer.unbiased else 1.0
        layer.observer.note(layer, mean.flatten(), variance.flatten() * unbias)
    return y


def normalise(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return x normalised by its own statistics, scaled and shifted; its mean and (biased) variance, (1, C, 1, ...).

    Sums take the place of means, whose gradients have another memory layout than the tensor: mixing the two is slow. A
    `TorchFunctionMode` sees one function.
    """
    if has_torch_function((x, weight, bias)):
        return handle_torch_function(normalise, (x, weight, bias), x, weight, bias, epsilon)
    each = x.shape[1] / x.numel()
    mean = channel_sums(x) * each
    centred = x - broadcast_channels(mean, x)
    variance = channel_sums(centred * centred) * each
    scale = torch.rsqrt(variance + epsilon) * weight
    return (
        centred * broadcast_channels(scale, x) + broadcast_channels(bias, x),
        along_channels(mean, x),
        along_channels(variance, x),
    )


def channel_sums(x: Tensor) -> Tensor:
    """Return the sum of each channel over all other dimensions, shape (C,).

    The sum over pixels comes first, then that over examples as a product with ones: the order of a sum over both would
    depend on the memory layout, and so on how many networks are stacked.
    """
    if x.dim() == 2:
        return x.sum(0)
    return (_ones(x).mT @ x.flatten(2).sum(2))[0]


def broadcast_channels(values: Tensor, x: Tensor) -> Tensor:
    """Return a value for each channel, shape (C,), or one for all, shape (1,), in a shape that broadcasts with x.

    For images it is a product with ones: the gradient is then summed in a fixed order, as in `channel_sums`, so that a
    run does not depend on the size of its stack. A `TorchFunctionMode` sees one function.
    """
    if has_torch_function((values, x)):
        return handle_torch_function(broadcast_channels, (values, x), values, x)
    if x.dim() == 2:
        return values
    return (_ones(x) @ values.expand(x.shape[1])[None])[(..., *[None] * (x.dim() - 2))]


def _ones(x: Tensor) -> Tensor:
    """Return ones of shape (N, 1) for x of three or more dimensions, with x's hidden dimensions under `vmap`."""
    return torch.ones_like(x[(slice(None), *[0] * (x.dim() - 2), slice(1))])


def along_channels(values: Tensor, x: Tensor) -> Tensor:
    """Return a value for each channel, shape (C,), in the shape (1, C, 1, ...), which broadcasts with x."""
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
        call_with(network, parameters, x)
    except _AllObserved:
        pass
    finally:
        for layer in layers.values():
            layer.observer = None
    statistics = {}
    for name, layer in layers.items():
        if layer in observer.found:  # a layer without a call, such as one of an auxiliary head, has none
            statistics[f"{name}.mean"], statistics[f"{name}.variance"] = observer.found[layer]
    return statistics


def given_statistics(network: nn.Module, parameters: dict[str, Tensor], statistics: Statistics, x: Tensor) -> Tensor:
    """Return outputs with x normalised by the given statistics. Pure, so it can be transformed."""
    layers = batch_norms(network)
    try:
        for name, layer in layers.items():
            if f"{name}.mean" in statistics:
                layer.given = (statistics[f"{name}.mean"], statistics[f"{name}.variance"])
        return call_with(network, parameters, x)
    finally:
        for layer in layers.values():
            layer.given = None


class _AllObserved(Exception):  # noqa: N818 -- no error
    """Raised when the statistics of the last layer are known."""


class _Observer:
    """Records the statistics of layers, and stops the network's forward pass when it has those of all."""

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
