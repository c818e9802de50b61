"""Which intervals of alpha to bisect, so that Gauss lengths are resolved."""

from collections.abc import Sequence

import numpy as np


# Shape letters: A = alphas, I = intervals between them, A - 1.
def interval_changes(steps_I: np.ndarray, doubled: np.ndarray) -> np.ndarray:
    """Return how much each interval's part of a length changes with the grid.

    Where the alpha between two adjacent intervals is left out, their two parts become one. Half of this change is put
    down to each of the two, and averaged over the two alphas at an interval's ends.

    Args:
        steps_I: Part of each interval in the length, shape (I,).
        doubled: Part of each pair of adjacent intervals when the alpha between them is left out, shape (I - 1,).

    Returns:
        At least 0, shape (I,). Their sum is, but for the ends, the change of the whole length with every second alpha
        left out, without cancellation.
    """
    change = np.abs(steps_I[:-1] + steps_I[1:] - doubled)
    if not change.size:
        return np.zeros_like(steps_I)
    beside = np.concatenate([change[:1], change, change[-1:]])
    return (beside[:-1] + beside[1:]) / 4


def relative_change(changes_I: np.ndarray, length: float) -> float:
    """Return the sum of the changes of all intervals relative to the length; 0 for a length of 0."""
    return float(changes_I.sum() / length) if length > 0 else 0.0


def select_intervals(parts: Sequence[tuple[np.ndarray, float]], tolerance: float, most: int) -> np.ndarray:
    """Return the intervals to bisect: the fewest that hold all but half of the tolerated change.

    Args:
        parts: For each estimator the changes of the intervals, shape (I,), and its length.
        tolerance: Relative change at which an estimator is resolved.
        most: Largest number of intervals to return; those with the largest relative changes go first.

    Returns:
        Increasing indices of intervals; empty if all estimators are resolved.
    """
    size = len(parts[0][0])
    relative: np.ndarray = np.zeros(size)
    chosen = np.zeros(size, dtype=bool)
    for changes, length in parts:
        if relative_change(changes, length) > tolerance:
            share = changes / length
            order = np.argsort(-share, kind="stable")
            left = share.sum() - np.cumsum(share[order])
            chosen[order[: 1 + int((left > tolerance / 2).sum())]] = True
            relative = np.maximum(relative, share)
    wanted = np.flatnonzero(chosen)
    return np.sort(wanted[np.argsort(-relative[wanted], kind="stable")][:most])
