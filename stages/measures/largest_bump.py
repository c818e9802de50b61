"""Where the largest rise of a curve is, and how wide."""

from dataclasses import dataclass

import numpy as np

from stages.measures.declare import Needs, measure
from stages.measures.monotonicity import min_delta
from stages.measures.validation import check_lines


# Shape letters: L = lines, A = alphas along each.
@dataclass(frozen=True)
class Bump:
    """Where the largest rise of each line is; all of shape (L,), NaN where a line never rises or is not finite."""

    top: np.ndarray
    """alpha at the top of the largest rise."""
    width: np.ndarray
    """Length in alpha from the start of the rise until the loss is back at its level there, or to the line's end."""


def largest_bump(values_LA: np.ndarray, alphas_A: np.ndarray) -> Bump:
    """Locate the largest rise of each line.

    The rise starts at alpha_i, the last minimum before its top alpha_j, with L(alpha_j) - L(alpha_i) = min Delta. It is
    over where the line comes back to the level L(alpha_i), by linear interpolation between samples.

    Args:
        values_LA: Loss along each line, shape (L, A).
        alphas_A: Increasing alphas, shape (A,).

    Returns:
        Top and width of the bump of each line, in alpha.

    Raises:
        ValueError: If `values_LA` is not 2-D, has fewer than two alphas, or `alphas_A` is of another length.
    """
    check_lines(values_LA, alphas_A)
    top = np.full(len(values_LA), np.nan)
    width = np.full(len(values_LA), np.nan)
    for line, (values, rise) in enumerate(zip(values_LA, min_delta(values_LA), strict=True)):
        if not rise > 0:
            continue
        j = int((values - np.minimum.accumulate(values)).argmax())
        i = j - 1 - int(values[:j][::-1].argmin())
        top[line] = alphas_A[j]
        back = np.flatnonzero(values[j:] <= values[i])
        if back.size == 0:
            end = alphas_A[-1]
        else:
            k = j + int(back[0])
            share = (values[k - 1] - values[i]) / (values[k - 1] - values[k])
            end = alphas_A[k - 1] + share * (alphas_A[k] - alphas_A[k - 1])
        width[line] = end - alphas_A[i]
    return Bump(top, width)


@measure(
    "bump_alpha",
    of=("loss_train", "alphas"),
    unit="α",
    about="α at the top of the largest rise",
    needs=(Needs.RISE,),
    summarised=False,
    order=90,
)
def bump_alpha(values_LA: np.ndarray, alphas_A: np.ndarray) -> np.ndarray:
    """Return alpha at the top of the largest rise of each line, shape (L,)."""
    return largest_bump(values_LA, alphas_A).top


@measure(
    "bump_width",
    of=("loss_train", "alphas"),
    unit="α",
    about="α from the start of the largest rise until the loss is back at its level there",
    needs=(Needs.RISE,),
    summarised=False,
    order=100,
)
def bump_width(values_LA: np.ndarray, alphas_A: np.ndarray) -> np.ndarray:
    """Return the width of the largest rise of each line in alpha, shape (L,)."""
    return largest_bump(values_LA, alphas_A).width
