"""How far a curve rises above both of its ends."""

import numpy as np

from stages.measures.declare import measure
from stages.measures.validation import check_lines, finite_or_nan


# Shape letters: L = lines, A = alphas along each.
@measure(
    "barrier",
    of=("loss_train",),
    unit="unit of the loss",
    about="largest training loss above the higher end",
    source="Frankle et al. 2020",
    order=80,
)
def barrier(values_LA: np.ndarray) -> np.ndarray:
    """Return how far each line rises above the higher of its endpoints, at least 0.

    The loss barrier of linear mode connectivity (Frankle et al. 2020, arXiv:1912.05671, with the higher endpoint in
    place of their mean).

    Args:
        values_LA: Loss along each line, shape (L, A).

    Returns:
        Barrier in the unit of `values_LA`, shape (L,); NaN for a line with a value that is not finite.

    Raises:
        ValueError: If `values_LA` is not 2-D or has fewer than two alphas.
    """
    check_lines(values_LA)
    with np.errstate(invalid="ignore"):
        above_L = values_LA.max(axis=1) - np.maximum(values_LA[:, 0], values_LA[:, -1])
    return finite_or_nan(values_LA, above_L)
