"""A fine grid of alphas around the largest rise of a line, and min Delta with the losses on that grid."""

import numpy as np

from stages.measures.declare import Needs, measure
from stages.measures.monotonicity import min_delta
from stages.measures.validation import check_lines


# Shape letters: L = lines, A = alphas along each, R = alphas of the fine grid.
def largest_rise(values_A: np.ndarray) -> tuple[int, int]:
    """Return the indices i < j with the largest L_j - L_i, which is below 0 for a line that only falls.

    Args:
        values_A: Loss along the line, shape (A,), finite.

    Returns:
        Index of the start and of the top of the largest rise.
    """
    lowest = np.minimum.accumulate(values_A)[:-1]
    j = 1 + int((values_A[1:] - lowest).argmax())
    return int(j - 1 - values_A[:j][::-1].argmin()), j


def between(values_A: np.ndarray, alphas_A: np.ndarray, points: int) -> np.ndarray:
    """Return alphas of a fine grid on both sides of the start and of the top of a line's largest rise.

    These intervals are where a higher top or a lower start between two samples is most likely.

    Args:
        values_A: Loss along the line, shape (A,), finite.
        alphas_A: Increasing alphas, shape (A,).
        points: Number of new alphas in each of the intervals, equally spaced.

    Returns:
        Increasing alphas, none of them in `alphas_A`, shape (4 points,) at most.
    """
    steps = sorted({step for place in largest_rise(values_A) for step in (place - 1, place)})
    steps = [step for step in steps if 0 <= step < len(alphas_A) - 1]
    inner = np.arange(1, points + 1) / (points + 1)
    new = [alphas_A[step] + inner * (alphas_A[step + 1] - alphas_A[step]) for step in steps]
    return np.setdiff1d(np.concatenate(new), alphas_A)


@measure(
    "min_delta_refined",
    of=("loss_train", "alphas", "refined_loss", "refined_alphas"),
    unit="unit of the loss",
    about="min Δ with a fine grid of α around the largest rise",
    needs=(Needs.FINE_GRID,),
    order=50,
)
def refined_min_delta(
    values_LA: np.ndarray, alphas_A: np.ndarray, fine_LR: np.ndarray, fine_alphas_LR: np.ndarray
) -> np.ndarray:
    """Return min Delta over all samples of each line, those of its fine grid included.

    Args:
        values_LA: Loss along each line, shape (L, A).
        alphas_A: Increasing alphas, shape (A,).
        fine_LR: Loss on the fine grid, shape (L, R); NaN beyond the alphas that a line has.
        fine_alphas_LR: Alphas of the fine grid, shape (L, R); NaN beyond those that a line has.

    Returns:
        At least `min_delta`, shape (L,); NaN for a line without a fine grid or with a value that is not finite.

    Raises:
        ValueError: If `values_LA` is not 2-D or has fewer than two alphas, or `alphas_A` is of another length.
    """
    check_lines(values_LA, alphas_A)
    found = np.full(len(values_LA), np.nan)
    for line, (values, fine, fine_alphas) in enumerate(zip(values_LA, fine_LR, fine_alphas_LR, strict=True)):
        present = ~np.isnan(fine_alphas)
        if present.any():
            order = np.argsort(np.concatenate([alphas_A, fine_alphas[present]]), kind="stable")
            found[line] = min_delta(np.concatenate([values, fine[present]])[order][None])[0]
    return found
