"""The power law between distance moved and Gauss length: least squares of logarithms, with bootstrap intervals."""

from dataclasses import dataclass

import numpy as np

from stages.measures.bootstrap import percentile_interval


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
        confidence: Confidence of the bootstrap percentile intervals, such as 0.95.
        resamples: Number of bootstrap samples of the points.
        seed: Seed of the bootstrap.

    Returns:
        The fit; R^2 is the in-sample share of the variance of ln y. All numbers are NaN with fewer than three points or
        with equal x.

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
    slope, intercept, r_squared = _least_squares(log_x, log_y)
    (slope_low, r_low), (slope_high, r_high) = percentile_interval(
        (log_x, log_y), _slope_and_r_squared, confidence=confidence, resamples=resamples, seed=seed, paired=True
    )
    return PowerLaw(
        exponent=float(slope),
        exponent_low=float(slope_low),
        exponent_high=float(slope_high),
        prefactor=float(np.exp(intercept)),
        r_squared=float(r_squared),
        r_squared_low=float(r_low),
        r_squared_high=float(r_high),
        points=points,
    )


def _slope_and_r_squared(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
    """Return slope and R^2 along the last axis, shape (2, R) for R resamples."""
    slope, _, r_squared = _least_squares(x, y)
    return np.stack([slope, r_squared])


def _least_squares(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return slope, intercept and R^2 along the last axis; NaN where all x are equal."""
    centred_x = x - x.mean(axis=-1, keepdims=True)
    centred_y = y - y.mean(axis=-1, keepdims=True)
    equal = np.ptp(x, axis=-1) == 0  # their mean is rounded, so that differences from it need not be 0
    xx, xy, yy = (centred_x**2).sum(axis=-1), (centred_x * centred_y).sum(axis=-1), (centred_y**2).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(equal, np.nan, xy / xx)
        r_squared = np.where(equal, np.nan, np.where(yy > 0, np.minimum(xy * xy / (xx * yy), 1.0), 1.0))
    return slope, y.mean(axis=-1) - slope * x.mean(axis=-1), r_squared
