"""What every measure of curves asks of them."""

import numpy as np


def check_lines(values_LA: np.ndarray, alphas_A: np.ndarray | None = None) -> None:
    """Refuse what is no table of curves.

    Args:
        values_LA: A curve a row.
        alphas_A: Where its values are.

    Raises:
        ValueError: If `values_LA` is not 2-D or has fewer than two alphas, or `alphas_A` is of another length.
    """
    if values_LA.ndim != 2 or values_LA.shape[1] < 2:
        raise ValueError(f"want shape (L, A >= 2), got {values_LA.shape}")
    if alphas_A is not None and alphas_A.shape != values_LA.shape[1:]:
        raise ValueError(f"want {values_LA.shape[1]} alphas, got shape {alphas_A.shape}")


def finite_or_nan(values_LA: np.ndarray, found_L: np.ndarray) -> np.ndarray:
    """Return what was found of each line, NaN for those with a value that is not finite."""
    return np.where(np.isfinite(values_LA).all(axis=1), found_L, np.nan)
