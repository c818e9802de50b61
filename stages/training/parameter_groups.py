"""Groups of adjacent parameters: an optimizer updates the parameters of a group in one call."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from stages.networks.parameter_layout import Layout
from stages.networks.residual import scalar_names

GROUP_NUMBERS = 2**17
"""Largest number of values in a group of several parameters: more would leave the processor's cache."""


# Shape letters: R = runs in the stack, D = parameters of a run, P = parameters in a group.
class ParameterGroups:
    """Views of stacked weights, and stacked gradients, by groups of adjacent parameters."""

    def __init__(self, layout: Layout, runs: int) -> None:
        """Choose the groups.

        Args:
            layout: Names and shapes of the parameters in a weight vector.
            runs: Number of runs in the stack.
        """
        self.layout = layout
        self.slices = group_by_size([runs * prod(shape) for shape in layout.shapes])

    def split(self, theta_RD: Tensor) -> list[Tensor]:
        """Return a view of each group in stacked weight vectors, shape (R, P) each."""
        sizes = [sum(prod(shape) for shape in self.layout.shapes[group]) for group in self.slices]
        return list(theta_RD.split(sizes, dim=1))

    def join(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """Join the gradients of the parameters in each group.

        Args:
            gradients: The gradient of each parameter, shape (R, ...).

        Returns:
            The gradient of each group, shape (R, P); no two share memory.
        """
        if len({gradient.data_ptr() for gradient in gradients}) < len(gradients):
            gradients = [gradient.clone() for gradient in gradients]  # a sum of two parameters gives both one gradient
        flat = [[gradient.flatten(1) for gradient in gradients[group]] for group in self.slices]
        return [parts[0].contiguous() if len(parts) == 1 else torch.cat(parts, 1) for parts in flat]

    def lr_factors(self, network: nn.Module, factor: float, like: Tensor) -> list[Tensor | None]:
        """Return by what the learning rate of each parameter is multiplied.

        Args:
            network: The network.
            factor: Factor of scalar parameters, such as Fixup's biases and scales; it is 1 for all others.
            like: A tensor of the dtype and on the device of the weights.

        Returns:
            The factors of each group, shape (P,); None where all are 1.
        """
        scalars = scalar_names(network)
        if factor == 1 or not scalars:
            return [None] * len(self.slices)
        factors = [
            like.new_tensor(factor if name in scalars else 1.0).expand(prod(shape))
            for name, shape in zip(self.layout.names, self.layout.shapes, strict=True)
        ]
        grouped = [torch.cat(factors[group]) for group in self.slices]
        return [None if bool((values == 1).all()) else values for values in grouped]


def group_by_size(sizes: Sequence[int]) -> list[slice]:
    """Group adjacent parameters: many small ones, or a single large one.

    Args:
        sizes: Number of values of each parameter.

    Returns:
        The parameters of each group, as a slice.
    """
    groups, start, numbers = [], 0, 0
    for place, size in enumerate(sizes):
        if numbers and numbers + size > GROUP_NUMBERS:
            groups.append(slice(start, place))
            start, numbers = place, 0
        numbers += size
    return [*groups, slice(start, len(sizes))]
