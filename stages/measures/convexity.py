"""How convex a curve is."""

import numpy as np

from stages.measures.declare import measure
from stages.measures.excess_over_chord import chord
from stages.measures.validation import check_lines, finite_or_nan


# Shape letters: L = lines, A = alphas along each.
@measure(
    "local_convexity",
    of=("loss_train", "alphas"),
    unit="proportion of inner α",
    about="share of inner α at which the training loss bends upwards",
    source="Lim et al. 2024",
    order=130,
)
def local_convexity(values_LA: np.ndarray, alphas_A: np.ndarray) -> np.ndarray:
    """Return the share of inner points at which each line bends upwards or not at all.

    A point counts if its value is at most that of the chord between its neighbours; for equal steps, if the second
    difference is not negative (Lim et al. 2024, arXiv:2405.20231).

    Args:
        values_LA: Loss along each line, shape (L, A), A at least 3.
        alphas_A: Increasing alphas, shape (A,).

    Returns:
        Proportion of inner points, shape (L,); NaN for a line with a value that is not finite.

    Raises:
        ValueError: If `values_LA` is not 2-D or has fewer than two alphas, or `alphas_A` is of another length.
    """
    check_lines(values_LA, alphas_A)
    share_A = (alphas_A[1:-1] - alphas_A[:-2]) / (alphas_A[2:] - alphas_A[:-2])
    with np.errstate(invalid="ignore"):
        between = values_LA[:, :-2] * (1 - share_A) + values_LA[:, 2:] * share_A
        return finite_or_nan(values_LA, (values_LA[:, 1:-1] <= between).mean(axis=1))


@measure(
    "global_convexity",
    of=("loss_train", "alphas"),
    unit="proportion of inner α",
    about="share of inner α at which the training loss is not above the chord",
    source="Lim et al. 2024",
    order=140,
)
def global_convexity(values_LA: np.ndarray, alphas_A: np.ndarray) -> np.ndarray:
    """Return the share of inner points at which each line is not above the chord between its ends.

    The definition is that of Lim et al. 2024 (arXiv:2405.20231), with the last value at the end of the chord.

    Args:
        values_LA: Loss along each line, shape (L, A), A at least 3.
        alphas_A: Increasing alphas, shape (A,).

    Returns:
        Proportion of inner points, shape (L,); NaN for a line with a value that is not finite.

    Raises:
        ValueError: If `values_LA` is not 2-D or has fewer than two alphas, or `alphas_A` is of another length.
    """
    check_lines(values_LA, alphas_A)
    with np.errstate(invalid="ignore"):
        below = values_LA <= chord(values_LA, alphas_A)
    return finite_or_nan(values_LA, below[:, 1:-1].mean(axis=1))
