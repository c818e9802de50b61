"""How much a curve rises on its way down: min Delta, and whether a line counts as monotone."""

import numpy as np

from stages.measures.declare import PAPER, Needs, measure
from stages.measures.validation import check_lines, finite_or_nan


# Shape letters: L = lines, A = alphas along each.
@measure(
    "min_delta",
    of=("loss_train",),
    unit="unit of the loss",
    about="largest rise of the training loss from one α to a later one",
    source=PAPER,
    summarised=False,
    order=20,
)
@measure(
    "min_delta_test",
    of=("loss_test",),
    unit="unit of the loss",
    about="min Δ of the test loss",
    source=PAPER,
    summarised=False,
    order=30,
)
@measure(
    "min_delta_error",
    of=("error_train",),
    unit="proportion of examples",
    about="min Δ of the classification error",
    source="Tao et al. 2024",
    needs=(Needs.CLASSES,),
    order=40,
)
def min_delta(values_LA: np.ndarray) -> np.ndarray:
    """Return min Delta, the smallest Delta for which each sampled line is Delta-monotonic.

    min Delta = max(0, max over i < j of L(alpha_j) - L(alpha_i)) (Lucas et al. 2021, definition 1), so 0 means that
    the sampled line never rises. It is a lower bound on that of the continuous line.

    Args:
        values_LA: Loss (or error) along each line, shape (L, A), alpha increasing along the second axis.

    Returns:
        min Delta in the unit of `values_LA`, shape (L,); NaN for a line with a value that is not finite.

    Raises:
        ValueError: If `values_LA` is not 2-D or has fewer than two alphas.
    """
    check_lines(values_LA)
    with np.errstate(invalid="ignore"):
        rise_L = (values_LA - np.minimum.accumulate(values_LA, axis=1)).max(axis=1)
    return finite_or_nan(values_LA, rise_L)


@measure(
    "monotonic",
    of=("loss_train", "tolerance"),
    unit="True or False",
    about="verdict whether min Δ is at most the suite's tolerance",
    source=PAPER,
    summarised=False,
    order=70,
)
def monotonic(values_LA: np.ndarray, tolerance: float) -> np.ndarray:
    """Return whether each line is monotone.

    Args:
        values_LA: Loss along each line, shape (L, A).
        tolerance: Largest min Delta of a monotone line, in the unit of `values_LA`.

    Returns:
        True where min Delta is within the tolerance, shape (L,); False for a line that is not finite.
    """
    return min_delta(values_LA) <= tolerance
