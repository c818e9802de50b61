"""The power law between distance moved and Gauss length: least squares of logarithms, with bootstrap intervals."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PowerLaw:
    """y = prefactor * x ** exponent, fitted on logarithms."""

    exponent: float
    exponent_low: float
    exponent_high: float
    prefactor: float
    r_squared: float
    r_squared_low: float
    r_squared_high: float
    points: int
    """Number of points fitted: those where both are positive and finite."""


def fit(x: np.ndarray, y: np.ndarray, confidence: float, resamples: int, seed: int) -> PowerLaw:
    """Fit ln y = ln prefactor + exponent ln x by least squares (Lucas et al. 2021, figures 7, 15 and 17).

    Args:
        x: Normalised distances, shape (N,).
        y: Gauss lengths in radians, shape (N,).
        confidence: Of the bootstrap percentile intervals, such as 0.95.
        resamples: Number of bootstrap samples of the points.
        seed: Of the bootstrap.

    Returns:
        The fit; R^2 is the in-sample share of the variance of ln y. All NaN where fewer than three points or two
        different x are left.

    Raises:
        ValueError: If the shapes differ.
    """
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"want equal shapes (N,), got {x.shape} and {y.shape}")
    with np.errstate(invalid="ignore"):
        keep = np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)
    log_x, log_y = np.log(x[keep]), np.log(y[keep])
    points = int(keep.sum())
    if points < 3 or np.ptp(log_x) == 0:
        nan = float("nan")
        return PowerLaw(nan, nan, nan, nan, nan, nan, nan, points)
    slope, intercept, r_squared = _least_squares(log_x[None], log_y[None])
    chosen = np.random.default_rng(seed).integers(points, size=(resamples, points))
    slopes, _, r_squareds = _least_squares(log_x[chosen], log_y[chosen])
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    slope_low, slope_high = np.nanquantile(slopes, tails)
    r_low, r_high = np.nanquantile(r_squareds, tails)
    return PowerLaw(
        exponent=float(slope[0]),
        exponent_low=float(slope_low),
        exponent_high=float(slope_high),
        prefactor=float(np.exp(intercept[0])),
        r_squared=float(r_squared[0]),
        r_squared_low=float(r_low),
        r_squared_high=float(r_high),
        points=points,
    )


def _least_squares(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return slope, intercept and R^2 of each row; NaN where all x of a row are equal."""
    centred_x = x - x.mean(axis=1, keepdims=True)
    centred_y = y - y.mean(axis=1, keepdims=True)
    alike = np.ptp(x, axis=1) == 0  # their mean is rounded, so that centred they need not be 0
    xx, xy, yy = (centred_x**2).sum(axis=1), (centred_x * centred_y).sum(axis=1), (centred_y**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(alike, np.nan, xy / xx)
        r_squared = np.where(alike, np.nan, np.where(yy > 0, np.minimum(xy * xy / (xx * yy), 1.0), 1.0))
    return slope, y.mean(axis=1) - slope * x.mean(axis=1), r_squared
