"""Which hidden units of two networks are alike (Ainsworth, Hayase and Srinivasa 2022, "Git Re-Basin").

A permutation is one of the second network's units; with it, the two lie as close as permutations let them.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.func import functional_call

from stages.lines.symmetry import Axis, Units, permute
from stages.networks.evaluation import Task
from stages.networks.layout import Layout
from stages.shared.seeds import generator

SWEEPS = 100
"""Of weight matching over all groups, at most; it ends where none gains, after a few as a rule."""
GAIN = 1e-9
"""Share of the sum of products by which an assignment has to be better, beyond rounding."""


def match_weights(reference: Tensor, other: Tensor, layout: Layout, groups: Sequence[Units]) -> list[Tensor]:
    """Find the order of hidden units in which the weights of one network are most like those of another.

    Coordinate ascent in the inner product of the two vectors, a linear assignment a group, from the order as it is
    (algorithm 1 of Ainsworth et al.); the groups in a random order that is the same each time.

    Args:
        reference: Weights of one network, shape (D,).
        other: Those of the other, whose units are to be permuted, shape (D,).
        layout: Of both.
        groups: Of hidden units.

    Returns:
        The order of each group, as `permute` takes it.
    """
    reference, other = reference.double().cpu(), other.double().cpu()
    orders = [torch.arange(units.size) for units in groups]
    fixed = layout.split(reference)
    source = generator("matching", 0)
    for _ in range(SWEEPS):
        better = False
        for place in torch.randperm(len(groups), generator=source).tolist():
            units = groups[place]
            without = [*orders]
            without[place] = torch.arange(units.size)
            moved = layout.split(permute(other, layout, groups, without))
            products = sum(
                _units(fixed[axis.parameter], axis, units.size) @ _units(moved[axis.parameter], axis, units.size).mT
                for axis in units.axes
            )
            order = _assign(products)
            rows = torch.arange(units.size)
            gained = products[rows, order].sum() - products[rows, orders[place]].sum()
            if gained > GAIN * products.abs().sum():
                orders[place], better = order, True
        if not better:
            break
    return orders


def match_activations(
    task: Task, reference: Tensor, other: Tensor, groups: Sequence[Units], examples: int
) -> list[Tensor]:
    """Find the order of hidden units in which they respond most alike to training examples.

    A linear assignment a group by the inner products of activations (Ainsworth et al., equation 1); batch norm
    normalises by these examples.

    Args:
        task: Network and data.
        reference: Weights of one network, shape (D,).
        other: Those of the other, whose units are to be permuted, shape (D,).
        groups: Of hidden units.
        examples: How many of the training examples, from the first.

    Returns:
        The order of each group, as `permute` takes it.
    """
    first, second = (_activations(task, theta, groups, examples) for theta in (reference, other))
    return [_assign(a.mT @ b) for a, b in zip(first, second, strict=True)]


def _assign(products: Tensor) -> Tensor:
    """Return for each row the column of the assignment with the largest sum."""
    rows, columns = linear_sum_assignment(products.cpu().numpy(), maximize=True)
    return torch.from_numpy(columns[np.argsort(rows)])


def _units(value: Tensor, axis: Axis, size: int) -> Tensor:
    """Return what a parameter has of each unit, shape (size, rest)."""
    return value.movedim(axis.axis, 0)[axis.span(size)].reshape(size, -1)


def _activations(task: Task, theta: Tensor, groups: Sequence[Units], examples: int) -> list[Tensor]:
    """Return the activations of each group's units, examples (pixels and modules) down, shape (rows, size)."""
    modules = dict(task.network.named_modules())
    seen: dict[str, Tensor] = {}

    def keep(name: str):
        def hook(module: torch.nn.Module, given: tuple, output: Tensor) -> None:
            seen[name] = output

        return hook

    names = {name for units in groups for name, _ in units.sites}
    handles = [modules[name].register_forward_hook(keep(name)) for name in sorted(names)]
    try:
        with torch.no_grad():
            functional_call(task.network, task.layout.split(theta.to(task.train.x)), (task.train.x[:examples],))
    finally:
        for handle in handles:
            handle.remove()
    found = []
    for units in groups:
        parts = [
            seen[name].movedim(1, -1).flatten(0, -2)[:, first : first + units.size].double()
            for name, first in units.sites
        ]
        found.append(torch.cat(parts))
    return found
