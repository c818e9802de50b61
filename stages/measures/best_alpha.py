"""The best point of a line: how much the loss rises before it, and how much after it."""

import numpy as np

from stages.measures.declare import measure
from stages.measures.monotonicity import min_delta
from stages.measures.validation import check_lines, finite_or_nan


# Shape letters: L = lines, A = alphas along each.
@measure(
    "min_delta_to_best",
    of=("loss_train",),
    unit="unit of the loss",
    about="min Δ of the line cut at its lowest training loss",
    summarised=False,
    order=92,
)
def min_delta_to_best(values_LA: np.ndarray) -> np.ndarray:
    """Return min Delta of each line from its start to its (first) lowest value.

    A line whose min Delta is large and whose min Delta up to the best point is 0 fails at the end only: it falls to its
    minimum, passes it, and climbs.

    Args:
        values_LA: Loss along each line, shape (L, A), alpha increasing along the second axis.

    Returns:
        min Delta in the unit of `values_LA`, shape (L,); NaN for a line with a value that is not finite.

    Raises:
        ValueError: If `values_LA` is not 2-D or has fewer than two alphas.
    """
    check_lines(values_LA)
    after_best_LA = np.arange(values_LA.shape[1]) > values_LA.argmin(axis=1)[:, None]
    lowest_L1 = values_LA.min(axis=1, keepdims=True)
    return finite_or_nan(values_LA, min_delta(np.where(after_best_LA, lowest_L1, values_LA)))


@measure(
    "rise_after_best",
    of=("loss_train",),
    unit="unit of the loss",
    about="training loss at the end of the line above its lowest value",
    summarised=False,
    order=94,
)
def rise_after_best(values_LA: np.ndarray) -> np.ndarray:
    """Return how far the loss at the end of each line is above the lowest loss on the line.

    Args:
        values_LA: Loss along each line, shape (L, A).

    Returns:
        Rise in the unit of `values_LA`, at least 0, shape (L,); NaN for a line with a value that is not finite.

    Raises:
        ValueError: If `values_LA` is not 2-D or has fewer than two alphas.
    """
    check_lines(values_LA)
    with np.errstate(invalid="ignore"):
        return finite_or_nan(values_LA, values_LA[:, -1] - values_LA.min(axis=1))
