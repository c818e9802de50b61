"""The kinds of evidence that claims rest on, each judged by its interval: shares, differences, ratios, ranks, fits.

`docs/verdicts.md` explains them to a reader of the report.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pandas as pd

from stages.claims.finding import NAN, Finding, Verdict, grade, not_testable
from stages.config import Measure
from stages.measures.proportion import wilson_of_share
from stages.measures.roc_area import area_under_curve, newcombe_interval, smallest_area
from stages.measures.stratified import Strata, design_effect, power, score_interval, smallest_difference, stratify
from stages.results.rows import combined_labels, configurations

NEARLY_ALL = 0.9
""""Never", "always" and "nearly all" mean: at most one line of ten is an exception."""
MOST = 0.5
""""Most" means more than this proportion."""
MARGIN_OF_DIFFERENCE = 0.1
"""Difference of proportions up to which two groups count as alike."""
MARGIN_OF_RATIO = 1.25
"""Ratio of means up to which two groups count as alike, as in tests of bioequivalence."""
MARGIN_OF_AREA = 0.1
"""Distance of an area under the ROC curve from 1/2 up to which two groups count as alike."""
ERROR_RATE = 0.05
"""Largest probability that a claim counts as reproduced though it is false."""
POWER = 0.8
"""Power at which the smallest detectable effect is stated."""
SHOWN = (Verdict.REPRODUCED, Verdict.WEAKER)
"""Verdicts that a claim holds, at least in direction."""
CHANCE = 0.5
"""Area under the ROC curve if two groups do not differ."""


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
    words = f"{round(count, 1):g} of {total} {description} ({_interval(low, high)}"
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
    words += f"; difference {table.difference:.2f} ({_interval(low, high)})"
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
        stratified_by=_listed(strata),
        clusters=configurations(rows),
        paper_effect=paper_effect,
    )


def judge_ratio(
    rows: pd.DataFrame,
    first_arm: pd.Series,
    column: str,
    names: tuple[str, str],
    settings: Measure,
    *,
    matched_by: Sequence[str],
    paper_effect: float | None = None,
) -> Finding:
    """Judge the claim that a positive number is larger in the first of two arms, in matched sets of runs.

    Args:
        rows: Rows of converged runs, of both arms.
        first_arm: True for each row of the first arm.
        column: The number's column.
        names: Names of both arms.
        settings: The confidence of intervals.
        matched_by: Columns that make a matched set, such as learning rate and seed.
        paper_effect: The paper's ratio; None if it gives none.

    Returns:
        The geometric mean of the sets' ratios, each set counted once, with Student's t interval of their logarithms.
    """
    from scipy.stats import t

    values = np.log(rows[column].where(rows[column] > 0).astype(float))
    table = pd.DataFrame({"set": combined_labels(rows, matched_by), "arm": np.asarray(first_arm), "value": values})
    means = table.dropna().groupby(["set", "arm"])["value"].mean().unstack("arm").reindex(columns=[True, False])
    logs = (means[True] - means[False]).dropna().to_numpy()
    counts = {name: int((table["arm"] == side).sum()) for name, side in zip(names, (True, False), strict=True)}
    words = f"{names[0]}: {counts[names[0]]} runs; {names[1]}: {counts[names[1]]}"
    if len(logs) < 2:
        return not_testable(f"{words}; {len(logs)} sets matched by {_listed(matched_by)}", counts)
    deviation = float(logs.std(ddof=1) / np.sqrt(len(logs)) * t.ppf((1 + settings.confidence) / 2, len(logs) - 1))
    centre = float(logs.mean())
    found = judge_number(
        centre,
        centre - deviation,
        centre + deviation,
        kind=f"ratio of geometric means, matched by {_listed(matched_by)}",
        words="",
        counts=counts | {"matched sets": len(logs)},
        settings=settings,
        margin=float(np.log(MARGIN_OF_RATIO)),
        paper_effect=None if paper_effect is None else float(np.log(paper_effect)),
    )
    ratio, low, high = (float(np.exp(value)) for value in (found.effect, found.low, found.high))
    words = f"{names[0]} {ratio:.3g} times {names[1]} ({_interval(low, high)}), in {len(logs)} sets matched by "
    return replace(
        found,
        ours=words + _listed(matched_by),
        effect=ratio,
        low=low,
        high=high,
        paper_effect=paper_effect,
        margin=MARGIN_OF_RATIO,
        smallest_effect=float(np.exp(NAN if found.smallest_effect is None else found.smallest_effect)),
    )


def judge_equal_means(
    values: pd.Series,
    first_arm: pd.Series,
    margin: float,
    names: tuple[str, str],
    settings: Measure,
    *,
    strata: np.ndarray,
) -> Finding:
    """Judge the claim that the means of two arms differ by no more than a margin, within strata.

    Args:
        values: Numbers, shape (N,); NaN for none.
        first_arm: True for each number of the first arm, shape (N,).
        margin: The largest difference that counts as none, in the unit of the numbers.
        names: Names of both arms.
        settings: The confidence of intervals.
        strata: Label of the stratum of each number, shape (N,).

    Returns:
        The difference of means by least squares with an intercept for each stratum, with an interval that allows for
        unequal variances (White's standard error). It is `REPRODUCED` if the interval is within the margin (two
        one-sided tests), and `OPPOSITE` if it is wholly beyond.
    """
    from scipy.stats import t

    table = pd.DataFrame({"value": values.astype(float), "arm": first_arm.astype(float), "stratum": strata}).dropna()
    arm = table["arm"].astype(bool)
    counts = {names[0]: int(arm.sum()), names[1]: int((~arm).sum())}
    table = table[table.groupby("stratum")["arm"].transform("nunique") > 1]
    freedom = len(table) - table["stratum"].nunique() - 1
    if freedom < 1:
        return not_testable(f"{names[0]}: {counts[names[0]]} runs; {names[1]}: {counts[names[1]]}", counts)
    centred = table[["value", "arm"]] - table.groupby("stratum")[["value", "arm"]].transform("mean")
    x, y = centred["arm"].to_numpy(), centred["value"].to_numpy()
    difference = float(x @ y / (x @ x))
    squares = float((x**2 * (y - difference * x) ** 2).sum()) * len(table) / freedom
    error, limit = float(np.sqrt(squares) / (x @ x)), float(t.ppf((1 + settings.confidence) / 2, freedom))
    low, high = difference - limit * error, difference + limit * error
    inside, outside = -margin <= low and high <= margin, low > margin or high < -margin
    means = [float(table.loc[table["arm"] == side, "value"].mean()) for side in (1, 0)]
    words = f"{names[0]} {means[0]:.4f}, {names[1]} {means[1]:.4f}; difference {difference:.4f} "
    words += f"({_interval(low, high)})"
    if (number := table["stratum"].nunique()) > 1:
        words += f" within {number} problems"
    return Finding(
        verdict=Verdict.REPRODUCED if inside else Verdict.OPPOSITE if outside else Verdict.UNDERPOWERED,
        ours=words,
        effect=difference,
        low=low,
        high=high,
        counts=counts,
        kind="difference of means, stratified",
        paper_effect=0.0,
        margin=margin,
        power=_power_of_equivalence(margin, error, limit),
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
        power=_power_of_equivalence(margin, (found.high - found.low) / (2 * limit), limit),
    )


def judge_larger_if_non_monotone(rows: pd.DataFrame, column: str, settings: Measure, noun: str = "more") -> Finding:
    """Judge the claim that a measure is larger for non-monotone lines than for monotone ones.

    Args:
        rows: Rows of converged runs.
        column: Name of the measure.
        settings: The confidence of intervals.
        noun: What a non-monotone line has, in words, such as "a larger distance".

    Returns:
        The probability that a non-monotone line has a larger value than a monotone one, ties counting one half: the
        area under the ROC curve, with Newcombe's interval; `CHANCE` if the groups do not differ. Numbers of lines are
        divided by the design effect of runs that differ only in their seeds.
    """
    known = rows[rows[column].notna()]
    monotone = known["monotonic"].astype(bool).to_numpy()
    up, down = (known.loc[chosen, column].to_numpy(float) for chosen in (~monotone, monotone))
    words = f"{len(up)} non-monotone and {len(down)} monotone lines"
    counts = {"non-monotone": len(up), "monotone": len(down)}
    if not len(up) or not len(down):
        return not_testable(words, counts)
    area = area_under_curve(up, down)
    inflation = design_effect(~monotone, np.zeros(len(known)), configurations(known))
    sizes = (len(up) / inflation, len(down) / inflation)
    low, high = newcombe_interval(area, sizes, settings.confidence)
    words += f"; a non-monotone one has {noun} with probability {area:.2f} ({_interval(low, high)}), a rank "
    words += f"correlation (rank-biserial) of {2 * area - 1:.2f}"
    return Finding(
        verdict=grade(low, high, null=CHANCE, margin=MARGIN_OF_AREA),
        ours=words,
        effect=area,
        low=low,
        high=high,
        counts=counts,
        kind="area under the ROC curve",
        margin=MARGIN_OF_AREA,
        smallest_effect=smallest_area(sizes, settings.confidence, POWER),
    )


def judge_number(
    effect: float,
    low: float,
    high: float,
    *,
    kind: str,
    words: str,
    counts: dict[str, int],
    settings: Measure,
    null: float = 0.0,
    margin: float = 0.0,
    paper_effect: float | None = None,
) -> Finding:
    """Judge the claim that an estimated number is above its value under no effect.

    Args:
        effect: The number; NaN if it could not be estimated.
        low: Lower bound of its interval.
        high: Upper bound of its interval.
        kind: Name of the effect, such as "exponent of a power law".
        words: The result in words.
        counts: Number of runs or lines in each group.
        settings: The confidence of the interval.
        null: Value of the number under no effect.
        margin: Difference from `null` that counts as no effect.
        paper_effect: The paper's number; None if it gives none.

    Returns:
        The finding. Its power and smallest effect take the estimate to be normal, with the interval's width.
    """
    if not np.isfinite(effect) or not np.isfinite(low) or not np.isfinite(high):
        return not_testable(f"{words or kind}: too few runs to estimate it", counts)
    limit = NormalDist().inv_cdf((1 + settings.confidence) / 2)
    error = (high - low) / (2 * limit)
    reach = np.inf if error == 0 else (0.0 if paper_effect is None else paper_effect - null) / error
    return Finding(
        verdict=grade(low, high, null=null, margin=margin, paper_effect=paper_effect),
        ours=words,
        effect=effect,
        low=low,
        high=high,
        counts=counts,
        kind=kind,
        paper_effect=paper_effect,
        margin=margin,
        power=None if paper_effect is None else NormalDist().cdf(reach - limit),
        smallest_effect=null + (limit + NormalDist().inv_cdf(POWER)) * error,
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


def _power_of_equivalence(margin: float, error: float, limit: float) -> float:
    """Return the probability that an interval lies within the margin if there is no difference."""
    return 1.0 if error == 0 else max(0.0, 2 * NormalDist().cdf(margin / error - limit) - 1)


def _interval(low: float, high: float) -> str:
    return f"{low:.3g} to {high:.3g}"


WORDS = {"lr": "learning rate", "batch_norm": "batch norm", "hidden": "hidden widths", "batch_size": "batch size"}
"""Columns whose name in a sentence differs from the column's."""


def _listed(columns: Sequence[str]) -> str:
    words = [WORDS.get(name, name) for name in columns]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
