"""What is found of a claim, and the few kinds of statistics that verdicts rest on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.config import Measure
from stages.measures.proportion import wilson

HOLDS, FAILS, FEW = "holds", "does not hold", "not enough runs"
RARE = 0.1
"""What never happened counts as never if the interval of its proportion ends below this."""
MOST = 0.8
"""What nearly all do is what at least this proportion does."""
ENOUGH = 30
"""Runs a side from which on a difference that is not seen counts as none."""


@dataclass(frozen=True)
class Finding:
    """Of one claim on one set of runs."""

    verdict: str
    ours: str
    """In words, with counts and intervals."""
    effect: float
    """The number that the verdict rests on; NaN without runs."""
    low: float
    high: float
    """Its interval."""
    counts: dict[str, int]
    """Of runs or lines."""


def nothing(why: str) -> Finding:
    """Return that there are no runs to judge by."""
    return Finding(FEW, why, float("nan"), float("nan"), float("nan"), {})


def risen(rows: pd.DataFrame) -> tuple[int, int]:
    """Return how many lines are non-monotone, and of how many."""
    return int((~rows["monotonic"].astype(bool)).sum()), len(rows)


def never(rows: pd.DataFrame, settings: Measure) -> Finding:
    """Judge that no line is non-monotone.

    Args:
        rows: Admitted rows.
        settings: The confidence of intervals.

    Returns:
        `holds` if none is and so few may be (`RARE`), `does not hold` if one is.
    """
    some, of = risen(rows)
    if not of:
        return nothing("no admitted run")
    low, high = wilson(some, of, settings.confidence)
    verdict = FAILS if some else HOLDS if high <= RARE else FEW
    return Finding(verdict, f"{some} of {of} non-monotone ({_span(low, high)})", some / of, low, high, {"lines": of})


def often(some: int, of: int, what: str, settings: Measure) -> Finding:
    """Judge that nearly all (`MOST`) do something, by how many of how many do."""
    if not of:
        return nothing("no admitted line")
    low, high = wilson(some, of, settings.confidence)
    verdict = HOLDS if low >= MOST else FAILS if high < MOST else FEW
    return Finding(verdict, f"{some} of {of} {what} ({_span(low, high)})", some / of, low, high, {"lines": of})


def more(rows: pd.DataFrame, than: pd.DataFrame, names: tuple[str, str], settings: Measure) -> Finding:
    """Judge that lines of one group are more often non-monotone than those of another.

    Args:
        rows: Admitted rows of the one.
        than: Of the other.
        names: Of both.
        settings: The confidence of intervals.

    Returns:
        The difference of proportions with Newcombe's interval (1998, method 10) of two Wilson intervals.
    """
    (k, n), (j, m) = risen(rows), risen(than)
    ours = f"{names[0]}: {k} of {n}; {names[1]}: {j} of {m} non-monotone"
    if not n or not m:
        return nothing(ours)
    p, q = k / n, j / m
    (p_low, p_high), (q_low, q_high) = (wilson(a, b, settings.confidence) for a, b in ((k, n), (j, m)))
    low = p - q - float(np.hypot(p - p_low, q_high - q))
    high = p - q + float(np.hypot(p_high - p, q - q_low))
    verdict = _verdict(low, high, min(n, m))
    return Finding(
        verdict, f"{ours}; difference {p - q:.2f} ({_span(low, high)})", p - q, low, high, _sides(names, n, m)
    )


def greater(values: Sequence[float], than: Sequence[float], names: tuple[str, str], settings: Measure) -> Finding:
    """Judge that positive numbers of one group are larger than those of another, by the ratio of geometric means.

    Args:
        values: Of the one.
        than: Of the other.
        names: Of both.
        settings: Resamples, seed and confidence of the bootstrap interval.

    Returns:
        The ratio.
    """
    a, b = (np.log(np.array(some, dtype=float)) for some in (values, than))
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    if len(a) < 2 or len(b) < 2:
        return nothing(f"{names[0]}: {len(a)} runs; {names[1]}: {len(b)}")
    draw = np.random.default_rng(settings.bootstrap_seed)
    means = [some[draw.integers(len(some), size=(settings.bootstrap, len(some)))].mean(1) for some in (a, b)]
    low, high = np.exp(np.quantile(means[0] - means[1], _tails(settings)))
    ratio = float(np.exp(a.mean() - b.mean()))
    verdict = _verdict(float(np.log(low)), float(np.log(high)), min(len(a), len(b)))
    ours = f"{names[0]} {ratio:.3g} times {names[1]} ({_span(low, high)})"
    return Finding(verdict, ours, ratio, float(low), float(high), _sides(names, len(a), len(b)))


def ranks(rows: pd.DataFrame, field: str, settings: Measure) -> Finding:
    """Judge that non-monotone lines have more of something than monotone ones.

    Args:
        rows: Admitted rows.
        field: Of what.
        settings: Resamples, seed and confidence of the bootstrap interval.

    Returns:
        The probability that a non-monotone line has more than a monotone one (the area under the ROC curve), with the
        bootstrap interval; 0.5 is chance.
    """
    known = rows[rows[field].notna()]
    up = known.loc[~known["monotonic"].astype(bool), field].to_numpy(float)
    down = known.loc[known["monotonic"].astype(bool), field].to_numpy(float)
    ours = f"{len(up)} non-monotone and {len(down)} monotone lines"
    if len(up) < 2 or len(down) < 2:
        return nothing(ours)
    wins = (up[:, None] > down).astype(float) + 0.5 * (up[:, None] == down)
    draw = np.random.default_rng(settings.bootstrap_seed)
    found = [
        wins[np.ix_(draw.integers(len(up), size=len(up)), draw.integers(len(down), size=len(down)))].mean()
        for _ in range(settings.bootstrap)
    ]
    low, high = np.quantile(found, _tails(settings))
    area = float(wins.mean())
    verdict = _verdict(float(low) - 0.5, float(high) - 0.5, min(len(up), len(down)))
    ours = f"{ours}; a non-monotone one has more with probability {area:.2f} ({_span(low, high)}), a rank correlation "
    ours += f"(rank-biserial) of {2 * area - 1:.2f}"
    return Finding(verdict, ours, area, float(low), float(high), {"non-monotone": len(up), "monotone": len(down)})


def same(values: Sequence[float], than: Sequence[float], margin: float, names: tuple[str, str], settings: Measure):
    """Judge that the means of two groups differ by less than a margin.

    Args:
        values: Of the one.
        than: Of the other.
        margin: The largest difference that counts as none.
        names: Of both.
        settings: Resamples, seed and confidence of the bootstrap interval.

    Returns:
        The `Finding`: the difference of means; `holds` if its interval is within the margin, `does not hold` if it is
        beyond it.
    """
    a, b = (np.array(some, dtype=float) for some in (values, than))
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    if len(a) < 2 or len(b) < 2:
        return nothing(f"{names[0]}: {len(a)} runs; {names[1]}: {len(b)}")
    draw = np.random.default_rng(settings.bootstrap_seed)
    means = [some[draw.integers(len(some), size=(settings.bootstrap, len(some)))].mean(1) for some in (a, b)]
    low, high = np.quantile(means[0] - means[1], _tails(settings))
    verdict = HOLDS if -margin <= low and high <= margin else FAILS if low > margin or high < -margin else FEW
    away = float(a.mean() - b.mean())
    ours = f"{names[0]} {a.mean():.4f}, {names[1]} {b.mean():.4f}; difference {away:.4f} ({_span(low, high)})"
    return Finding(verdict, ours, away, float(low), float(high), _sides(names, len(a), len(b)))


def within(effect: float, low: float, high: float, points: int, ours: str) -> Finding:
    """Judge that a fitted number is above 0, by its interval."""
    if not np.isfinite(effect):
        return nothing(f"{points} points")
    return Finding(_verdict(low, high, points), ours, effect, low, high, {"points": points})


def _verdict(low: float, high: float, runs: int) -> str:
    """Return the verdict on a difference that is said to be above 0."""
    if low > 0:
        return HOLDS
    return FAILS if high < 0 or runs >= ENOUGH else FEW


def _tails(settings: Measure) -> list[float]:
    return [(1 - settings.confidence) / 2, (1 + settings.confidence) / 2]


def _span(low: float, high: float) -> str:
    return f"{low:.3g} to {high:.3g}"


def _sides(names: tuple[str, str], one: int, other: int) -> dict[str, int]:
    return {names[0]: one, names[1]: other}
