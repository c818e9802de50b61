"""Whether two samples agree: proportions by Fisher's exact test, means by their t intervals."""

import math


def proportions_agree(first: tuple[int, int], second: tuple[int, int], confidence: float) -> bool | None:
    """Return whether two proportions may be equal, by Fisher's exact test (two-sided).

    Args:
        first: Successes and trials.
        second: Successes and trials of the other sample.
        confidence: One minus the level of the test, such as 0.95.

    Returns:
        False if the test rejects that they are equal; None if a sample has no trials.
    """
    from scipy.stats import fisher_exact  # a third of a second, which stages that only import this need not spend

    if not first[1] or not second[1]:
        return None
    table = [[successes, trials - successes] for successes, trials in (first, second)]
    return bool(fisher_exact(table).pvalue > 1 - confidence)


def means_agree(
    mean: float, error: float, n: int, other: float, other_error: float, other_n: float, confidence: float
) -> bool | None:
    """Return whether the t interval of a mean, extended by that of another mean, reaches the other mean.

    Args:
        mean: Mean of n numbers.
        error: Its standard error.
        n: How many numbers.
        other: The other mean.
        other_error: Its standard error; NaN if it is not known, which counts as zero.
        other_n: How many numbers the other mean is of; NaN if that is not known, which counts as many.
        confidence: Confidence of the intervals, such as 0.95.

    Returns:
        The verdict; None for fewer than two numbers, or if a mean is missing.
    """
    if n < 2 or math.isnan(mean) or math.isnan(other):
        return None
    reach = error * _quantile(n, confidence)
    if not math.isnan(other_error):
        reach += other_error * _quantile(other_n, confidence)
    return abs(mean - other) <= reach


def _quantile(n: float, confidence: float) -> float:
    """Return the factor of a standard error in a t interval of n numbers."""
    from scipy.stats import norm, t

    upper = (1 + confidence) / 2
    return float(norm.ppf(upper) if math.isnan(n) else t.ppf(upper, max(n, 2) - 1))
