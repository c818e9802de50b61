"""The size of a network, by which stages decide how much to compute at once."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves


@dataclass(frozen=True)
class Sizes:
    """Numbers of a network's weights and activations."""

    weights: int
    """Number of trainable parameters."""
    activations: int
    """Number of inputs and of outputs of all layers, for one example."""
    largest: int
    """Largest number of outputs of a layer, for one example."""


def sizes(network: nn.Module, shape: tuple[int, ...]) -> Sizes:
    """Return the sizes of a network for examples of a shape; layers are modules with parameters of their own."""
    found: list[int] = []
    call_once(network, shape, lambda layer, output: found.append(_numbers(output)))
    weights = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return Sizes(weights, prod(shape) + sum(found), max(found, default=prod(shape)))


def _numbers(output: object) -> int:
    return sum(leaf.numel() for leaf in tree_leaves(output) if isinstance(leaf, Tensor))


def call_once(network: nn.Module, shape: tuple[int, ...], note: Callable[[nn.Module, object], None]) -> None:
    """Call a network on one example, and a function with each module that has parameters of its own.

    Args:
        network: The network.
        shape: Shape of one example.
        note: Function that is called with each such module and its output, in the order of the forward pass.
    """
    layers = [module for module in network.modules() if next(module.parameters(recurse=False), None) is not None]
    handles = [layer.register_forward_hook(lambda layer, inputs, output: note(layer, output)) for layer in layers]
    example = network.example() if hasattr(network, "example") else torch.zeros((1, *shape))
    some = next(network.parameters())
    try:
        with torch.no_grad():
            network(example.to(some.device, some.dtype if example.is_floating_point() else example.dtype))
    finally:
        for handle in handles:
            handle.remove()
