"""Confidence intervals of proportions and of their differences."""

from math import hypot, sqrt
from statistics import NormalDist


def wilson(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion.

    Args:
        successes: Number of successes.
        trials: Number of trials.
        confidence: Confidence of the interval, such as 0.95.

    Returns:
        Its bounds, in [0, 1]; (NaN, NaN) for no trials.
    """
    from scipy.stats import binomtest  # a third of a second, which stages that only import this module need not spend

    if trials == 0:
        return float("nan"), float("nan")
    interval = binomtest(successes, trials).proportion_ci(confidence_level=confidence, method="wilson")
    return float(interval.low), float(interval.high)


def newcombe(first: tuple[int, int], second: tuple[int, int], confidence: float) -> tuple[float, float]:
    """Return the interval of a difference of proportions: the second minus the first (Newcombe 1998, method 10).

    Args:
        first: Successes and trials.
        second: Successes and trials of the other sample.
        confidence: Confidence of the interval, such as 0.95.

    Returns:
        Its bounds, in [-1, 1]; (NaN, NaN) if a sample has no trials.
    """
    if not first[1] or not second[1]:
        return float("nan"), float("nan")
    p, q = (successes / trials for successes, trials in (first, second))
    (p_low, p_high), (q_low, q_high) = (wilson(*sample, confidence) for sample in (first, second))
    return q - p - hypot(q - q_low, p_high - p), q - p + hypot(q_high - q, p - p_low)


def wilson_of_share(share: float, size: float, confidence: float) -> tuple[float, float]:
    """Return the Wilson score interval of a share of an effective number of trials.

    Args:
        share: The share of successes, which need not be a multiple of 1 / `size`, as in a mean over clusters.
        size: The effective number of trials, above 0.
        confidence: Confidence of the interval, such as 0.95.

    Returns:
        Its bounds, in [0, 1].
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    shrunk = 1 + z * z / size
    centre = (share + z * z / (2 * size)) / shrunk
    half = z * sqrt(share * (1 - share) / size + z * z / (4 * size * size)) / shrunk
    return max(0.0, centre - half), min(1.0, centre + half)


def agresti_min(gained: float, lost: float, pairs: int, confidence: float) -> tuple[float, float]:
    """Return the interval of a difference of proportions in matched pairs (Agresti and Min 2005).

    Half a pair is added to each cell of the table of both answers, so that the interval has a width without any
    discordant pair.

    Args:
        gained: Number of pairs in which only the second has the property; the sum of shares if there are repeats.
        lost: Number of pairs in which only the first has it, likewise.
        pairs: Number of pairs, above 0.
        confidence: Confidence of the interval, such as 0.95.

    Returns:
        Its bounds, in [-1, 1], around the difference, the second minus the first.
    """
    from scipy.stats import norm

    z = float(norm.ppf((1 + confidence) / 2))
    size = pairs + 2
    centre = (gained - lost) / size
    half = z * sqrt(gained + lost + 1 - (gained - lost) ** 2 / size) / size
    return max(-1.0, centre - half), min(1.0, centre + half)
