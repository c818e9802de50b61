"""Permutations of hidden units, under which a network computes the same function."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from stages.networks.batch_norm import BatchNorm
from stages.networks.convolutional import Convolutional
from stages.networks.fully_connected import FullyConnected
from stages.networks.parameter_layout import Layout
from stages.networks.residual import Block, FixupBlock, Residual, ScaleBias
from stages.shared.seeds import generator


@dataclass(frozen=True)
class UnitAxis:
    """Where units are in a parameter: unit u has the `each` indices from (first + u) * each on, along one axis."""

    parameter: str
    """Name of the parameter."""
    axis: int
    """Dimension along which the units lie."""
    first: int = 0
    """Position of the group's first unit."""
    each: int = 1
    """Number of adjacent indices of a unit: the pixels of a feature map that is flattened into a vector, else 1."""

    def span(self, size: int) -> slice:
        """Return the indices of the first `size` units of the group."""
        return slice(self.first * self.each, (self.first + size) * self.each)


@dataclass(frozen=True)
class UnitGroup:
    """Hidden units (or channels) that are permuted together, wherever they occur in the network's parameters."""

    size: int
    """Number of units."""
    axes: list[UnitAxis] = field(default_factory=list)
    """Where the units occur in parameters."""
    sites: list[tuple[str, int]] = field(default_factory=list)
    """Modules whose outputs are the units' activations, each with the channel of the first unit."""


def find_hidden_units(network: nn.Module) -> list[UnitGroup]:
    """Find the groups of hidden units of a network.

    Args:
        network: A fully-connected, plain convolutional or residual network for small images. Channels of the residual
            stream are one group from where they begin to the last layer, since shortcuts keep their positions.

    Returns:
        The groups, layer by layer; every permutation of a group leaves the network's function as it is.

    Raises:
        TypeError: If the network is of another class.
    """
    if isinstance(network, FullyConnected):
        return _sequential([("layers", network.layers)])
    if isinstance(network, Convolutional):
        return _sequential([("features", network.features), ("head", network.head)])
    if isinstance(network, Residual):
        return _residual(network)
    raise TypeError(f"the units of {type(network).__name__} cannot be permuted")


def _sequential(parts: Sequence[tuple[str, nn.Sequential]]) -> list[UnitGroup]:
    """Return the units after each linear or convolutional layer except the last, whose units are outputs."""
    groups: list[UnitGroup] = []
    for prefix, layers in parts:
        for place, module in layers.named_children():
            name = f"{prefix}.{place}"
            if isinstance(module, nn.Linear | nn.Conv2d):
                if groups:
                    before = groups[-1]
                    before.axes.append(UnitAxis(f"{name}.weight", 1, each=module.weight.shape[1] // before.size))
                groups.append(UnitGroup(module.weight.shape[0]))
                groups[-1].axes.append(UnitAxis(f"{name}.weight", 0))
                if module.bias is not None:
                    groups[-1].axes.append(UnitAxis(f"{name}.bias", 0))
            elif isinstance(module, BatchNorm):
                groups[-1].axes.extend([UnitAxis(f"{name}.weight", 0), UnitAxis(f"{name}.bias", 0)])
            elif groups and not isinstance(module, nn.MaxPool2d | nn.Flatten):
                groups[-1].sites.append((name, 0))
    return groups[:-1]


def _residual(network: Residual) -> list[UnitGroup]:
    """Return the channels of the residual stream, by the stage at which they begin, and those inside each block."""
    stream: list[tuple[int, UnitGroup]] = []  # each with its first channel
    inner: list[UnitGroup] = []

    def enter(name: str, width: int, module: nn.Module | None) -> None:
        """Record a module that writes or scales the stream; channels beyond those known form a new group."""
        known = sum(units.size for _, units in stream)
        if width > known:
            stream.append((known, UnitGroup(width - known)))
        for first, units in stream:
            units.axes.append(UnitAxis(f"{name}.weight", 0, first))
            if isinstance(module, BatchNorm | ScaleBias):
                units.axes.append(UnitAxis(f"{name}.bias", 0, first))

    def leave(name: str) -> None:
        """Record a module that reads the stream."""
        for first, units in stream:
            units.axes.append(UnitAxis(f"{name}.weight", 1, first))

    shapes = {name: tuple(value.shape) for name, value in network.named_parameters()}
    width = shapes["stem.weight"][0]
    enter("stem", width, None)
    if isinstance(network.norm, BatchNorm | ScaleBias):
        enter("norm", width, network.norm)
    for place, block in enumerate(network.blocks):
        name = f"blocks.{place}"
        after = shapes[f"{name}.conv1.weight"][0]
        inside = UnitGroup(after, [UnitAxis(f"{name}.conv1.weight", 0), UnitAxis(f"{name}.conv2.weight", 1)])
        leave(f"{name}.conv1")
        enter(f"{name}.conv2", after, None)
        if isinstance(block, Block):
            inside.axes.extend([UnitAxis(f"{name}.norm1.weight", 0), UnitAxis(f"{name}.norm1.bias", 0)])
            enter(f"{name}.norm2", after, block.norm2)
        inside.sites.append((f"{name}.bias2" if isinstance(block, FixupBlock) else f"{name}.norm1", 0))
        inner.append(inside)
        for first, units in stream:
            units.sites.append((name, first))
    leave("head")
    return [units for _, units in stream] + inner


def draw_permutations(groups: Sequence[UnitGroup], number: int) -> list[Tensor]:
    """Draw the N-th random permutation of each group, shape (units,): new unit i is old unit order[i]."""
    source = generator("permutation", number)
    return [torch.randperm(units.size, generator=source) for units in groups]


def permute_units(theta: Tensor, layout: Layout, groups: Sequence[UnitGroup], orders: Sequence[Tensor]) -> Tensor:
    """Permute the hidden units of a network.

    Args:
        theta: Weights, shape (D,).
        layout: Names and shapes of the parameters.
        groups: Groups of hidden units, from `find_hidden_units`.
        orders: A permutation of each group, shape (size,): new unit i is old unit order[i].

    Returns:
        Weights that give the same function, shape (D,).
    """
    parameters = layout.split(theta)
    for units, order in zip(groups, orders, strict=True):
        for axis in units.axes:
            value = parameters[axis.parameter]
            index = torch.arange(value.shape[axis.axis])
            index[axis.span(units.size)] = _unit_indices(axis, order)
            parameters[axis.parameter] = value.index_select(axis.axis, index.to(value.device))
    return layout.join(parameters)


def _unit_indices(axis: UnitAxis, order: Tensor) -> Tensor:
    """Return the indices along an axis of units in a given order."""
    each = torch.arange(axis.each)
    return (((axis.first + order) * axis.each)[:, None] + each).flatten()
