"""How far a curve rises above the chord, the straight line between its ends."""

import numpy as np

from stages.measures.declare import measure
from stages.measures.validation import check_lines, finite_or_nan


# Shape letters: L = lines, A = alphas along each.
def chord(values_LA: np.ndarray, alphas_A: np.ndarray) -> np.ndarray:
    """Return the straight line between the first and the last value of each curve.

    Args:
        values_LA: Loss along each line, shape (L, A).
        alphas_A: Increasing alphas, shape (A,).

    Returns:
        Values of the chord in the unit of `values_LA`, shape (L, A).
    """
    share_A = (alphas_A - alphas_A[0]) / (alphas_A[-1] - alphas_A[0])
    return values_LA[:, :1] * (1 - share_A) + values_LA[:, -1:] * share_A


@measure(
    "excess_over_chord",
    of=("loss_train", "alphas"),
    unit="unit of the loss",
    about="largest training loss above the chord between the ends",
    source="Entezari et al. 2022",
    order=120,
)
def excess_over_chord(values_LA: np.ndarray, alphas_A: np.ndarray) -> np.ndarray:
    """Return how far each line rises above its chord, at least 0.

    The excess is the maximum over alpha of L(alpha) - (1 - alpha) L_0 - alpha L_1, which Entezari et al. 2022
    (arXiv:2110.06296) call the barrier.

    Args:
        values_LA: Loss along each line, shape (L, A).
        alphas_A: Increasing alphas, shape (A,).

    Returns:
        Excess in the unit of `values_LA`, shape (L,); NaN for a line with a value that is not finite.

    Raises:
        ValueError: If `values_LA` is not 2-D or has fewer than two alphas, or `alphas_A` is of another length.
    """
    check_lines(values_LA, alphas_A)
    with np.errstate(invalid="ignore"):
        return finite_or_nan(values_LA, (values_LA - chord(values_LA, alphas_A)).max(axis=1))
