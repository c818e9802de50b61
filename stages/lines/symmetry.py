"""Hidden units that may trade places: permutations of weights under which a network stays the same function."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from stages.networks.batch_norm import BatchNorm
from stages.networks.convolutional import Convolutional
from stages.networks.fully_connected import FullyConnected
from stages.networks.layout import Layout
from stages.networks.residual import Block, FixupBlock, Residual, ScaleBias
from stages.shared.seeds import generator


@dataclass(frozen=True)
class Axis:
    """Where units stand in a parameter: unit u has the `each` indices from (first + u) each on, along one axis."""

    parameter: str
    axis: int
    first: int = 0
    each: int = 1
    """Numbers a unit has side by side, as where maps are flattened into a vector."""

    def span(self, size: int) -> slice:
        """Return the indices of so many units."""
        return slice(self.first * self.each, (self.first + size) * self.each)


@dataclass(frozen=True)
class Units:
    """Units (or channels) of which one permutation moves all that belongs to each."""

    size: int
    axes: list[Axis] = field(default_factory=list)
    sites: list[tuple[str, int]] = field(default_factory=list)
    """Modules that give their activations, and from which channel on."""


def hidden_units(network: nn.Module) -> list[Units]:
    """Return the groups of hidden units of a network, layer by layer.

    Args:
        network: Fully-connected, plain convolutional, or a residual network for small images. Channels on the residual
            stream are one group from where they begin to the last layer: shortcuts pass them on in their places.

    Returns:
        The groups; each permutation of each leaves the network's function as it is.

    Raises:
        TypeError: If it is another network.
    """
    if isinstance(network, FullyConnected):
        return _sequential([("layers", network.layers)])
    if isinstance(network, Convolutional):
        return _sequential([("features", network.features), ("head", network.head)])
    if isinstance(network, Residual):
        return _residual(network)
    raise TypeError(f"the units of {type(network).__name__} cannot be permuted")


def _sequential(parts: Sequence[tuple[str, nn.Sequential]]) -> list[Units]:
    """Return the units after each layer of weights but the last, which are outputs."""
    groups: list[Units] = []
    for prefix, layers in parts:
        for place, module in layers.named_children():
            name = f"{prefix}.{place}"
            if isinstance(module, nn.Linear | nn.Conv2d):
                if groups:
                    before = groups[-1]
                    before.axes.append(Axis(f"{name}.weight", 1, each=module.weight.shape[1] // before.size))
                groups.append(Units(module.weight.shape[0]))
                groups[-1].axes.append(Axis(f"{name}.weight", 0))
                if module.bias is not None:
                    groups[-1].axes.append(Axis(f"{name}.bias", 0))
            elif isinstance(module, BatchNorm):
                groups[-1].axes.extend([Axis(f"{name}.weight", 0), Axis(f"{name}.bias", 0)])
            elif groups and not isinstance(module, nn.MaxPool2d | nn.Flatten):
                groups[-1].sites.append((name, 0))
    return groups[:-1]


def _residual(network: Residual) -> list[Units]:
    """Return the channels inside each block, and those on the stream by the stage at which they begin."""
    stream: list[tuple[int, Units]] = []  # with the channel at which each group begins
    inner: list[Units] = []

    def enter(name: str, width: int, module: nn.Module | None) -> None:
        """Note what gives or scales the stream's channels: new ones are a new group."""
        known = sum(units.size for _, units in stream)
        if width > known:
            stream.append((known, Units(width - known)))
        for first, units in stream:
            units.axes.append(Axis(f"{name}.weight", 0, first))
            if isinstance(module, BatchNorm | ScaleBias):
                units.axes.append(Axis(f"{name}.bias", 0, first))

    def leave(name: str) -> None:
        for first, units in stream:
            units.axes.append(Axis(f"{name}.weight", 1, first))

    width = network.stem.weight.shape[0]
    enter("stem", width, None)
    if isinstance(network.norm, BatchNorm | ScaleBias):
        enter("norm", width, network.norm)
    for place, block in enumerate(network.blocks):
        name = f"blocks.{place}"
        after = block.conv1.weight.shape[0]
        inside = Units(after, [Axis(f"{name}.conv1.weight", 0), Axis(f"{name}.conv2.weight", 1)])
        leave(f"{name}.conv1")
        enter(f"{name}.conv2", after, None)
        if isinstance(block, Block):
            inside.axes.extend([Axis(f"{name}.norm1.weight", 0), Axis(f"{name}.norm1.bias", 0)])
            enter(f"{name}.norm2", after, block.norm2)
        inside.sites.append((f"{name}.bias2" if isinstance(block, FixupBlock) else f"{name}.norm1", 0))
        inner.append(inside)
        for first, units in stream:
            units.sites.append((name, first))
    leave("head")
    return [units for _, units in stream] + inner


def random_permutations(groups: Sequence[Units], number: int) -> list[Tensor]:
    """Return the N-th random order of each group's units: unit i becomes what unit order[i] was."""
    source = generator("permutation", number)
    return [torch.randperm(units.size, generator=source) for units in groups]


def permute(theta: Tensor, layout: Layout, groups: Sequence[Units], orders: Sequence[Tensor]) -> Tensor:
    """Permute the hidden units of a network.

    Args:
        theta: Its weights, shape (D,).
        layout: Of the weights.
        groups: As `hidden_units` gives them.
        orders: Of each group: unit i of the result is unit order[i] of `theta`, shape (size,).

    Returns:
        Weights of the same function, shape (D,).
    """
    parameters = layout.split(theta)
    for units, order in zip(groups, orders, strict=True):
        for axis in units.axes:
            value = parameters[axis.parameter]
            index = torch.arange(value.shape[axis.axis])
            index[axis.span(units.size)] = _spread(axis, order)
            parameters[axis.parameter] = value.index_select(axis.axis, index.to(value.device))
    return layout.join(parameters)


def _spread(axis: Axis, order: Tensor) -> Tensor:
    """Return the indices along an axis at which the units stand in an order."""
    each = torch.arange(axis.each)
    return (((axis.first + order) * axis.each)[:, None] + each).flatten()
