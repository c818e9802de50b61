"""The area under the ROC curve: the probability that a value of one sample exceeds a value of another."""

from statistics import NormalDist

import numpy as np


def area_under_curve(larger: np.ndarray, smaller: np.ndarray) -> float:
    """Return the probability that a value of the first sample is larger than one of the second, ties counting one half.

    Args:
        larger: Values of the first sample, shape (N,).
        smaller: Values of the second sample, shape (M,).

    Returns:
        The area, in [0, 1].
    """
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(larger, smaller).statistic) / (len(larger) * len(smaller))


def newcombe_interval(area: float, sizes: tuple[float, float], confidence: float) -> tuple[float, float]:
    """Return the interval of an area under the ROC curve (Newcombe 2006, method 5), which holds for few values too.

    Args:
        area: The area, in [0, 1].
        sizes: Effective number of values in both samples.
        confidence: Confidence of the interval, such as 0.95.

    Returns:
        Its bounds, in [0, 1]: areas from which the observed one is as many standard errors away as the confidence says.
    """
    from scipy.optimize import brentq

    limit = NormalDist().inv_cdf((1 + confidence) / 2)

    def excess(truth: float) -> float:
        return abs(area - truth) - limit * standard_error(truth, sizes)

    inner = min(max(area, 1e-9), 1 - 1e-9)  # at 0 and 1 themselves the standard error vanishes
    low = brentq(excess, 0.0, inner, xtol=1e-9) if area > 0 else 0.0
    high = brentq(excess, inner, 1.0, xtol=1e-9) if area < 1 else 1.0
    return float(low), float(high)


def standard_error(area: float, sizes: tuple[float, float]) -> float:
    """Return the standard error of an estimated area under the ROC curve (Newcombe 2006, after Hanley and McNeil).

    Args:
        area: The true area, in [0, 1].
        sizes: Number of values in both samples.

    Returns:
        The standard error.
    """
    extra = max(sum(sizes) / 2 - 1, 0.0)
    variance = area * (1 - area) * (1 + extra * ((1 - area) / (2 - area) + area / (1 + area)))
    return float(np.sqrt(variance / (sizes[0] * sizes[1])))


def smallest_area(sizes: tuple[float, float], confidence: float, target: float = 0.8) -> float:
    """Return the smallest area above 1/2 that samples of some sizes show with a given power.

    Args:
        sizes: Number of values in both samples.
        confidence: Confidence of the interval that must exclude 1/2.
        target: The power.

    Returns:
        The area, to 0.01; NaN if none below 1 is shown.
    """
    needed = 0.5 + NormalDist().inv_cdf((1 + confidence) / 2) * standard_error(0.5, sizes)
    areas = np.arange(0.5, 1.0, 0.01)
    shown = [area - NormalDist().inv_cdf(target) * standard_error(float(area), sizes) >= needed for area in areas]
    return float(round(areas[shown][0], 2)) if any(shown) else float("nan")
