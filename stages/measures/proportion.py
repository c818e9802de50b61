"""Proportions, and the interval of one."""

import numpy as np


def wilson(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion; (NaN, NaN) for no trials."""
    from scipy.stats import binomtest  # a third of a second, which stages that only import this module need not spend

    if trials == 0:
        return float("nan"), float("nan")
    interval = binomtest(successes, trials).proportion_ci(confidence_level=confidence, method="wilson")
    return float(interval.low), float(interval.high)


def fraction_below_half_pi(lengths: np.ndarray) -> float:
    """Return the proportion of examples with a Gauss length below pi/2, the limit of theorem 3; NaN if any is NaN."""
    return float(np.mean(lengths < np.pi / 2)) if lengths.size and np.isfinite(lengths).all() else float("nan")
