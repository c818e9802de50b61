"""Where a line is to be looked at more closely, and its min Delta with what was seen there."""

import numpy as np

from stages.measures.checked import check_lines
from stages.measures.monotonicity import min_delta


def largest_rise(values_A: np.ndarray) -> tuple[int, int]:
    """Return i < j with the largest L_j - L_i: the largest rise, or where the line never rises its slowest fall."""
    lowest = np.minimum.accumulate(values_A)[:-1]
    j = 1 + int((values_A[1:] - lowest).argmax())
    return int(j - 1 - values_A[:j][::-1].argmin()), j


def between(values_A: np.ndarray, alphas_A: np.ndarray, points: int) -> np.ndarray:
    """Return new alphas on both sides of the start and of the top of a line's largest rise.

    A bump between two samples, or a top beside one, is found where samples already hint at it.

    Args:
        values_A: Loss along the line, shape (A,), finite.
        alphas_A: Increasing alphas, shape (A,).
        points: New alphas in each of the intervals, equally spaced.

    Returns:
        Increasing alphas, none of them in `alphas_A`, shape (4 points,) at most.
    """
    steps = sorted({step for place in largest_rise(values_A) for step in (place - 1, place)})
    steps = [step for step in steps if 0 <= step < len(alphas_A) - 1]
    inner = np.arange(1, points + 1) / (points + 1)
    new = [alphas_A[step] + inner * (alphas_A[step + 1] - alphas_A[step]) for step in steps]
    return np.setdiff1d(np.concatenate(new), alphas_A)


def refined_min_delta(
    values_LA: np.ndarray, alphas_A: np.ndarray, more_LR: np.ndarray, more_alphas_LR: np.ndarray
) -> np.ndarray:
    """Return min Delta over all samples of each line, those added between the others included.

    Args:
        values_LA: Loss along each line, shape (L, A).
        alphas_A: Increasing alphas, shape (A,).
        more_LR: Loss at further alphas, shape (L, R); NaN beyond those that a line has.
        more_alphas_LR: Those alphas, shape (L, R); NaN likewise.

    Returns:
        At least `min_delta`, shape (L,); NaN for a line without further samples or with a value that is not finite.

    Raises:
        ValueError: If `values_LA` is not 2-D or has fewer than two alphas, or `alphas_A` is of another length.
    """
    check_lines(values_LA, alphas_A)
    found = np.full(len(values_LA), np.nan)
    for line, (values, more, where) in enumerate(zip(values_LA, more_LR, more_alphas_LR, strict=True)):
        some = ~np.isnan(where)
        if some.any():
            order = np.argsort(np.concatenate([alphas_A, where[some]]), kind="stable")
            found[line] = min_delta(np.concatenate([values, more[some]])[order][None])[0]
    return found
