"""Checks that all measures of curves share."""

import numpy as np


# Shape letters: L = lines, A = alphas along each.
def check_lines(values_LA: np.ndarray, alphas_A: np.ndarray | None = None) -> None:
    """Refuse arrays that are no curves.

    Args:
        values_LA: One curve a row, shape (L, A).
        alphas_A: The alphas of its values, shape (A,).

    Raises:
        ValueError: If `values_LA` is not 2-D or has fewer than two alphas, or `alphas_A` is of another length.
    """
    if values_LA.ndim != 2 or values_LA.shape[1] < 2:
        raise ValueError(f"want shape (L, A >= 2), got {values_LA.shape}")
    if alphas_A is not None and alphas_A.shape != values_LA.shape[1:]:
        raise ValueError(f"want {values_LA.shape[1]} alphas, got shape {alphas_A.shape}")


def finite_or_nan(values_LA: np.ndarray, found_L: np.ndarray) -> np.ndarray:
    """Replace the result of each line with a value that is not finite by NaN.

    Args:
        values_LA: One curve a row, shape (L, A).
        found_L: The result of each line, shape (L,).

    Returns:
        The results, shape (L,).
    """
    return np.where(np.isfinite(values_LA).all(axis=1), found_L, np.nan)
