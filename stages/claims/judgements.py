"""The kinds of evidence that claims rest on: proportions, means, ranks and exponents, each judged by its interval."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stages.claims.finding import FAILS, FEW, HOLDS, Finding, not_enough
from stages.config import Measure
from stages.measures.bootstrap import percentile_interval
from stages.measures.proportion import newcombe, wilson

RARE = 0.1
"""A claim "never" holds if no line violates it and the upper end of the Wilson interval is at most this proportion."""
NEARLY_ALL = 0.8
""""Nearly all" means at least this proportion."""
ENOUGH_RUNS = 30
"""With at least so many runs in each group, a difference whose interval includes 0 counts as no difference."""
CHANCE = 0.5
"""Probability that one of two lines has the larger value if they do not differ."""


def judge_all_monotone(rows: pd.DataFrame, settings: Measure) -> Finding:
    """Judge the claim that no line is non-monotone.

    Args:
        rows: Rows of converged runs.
        settings: The confidence of intervals.

    Returns:
        The proportion of non-monotone lines. The claim fails if there is one, and holds if there is none among enough
        lines (`RARE`).
    """
    risen, total = count_non_monotone(rows)
    if not total:
        return not_enough("no converged run")
    low, high = wilson(risen, total, settings.confidence)
    verdict = FAILS if risen else HOLDS if high <= RARE else FEW
    words = f"{risen} of {total} non-monotone ({_interval(low, high)})"
    return Finding(verdict, words, risen / total, low, high, {"lines": total})


def judge_nearly_all(count: int, total: int, description: str, settings: Measure) -> Finding:
    """Judge the claim that nearly all lines have a property.

    Args:
        count: Number of lines that have it.
        total: Number of lines.
        description: The property, as a phrase that follows "3 of 4".
        settings: The confidence of intervals.

    Returns:
        The proportion. The claim holds if its interval is above `NEARLY_ALL`, and fails if it is below.
    """
    if not total:
        return not_enough("no line between converged runs")
    low, high = wilson(count, total, settings.confidence)
    verdict = HOLDS if low >= NEARLY_ALL else FAILS if high < NEARLY_ALL else FEW
    words = f"{count} of {total} {description} ({_interval(low, high)})"
    return Finding(verdict, words, count / total, low, high, {"lines": total})


def judge_more_non_monotone(
    rows: pd.DataFrame, others: pd.DataFrame, names: tuple[str, str], settings: Measure
) -> Finding:
    """Judge the claim that lines of one group are non-monotone more often than those of another.

    Args:
        rows: Rows of converged runs, of the first group.
        others: Rows of converged runs, of the second group.
        names: Names of both groups.
        settings: The confidence of intervals.

    Returns:
        The difference of proportions, with Newcombe's interval.
    """
    (risen, total), (others_risen, others_total) = count_non_monotone(rows), count_non_monotone(others)
    words = f"{names[0]}: {risen} of {total}; {names[1]}: {others_risen} of {others_total} non-monotone"
    if not total or not others_total:
        return not_enough(words)
    difference = risen / total - others_risen / others_total
    low, high = newcombe((others_risen, others_total), (risen, total), settings.confidence)
    verdict = _verdict(low, high, min(total, others_total))
    words = f"{words}; difference {difference:.2f} ({_interval(low, high)})"
    return Finding(verdict, words, difference, low, high, {names[0]: total, names[1]: others_total})


def judge_larger(
    values: Sequence[float], others: Sequence[float], names: tuple[str, str], settings: Measure
) -> Finding:
    """Judge the claim that positive numbers of one group are larger than those of another.

    Args:
        values: Numbers of the first group.
        others: Numbers of the second group.
        names: Names of both groups.
        settings: Resamples, seed and confidence of the bootstrap interval.

    Returns:
        The ratio of geometric means.
    """
    a, b = (_finite(np.log(np.array(group, dtype=float))) for group in (values, others))
    if len(a) < 2 or len(b) < 2:
        return not_enough(f"{names[0]}: {len(a)} runs; {names[1]}: {len(b)}")
    log_low, log_high = _interval_of_mean_difference(a, b, settings)
    low, high = float(np.exp(log_low)), float(np.exp(log_high))
    ratio = float(np.exp(a.mean() - b.mean()))
    verdict = _verdict(log_low, log_high, min(len(a), len(b)))
    words = f"{names[0]} {ratio:.3g} times {names[1]} ({_interval(low, high)})"
    return Finding(verdict, words, ratio, low, high, {names[0]: len(a), names[1]: len(b)})


def judge_equal_means(
    values: Sequence[float], others: Sequence[float], margin: float, names: tuple[str, str], settings: Measure
) -> Finding:
    """Judge the claim that the means of two groups differ by no more than a margin.

    Args:
        values: Numbers of the first group.
        others: Numbers of the second group.
        margin: The largest difference that counts as none, in the unit of the numbers.
        names: Names of both groups.
        settings: Resamples, seed and confidence of the bootstrap interval.

    Returns:
        The difference of means. The claim holds if its interval is within the margin, and fails if it is beyond.
    """
    a, b = (_finite(np.array(group, dtype=float)) for group in (values, others))
    if len(a) < 2 or len(b) < 2:
        return not_enough(f"{names[0]}: {len(a)} runs; {names[1]}: {len(b)}")
    low, high = _interval_of_mean_difference(a, b, settings)
    verdict = HOLDS if -margin <= low and high <= margin else FAILS if low > margin or high < -margin else FEW
    difference = float(a.mean() - b.mean())
    words = f"{names[0]} {a.mean():.4f}, {names[1]} {b.mean():.4f}; difference {difference:.4f} "
    words += f"({_interval(low, high)})"
    return Finding(verdict, words, difference, low, high, {names[0]: len(a), names[1]: len(b)})


def judge_larger_if_non_monotone(rows: pd.DataFrame, column: str, settings: Measure) -> Finding:
    """Judge the claim that a measure is larger for non-monotone lines than for monotone ones.

    Args:
        rows: Rows of converged runs.
        column: Name of the measure.
        settings: Resamples, seed and confidence of the bootstrap interval.

    Returns:
        The probability that a non-monotone line has a larger value than a monotone one, ties counting one half: the
        area under the ROC curve; `CHANCE` if the groups do not differ.
    """
    from scipy.stats import mannwhitneyu

    known = rows[rows[column].notna()]
    monotone = known["monotonic"].astype(bool)
    up, down = (known.loc[chosen, column].to_numpy(float) for chosen in (~monotone, monotone))
    words = f"{len(up)} non-monotone and {len(down)} monotone lines"
    if len(up) < 2 or len(down) < 2:
        return not_enough(words)
    area = float(mannwhitneyu(up, down).statistic) / (len(up) * len(down))
    low, high = _interval_of_area(up, down, settings)
    verdict = _verdict(low - CHANCE, high - CHANCE, min(len(up), len(down)))
    words += f"; a non-monotone one has more with probability {area:.2f} ({_interval(low, high)}), a rank correlation "
    words += f"(rank-biserial) of {2 * area - 1:.2f}"
    return Finding(verdict, words, area, low, high, {"non-monotone": len(up), "monotone": len(down)})


def judge_positive(effect: float, low: float, high: float, points: int, words: str) -> Finding:
    """Judge the claim that a fitted number is above 0.

    Args:
        effect: The number; NaN if it could not be fitted.
        low: Lower bound of its interval.
        high: Upper bound of its interval.
        points: Number of points that it was fitted to.
        words: The result in words.

    Returns:
        The number.
    """
    if not np.isfinite(effect):
        return not_enough(f"{points} points")
    return Finding(_verdict(low, high, points), words, effect, low, high, {"points": points})


def count_non_monotone(rows: pd.DataFrame) -> tuple[int, int]:
    """Return the number of non-monotone lines among some rows, and the number of rows."""
    return int((~rows["monotonic"].astype(bool)).sum()), len(rows)


def _verdict(low: float, high: float, runs: int) -> str:
    """Return the verdict on the claim that a number is above 0, by its interval and the size of the smaller group."""
    if low > 0:
        return HOLDS
    return FAILS if high < 0 or runs >= ENOUGH_RUNS else FEW


def _interval_of_mean_difference(a: np.ndarray, b: np.ndarray, settings: Measure) -> tuple[float, float]:
    low, high = percentile_interval(
        (a, b),
        lambda a, b, axis: a.mean(axis) - b.mean(axis),
        confidence=settings.confidence,
        resamples=settings.bootstrap,
        seed=settings.bootstrap_seed,
    )
    return float(low), float(high)


def _interval_of_area(up: np.ndarray, down: np.ndarray, settings: Measure) -> tuple[float, float]:
    """Return the bootstrap interval of the area: by our own loop, since U of all resamples at once takes long."""
    larger = (up[:, None] > down).astype(float) + 0.5 * (up[:, None] == down)
    draws = np.random.default_rng(settings.bootstrap_seed)
    areas = [
        larger[np.ix_(*(draws.integers(size, size=size) for size in larger.shape))].mean()
        for _ in range(settings.bootstrap)
    ]
    low, high = np.quantile(areas, [(1 - settings.confidence) / 2, (1 + settings.confidence) / 2])
    return float(low), float(high)


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def _interval(low: float, high: float) -> str:
    return f"{low:.3g} to {high:.3g}"
