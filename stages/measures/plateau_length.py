"""How long a curve stays at its initial level."""

import numpy as np

from stages.measures.declare import Needs, measure
from stages.measures.validation import check_lines


# Shape letters: L = lines, A = alphas along each.
@measure(
    "plateau_length",
    of=("loss_train", "alphas", "plateau_share"),
    unit="α",
    about="α until the training loss has fallen by plateau_share of its whole fall",
    source="Wang et al. 2023",
    needs=(Needs.FALL,),
    order=150,
)
@measure(
    "plateau_length_error",
    of=("error_train", "alphas", "plateau_share"),
    unit="α",
    about="α until the classification error has fallen by plateau_share of its whole fall",
    source="Wang et al. 2023",
    needs=(Needs.FALL, Needs.CLASSES),
    order=160,
)
def plateau_length(values_LA: np.ndarray, alphas_A: np.ndarray, share: float) -> np.ndarray:
    """Return how far each line goes before it has fallen by a share of its whole fall.

    The length is sup{alpha : L(beta) >= L_0 - share (L_0 - L_1) for all beta <= alpha}, less the first alpha, with
    linear interpolation between samples. Wang et al. 2023 (arXiv:2210.01019) plot this plateau without defining it.

    Args:
        values_LA: Loss (or error) along each line, shape (L, A).
        alphas_A: Increasing alphas, shape (A,).
        share: Share of the fall from end to end, between 0 and 1.

    Returns:
        Length in alpha, shape (L,); NaN where the line does not fall from end to end or is not finite.

    Raises:
        ValueError: If `values_LA` is not 2-D or has fewer than two alphas, or `alphas_A` is of another length.
    """
    check_lines(values_LA, alphas_A)
    lengths = np.full(len(values_LA), np.nan)
    for line, values in enumerate(values_LA):
        fall = values[0] - values[-1]
        if not (np.isfinite(values).all() and fall > 0):
            continue
        level = values[0] - share * fall
        k = int(np.flatnonzero(values < level)[0]) if (values < level).any() else len(values) - 1
        part = (values[k - 1] - level) / (values[k - 1] - values[k])
        lengths[line] = alphas_A[k - 1] + part * (alphas_A[k] - alphas_A[k - 1]) - alphas_A[0]
    return lengths
