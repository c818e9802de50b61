"""How much a curve rises, in shares of its whole fall."""

import numpy as np

from stages.measures.declare import Needs, measure
from stages.measures.monotonicity import min_delta
from stages.measures.validation import check_lines


# Shape letters: L = lines, A = alphas along each.
@measure(
    "relative_delta",
    of=("loss_train",),
    unit="ratio",
    about="min Δ over the fall from end to end",
    needs=(Needs.FALL,),
    summarised=False,
    order=110,
)
def relative_delta(values_LA: np.ndarray) -> np.ndarray:
    """Return min Delta over the fall between the endpoints, L(alpha_first) - L(alpha_last).

    Args:
        values_LA: Loss along each line, shape (L, A).

    Returns:
        A ratio without unit, shape (L,); NaN where the line does not fall from end to end or is not finite.

    Raises:
        ValueError: If `values_LA` is not 2-D or has fewer than two alphas.
    """
    check_lines(values_LA)
    with np.errstate(invalid="ignore", divide="ignore"):
        fall_L = values_LA[:, 0] - values_LA[:, -1]
        return np.where(fall_L > 0, min_delta(values_LA) / fall_L, np.nan)
