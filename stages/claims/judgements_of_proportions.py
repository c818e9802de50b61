"""Judgements by proportions of lines: shares, and differences between two arms.

`docs/verdicts.md` explains them to a reader of the report.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pandas as pd

from stages.claims.finding import NAN, Finding, Verdict, grade, not_testable
from stages.claims.judgement_terms import ERROR_RATE, POWER, interval_words, listed, power_of_equivalence
from stages.config import Measure
from stages.measures.proportion import wilson_of_share
from stages.measures.stratified import Strata, design_effect, power, score_interval, smallest_difference, stratify
from stages.results.rows import combined_labels, configurations

NEARLY_ALL = 0.9
""""Never", "always" and "nearly all" mean: at most one line of ten is an exception."""
MOST = 0.5
""""Most" means more than this proportion."""
MARGIN_OF_DIFFERENCE = 0.1
"""Difference of proportions up to which two groups count as alike."""
SHOWN = (Verdict.REPRODUCED, Verdict.WEAKER)
"""Verdicts that a claim holds, at least in direction."""


def judge_share(
    count: float,
    total: int,
    description: str,
    settings: Measure,
    *,
    at_least: float = NEARLY_ALL,
    clusters: int | None = None,
    noun: str = "clusters",
) -> Finding:
    """Judge the claim that nearly all, or most, lines have a property.

    Args:
        count: Number of lines that have it; with clusters, `total` times the mean of the clusters' shares.
        total: Number of lines.
        description: The property, as a phrase that follows "3 of 4".
        settings: The confidence of intervals.
        at_least: Share that the claim means: `NEARLY_ALL` or `MOST`.
        clusters: Number of clusters, each of which counts once; None if the lines are independent. This is the
            widest interval that clusters can cause.
        noun: Name of several clusters in words, such as "optima".

    Returns:
        The share with Wilson's interval. It is `REPRODUCED` if the interval is above `at_least`, but `WEAKER` if it is
        wholly below `NEARLY_ALL`; below `at_least` it is `OPPOSITE` if it is below one half too, and otherwise
        `ABSENT`.
    """
    if not total:
        return not_testable("no line of this kind between converged runs")
    size = total if clusters is None else clusters
    share = count / total
    low, high = wilson_of_share(share, size, settings.confidence)
    words = f"{round(count, 1):g} of {total} {description} ({interval_words(low, high)}"
    words += ")" if clusters is None else f"; {noun}, counted once each: {clusters})"
    return Finding(
        verdict=_verdict_on_share(low, high, at_least, size),
        ours=words,
        effect=share,
        low=low,
        high=high,
        counts={"lines": total} | ({} if clusters is None else {"clusters": clusters}),
        kind="share of lines" if clusters is None else f"share of lines, {noun} counted once each",
        paper_effect=1.0,
        power=float(_verdict_on_share(*wilson_of_share(1.0, size, settings.confidence), at_least, size) in SHOWN),
        smallest_effect=_smallest_share(size, at_least, settings.confidence),
    )


def judge_all_monotone(rows: pd.DataFrame, settings: Measure, clusters: np.ndarray | None = None) -> Finding:
    """Judge the claim that nearly all lines are monotone, by the rule of `judge_share` with `NEARLY_ALL`.

    Args:
        rows: Rows of converged runs.
        settings: The confidence of intervals.
        clusters: Label of the cluster of each row, shape (N,); the configurations if None.

    Returns:
        The share of monotone lines; runs that differ only in their seeds count once together.
    """
    risen, total = count_non_monotone(rows)
    if not total:
        return not_testable("no converged run of this kind")
    labels = configurations(rows) if clusters is None else clusters
    number = len(np.unique(labels))
    monotone = rows["monotonic"].astype(float).groupby(np.asarray(labels)).mean().mean() * total
    grouped = number if number < total else None
    found = judge_share(monotone, total, "are monotone", settings, clusters=grouped, noun="configurations")
    return replace(found, ours=f"{risen} of {total} are non-monotone; {found.ours}")


def judge_difference(
    first_arm: np.ndarray | pd.Series,
    event: np.ndarray | pd.Series,
    names: tuple[str, str],
    settings: Measure,
    *,
    what: str,
    strata: np.ndarray | None = None,
    stratified_by: str = "",
    clusters: np.ndarray | None = None,
    paper_effect: float | None = None,
    margin: float = MARGIN_OF_DIFFERENCE,
) -> Finding:
    """Judge the claim that an event is more frequent in the first of two arms.

    Args:
        first_arm: True for each line of the first arm, False for those of the second, shape (N,).
        event: True for each line with the event, shape (N,).
        names: Names of both arms.
        settings: The confidence of intervals.
        what: The event as a phrase that follows "3 of 4", such as "non-monotone".
        strata: Label of the stratum of each line, shape (N,); one stratum if None.
        stratified_by: What a stratum is, in words, such as "optimizer and learning rate".
        clusters: Label of the cluster of each line, shape (N,), whose lines are not independent; None if all are.
        paper_effect: The paper's difference of proportions; None if it gives none.
        margin: Difference that counts as none.

    Returns:
        The Mantel-Haenszel difference of proportions with its score interval, over the strata that have both arms.
        Counts are divided by the design effect of the clusters.
    """
    arm, events = (np.asarray(values, dtype=bool) for values in (first_arm, event))
    labels = np.zeros(len(arm), dtype=int) if strata is None else np.asarray(strata)
    crude = "; ".join(
        f"{name}: {int(events[side].sum())} of {int(side.sum())}" for name, side in zip(names, (arm, ~arm), strict=True)
    )
    counts = {name: int(side.sum()) for name, side in zip(names, (arm, ~arm), strict=True)}
    if not all(counts.values()):
        return not_testable(f"{crude} {what}", counts)
    table = stratify(events, arm, labels)
    if not len(table.trials):
        return not_testable(f"{crude} {what}, but no stratum ({stratified_by}) has both", counts)
    words = f"{crude} {what}"
    if strata is not None:
        used = ", ".join(f"{int(n)} of {int(t)}" for n, t in zip(table.events.sum(0), table.trials.sum(0), strict=True))
        words += f"; in the {len(table.trials)} strata by {stratified_by} that have both: {used}"
        words += f", odds ratio {table.odds_ratio:.3g}" if np.isfinite(table.odds_ratio) else ""
    table = table if clusters is None else effective_counts(arm, events, labels, np.asarray(clusters))
    low, high = score_interval(table, settings.confidence)
    words += f"; difference {table.difference:.2f} ({interval_words(low, high)})"
    return Finding(
        verdict=grade(low, high, margin=margin, paper_effect=paper_effect),
        ours=words,
        effect=table.difference,
        low=low,
        high=high,
        counts=counts | {"strata": len(table.trials)},
        kind="difference of proportions" + (f", stratified by {stratified_by}" if strata is not None else ""),
        paper_effect=paper_effect,
        margin=margin,
        power=None if paper_effect is None else power(table, paper_effect, settings.confidence),
        smallest_effect=smallest_difference(table, settings.confidence, POWER),
    )


def judge_more_non_monotone(
    rows: pd.DataFrame,
    first_arm: pd.Series,
    names: tuple[str, str],
    settings: Measure,
    *,
    strata: Sequence[str] = (),
    paper_effect: float | None = None,
) -> Finding:
    """Judge the claim that lines of one arm are non-monotone more often, within strata of the grid.

    Args:
        rows: Rows of converged runs, of both arms.
        first_arm: True for each row of the first arm.
        names: Names of both arms.
        settings: The confidence of intervals.
        strata: Columns that make a stratum; with none, arms are compared as they are.
        paper_effect: The paper's difference of proportions; None if it gives none.

    Returns:
        The finding of `judge_difference`, in which runs that differ only in their seeds are a cluster.
    """
    strata = [name for name in strata if rows[name].nunique(dropna=False) > 1]
    return judge_difference(
        first_arm,
        ~rows["monotonic"].astype(bool),
        names,
        settings,
        what="non-monotone",
        strata=combined_labels(rows, strata) if strata else None,
        stratified_by=listed(strata),
        clusters=configurations(rows),
        paper_effect=paper_effect,
    )


def judge_no_difference(found: Finding, settings: Measure) -> Finding:
    """Turn the finding of `judge_difference` into one on the claim that there is no difference.

    Args:
        found: The finding on the claim of a difference.
        settings: The confidence of intervals.

    Returns:
        The same numbers: `REPRODUCED` if the interval is within the margin, `OPPOSITE` if it is wholly beyond, and
        `UNDERPOWERED` otherwise. Its power is the probability of `REPRODUCED` if there is no difference.
    """
    if found.verdict == Verdict.NOT_TESTABLE:
        return found
    margin, limit = found.margin or 0.0, NormalDist().inv_cdf((1 + settings.confidence) / 2)
    outside = found.low > margin or found.high < -margin
    inside = found.verdict == Verdict.ABSENT
    return replace(
        found,
        verdict=Verdict.REPRODUCED if inside else Verdict.OPPOSITE if outside else Verdict.UNDERPOWERED,
        paper_effect=0.0,
        power=power_of_equivalence(margin, (found.high - found.low) / (2 * limit), limit),
    )


def effective_counts(arm: np.ndarray, events: np.ndarray, strata: np.ndarray, clusters: np.ndarray) -> Strata:
    """Return the counts of both arms by stratum, divided by the design effect of the clusters in each arm.

    Args:
        arm: True for each line of the first arm, shape (N,).
        events: True for each line with the event, shape (N,).
        strata: Label of the stratum of each line, shape (N,).
        clusters: Label of the cluster of each line, shape (N,).

    Returns:
        The counts of strata that have lines in both arms.
    """
    used = np.isin(strata, np.intersect1d(strata[arm], strata[~arm]))
    first, second = (design_effect(events[side], strata[side], clusters[side]) for side in (used & arm, used & ~arm))
    return stratify(events, arm, strata).deflated((first, second))


def count_non_monotone(rows: pd.DataFrame) -> tuple[int, int]:
    """Return the number of non-monotone lines among some rows, and the number of rows."""
    return int((~rows["monotonic"].astype(bool)).sum()), len(rows)


def _verdict_on_share(low: float, high: float, at_least: float, size: int) -> Verdict:
    # Wilson's interval is a little short for fewer than five: four of four come up by chance in 6 of 100.
    if low >= at_least and at_least**size <= ERROR_RATE:
        return Verdict.WEAKER if high < NEARLY_ALL else Verdict.REPRODUCED
    if high < at_least:
        return Verdict.OPPOSITE if high < MOST else Verdict.ABSENT
    return Verdict.UNDERPOWERED


def _smallest_share(size: int, at_least: float, confidence: float) -> float:
    """Return the smallest true share, to 0.01, that so many lines show to be `at_least` with the power `POWER`."""
    from scipy.stats import binom

    if _verdict_on_share(*wilson_of_share(1.0, size, confidence), at_least, size) not in SHOWN:
        return NAN
    least = bisect_left(range(size + 1), True, key=lambda k: wilson_of_share(k / size, size, confidence)[0] >= at_least)
    shares = np.minimum(np.arange(at_least, 1.005, 0.01), 1.0)
    return float(round(shares[binom.sf(least - 1, size, shares) >= POWER][0], 2))
