"""Matching of the hidden units of two networks (Ainsworth, Hayase and Srinivasa 2022, "Git Re-Basin").

The units of the second network are permuted so that the two networks are as similar as permutations allow.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.func import functional_call

from stages.lines.unit_permutations import UnitAxis, UnitGroup, permute_units
from stages.networks.evaluation import Task
from stages.networks.parameter_layout import Layout
from stages.shared.seeds import generator

MOST_SWEEPS = 100
"""Largest number of sweeps of weight matching over all groups; it usually converges after a few."""
SMALLEST_GAIN = 1e-9
"""Smallest improvement of an assignment, relative to the sum of products, that is not rounding."""


def match_weights(reference: Tensor, other: Tensor, layout: Layout, groups: Sequence[UnitGroup]) -> list[Tensor]:
    """Find the permutation of hidden units that makes the weights of one network most similar to those of another.

    Coordinate ascent in the inner product of the two weight vectors, with one linear assignment per group, from the
    identity (algorithm 1 of Ainsworth et al.). Groups are visited in a random order that is the same each time.

    Args:
        reference: Weights of one network, shape (D,).
        other: Weights of the other network, whose units are to be permuted, shape (D,).
        layout: Names and shapes of the parameters of both.
        groups: Groups of hidden units, from `find_hidden_units`.

    Returns:
        The order of each group, shape (units,), as `permute_units` takes it.
    """
    reference, other = reference.double().cpu(), other.double().cpu()
    orders = [torch.arange(units.size) for units in groups]
    fixed = layout.split(reference)
    source = generator("matching", 0)
    for _ in range(MOST_SWEEPS):
        better = False
        for place in torch.randperm(len(groups), generator=source).tolist():
            units, size = groups[place], groups[place].size
            without = [*orders]
            without[place] = torch.arange(size)
            moved = layout.split(permute_units(other, layout, groups, without))
            products = torch.zeros(size, size, dtype=torch.float64)
            for axis in units.axes:
                rows, columns = (_unit_rows(values[axis.parameter], axis, size) for values in (fixed, moved))
                products = products + rows @ columns.mT
            order = _assign(products)
            unit = torch.arange(size)
            gained = products[unit, order].sum() - products[unit, orders[place]].sum()
            if gained > SMALLEST_GAIN * products.abs().sum():
                orders[place], better = order, True
        if not better:
            break
    return orders


def match_activations(
    task: Task, reference: Tensor, other: Tensor, groups: Sequence[UnitGroup], examples: int
) -> list[Tensor]:
    """Find the permutation of hidden units that makes their activations on training examples most similar.

    One linear assignment per group by the inner products of activations (Ainsworth et al., equation 1); batch norm
    normalises by these examples.

    Args:
        task: Network and data.
        reference: Weights of one network, shape (D,).
        other: Weights of the other network, whose units are to be permuted, shape (D,).
        groups: Groups of hidden units, from `find_hidden_units`.
        examples: Number of training examples, from the first.

    Returns:
        The order of each group, shape (units,), as `permute_units` takes it.
    """
    first, second = (_activations(task, theta, groups, examples) for theta in (reference, other))
    return [_assign(a.mT @ b) for a, b in zip(first, second, strict=True)]


def _assign(products: Tensor) -> Tensor:
    """Return the column that the linear assignment with the largest sum gives each row."""
    rows, columns = linear_sum_assignment(products.cpu().numpy(), maximize=True)
    return torch.from_numpy(columns[np.argsort(rows)])


def _unit_rows(value: Tensor, axis: UnitAxis, size: int) -> Tensor:
    """Return the elements of a parameter that belong to each unit, shape (size, elements)."""
    return value.movedim(axis.axis, 0)[axis.span(size)].reshape(size, -1)


def _activations(task: Task, theta: Tensor, groups: Sequence[UnitGroup], examples: int) -> list[Tensor]:
    """Return the activations of each group's units, shape (examples x pixels x modules, size)."""
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
