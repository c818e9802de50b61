"""Judgements by numbers of lines: ratios, means, ranks and estimates.

`docs/verdicts.md` explains them to a reader of the report.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pandas as pd

from stages.claims.finding import NAN, Finding, Verdict, grade, not_testable
from stages.claims.judgement_terms import POWER, interval_words, listed, power_of_equivalence
from stages.config import Measure
from stages.measures.roc_area import area_under_curve, newcombe_interval, smallest_area
from stages.measures.stratified import design_effect
from stages.results.rows import combined_labels, configurations

MARGIN_OF_RATIO = 1.25
"""Ratio of means up to which two groups count as alike, as in tests of bioequivalence."""
MARGIN_OF_AREA = 0.1
"""Distance of an area under the ROC curve from 1/2 up to which two groups count as alike."""
CHANCE = 0.5
"""Area under the ROC curve if two groups do not differ."""


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
        return not_testable(f"{words}; {len(logs)} sets matched by {listed(matched_by)}", counts)
    deviation = float(logs.std(ddof=1) / np.sqrt(len(logs)) * t.ppf((1 + settings.confidence) / 2, len(logs) - 1))
    centre = float(logs.mean())
    found = judge_number(
        centre,
        centre - deviation,
        centre + deviation,
        kind=f"ratio of geometric means, matched by {listed(matched_by)}",
        words="",
        counts=counts | {"matched sets": len(logs)},
        settings=settings,
        margin=float(np.log(MARGIN_OF_RATIO)),
        paper_effect=None if paper_effect is None else float(np.log(paper_effect)),
    )
    ratio, low, high = (float(np.exp(value)) for value in (found.effect, found.low, found.high))
    words = f"{names[0]} {ratio:.3g} times {names[1]} ({interval_words(low, high)}), in {len(logs)} sets matched by "
    return replace(
        found,
        ours=words + listed(matched_by),
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
    words += f"({interval_words(low, high)})"
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
        power=power_of_equivalence(margin, error, limit),
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
    words += f"; a non-monotone one has {noun} with probability {area:.2f} ({interval_words(low, high)}), a rank "
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
