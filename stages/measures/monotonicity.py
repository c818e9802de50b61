"""How much a curve rises on its way down: min Delta, its bump, and how it compares with the endpoints."""

from dataclasses import dataclass

import numpy as np

from stages.measures.checked import check_lines


# Shape letters: L = lines, A = alphas along each.
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
    return np.where(np.isfinite(values_LA).all(axis=1), rise_L, np.nan)


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
    return np.where(np.isfinite(values_LA).all(axis=1), above_L, np.nan)


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
