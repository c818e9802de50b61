"""Claims of this project about which lines fail, where along the line, and what prevents it."""

from dataclasses import replace

from stages.claims.declare import claim
from stages.claims.finding import Finding, not_testable
from stages.claims.judgements_of_numbers import CHANCE, MARGIN_OF_AREA, judge_number
from stages.claims.judgements_of_proportions import judge_all_monotone, judge_difference, judge_share
from stages.measures.stratified_area import area_within_strata
from stages.results.failures import (
    AVERAGED,
    END,
    KINDS,
    PLAIN,
    START,
    WARM_UP,
    distance_bins,
    failure_kinds,
    matched_pairs,
)
from stages.results.results import Results
from stages.results.rows import combined_labels, configurations, converged

SHORT = 1.0
"""Normalised distance below which a run ends nearer to its initial weights than these are to zero."""


@claim(
    "distance_decides",
    statement="Among runs of one optimizer, with batch norm or without, the longer line is the one that fails.",
    section="this project",
    paper="not in the paper, whose figures 5 and 12 do not separate distance from optimizer and batch norm",
    rule="Supported if a non-monotone line has a larger normalised distance than a monotone one of the same optimizer "
    "and the same use of batch norm with a probability above 1/2 beyond doubt.",
    own=True,
)
def distance_decides(results: Results) -> Finding:
    """Judge the normalised distance of non-monotone lines beside that of monotone ones, within strata."""
    rows = converged(results.lines())
    rows = rows[rows["normalized_distance"].notna()]
    failed = ~rows["monotonic"].astype(bool)
    distance = rows["normalized_distance"].to_numpy(float)
    strata = combined_labels(rows, ["optimizer", "batch_norm"])
    found = area_within_strata(distance, failed.to_numpy(), strata)
    low, high = found.interval(configurations(rows), results.measure.confidence)
    crude = area_within_strata(distance, failed.to_numpy()).area
    bins = failed.groupby(distance_bins(rows), observed=True).agg(["sum", "size"])
    shares = ", ".join(f"{int(row['sum'])} of {int(row['size'])} at {name}" for name, row in bins.iterrows())
    words = f"the non-monotone line of a pair is longer with probability {found.area:.2f} ({low:.3g} to {high:.3g}) "
    words += f"within strata, {crude:.2f} without; non-monotone by normalised distance: {shares}"
    return judge_number(
        found.area,
        low,
        high,
        kind="area under the ROC curve, stratified by optimizer and batch norm",
        words=words,
        counts={"non-monotone": int(failed.sum()), "monotone": int((~failed).sum()), "pairs": found.pairs},
        settings=results.measure,
        null=CHANCE,
        margin=MARGIN_OF_AREA,
    )


@claim(
    "short_lines_are_monotone",
    statement="Lines shorter than the norm of the initial weights are monotone.",
    section="this project",
    paper="not in the paper",
    rule="Supported if nearly all lines of a normalised distance below 1 are monotone, beyond doubt.",
    own=True,
)
def short_lines_are_monotone(results: Results) -> Finding:
    """Judge lines of a normalised distance below `SHORT`."""
    rows = converged(results.lines())
    return judge_all_monotone(rows[rows["normalized_distance"] < SHORT], results.measure)


@claim(
    "failures_are_of_two_kinds",
    statement="A non-monotone line has a barrier near its start or climbs at its end; hardly any rises in between.",
    section="this project",
    paper="not in the paper",
    rule="Supported if of nearly all non-monotone lines the largest rise tops out at α below 0.3 or above 0.9, beyond "
    "doubt.",
    own=True,
)
def failures_are_of_two_kinds(results: Results) -> Finding:
    """Judge where the largest rises of non-monotone lines top out."""
    rows = _failing(results)
    if rows.empty:
        return not_testable("no converged run has a non-monotone line")
    counts = rows["kind"].value_counts()
    extreme = rows["kind"].isin([START, END])
    labels = configurations(rows)
    number = len(set(labels))
    share = extreme.astype(float).groupby(labels).mean().mean() * len(rows)
    clusters = number if number < len(rows) else None
    found = judge_share(share, len(rows), "rise at an end", results.measure, clusters=clusters, noun="configurations")
    listed = ", ".join(f"{int(counts.get(kind, 0))} {kind}" for kind in KINDS)
    return replace(found, ours=f"{listed}; {found.ours}")


@claim(
    "optimizers_fail_in_their_own_way",
    statement="Lines of RMSProp fail near the start, those of optimizers with momentum at the end.",
    section="this project",
    paper="not in the paper",
    rule="Supported if a failure near the start is a larger share of RMSProp's failures than of those of SGD, Adam and "
    "K-FAC beyond doubt.",
    own=True,
)
def optimizers_fail_in_their_own_way(results: Results) -> Finding:
    """Judge the share of failures near the start of RMSProp beside that of the optimizers with momentum."""
    rows = _failing(results)
    return judge_difference(
        rows["optimizer"] == "rmsprop",
        rows["kind"] == START,
        ("RMSProp", "momentum"),
        results.measure,
        what="of their failures near the start",
        clusters=configurations(rows),
    )


@claim(
    "failures_at_the_end_vanish_at_the_best_point",
    statement="A line that climbs at its end is monotone up to its best point, where one could stop.",
    section="this project",
    paper="not in the paper",
    rule="Supported if nearly all lines that fail at the end are monotone, by the suite's tolerance, when they are cut "
    "at their lowest training loss.",
    own=True,
)
def failures_at_the_end_vanish_at_the_best_point(results: Results) -> Finding:
    """Judge min Delta up to the lowest training loss, of lines that fail at the end."""
    rows = _failing(results)
    rows = rows[rows["kind"] == END]
    if rows.empty:
        return not_testable("no converged run has a line that fails at the end")
    tolerance = rows["suite"].map(results.limits("tolerance")).astype(float)
    cured = rows["min_delta_to_best"].astype(float) <= tolerance
    return judge_share(int(cured.sum()), len(rows), "are monotone up to their best point", results.measure)


@claim(
    "averaged_weights_prevent_failures_at_the_end",
    statement="Weights averaged over the last epochs end lines nearer to the minimum, where they climb less often.",
    section="this project",
    paper="not in the paper",
    rule="Supported if, in matched pairs of one training, lines to the last weights fail at the end more often than "
    "lines to the averaged ones beyond doubt.",
    own=True,
)
def averaged_weights_prevent_failures_at_the_end(results: Results) -> Finding:
    """Judge failures at the end of lines to the last weights, beside those to the averaged weights of the same run."""
    return _judge_treatment(results, AVERAGED, END)


@claim(
    "warm_up_prevents_failures_near_the_start",
    statement="A learning-rate warm-up prevents barriers near the start of the line.",
    section="this project",
    paper="not in the paper",
    rule="Supported if, in matched pairs, runs without a warm-up fail near the start more often than those with one "
    "beyond doubt.",
    own=True,
)
def warm_up_prevents_failures_near_the_start(results: Results) -> Finding:
    """Judge failures near the start of runs without a warm-up, beside those of the same runs with one."""
    return _judge_treatment(results, WARM_UP, START)


def _judge_treatment(results: Results, treatment: str, kind: str) -> Finding:
    """Judge in matched pairs whether a kind of failure is more frequent without a treatment than with it."""
    pairs = matched_pairs(results.lines(), treatment)
    found = judge_difference(
        pairs["treatment"] == PLAIN,
        pairs["kind"] == kind,
        (PLAIN, treatment),
        results.measure,
        what=f"non-monotone {kind}",
        strata=pairs["pair"].to_numpy(),
        stratified_by="run",
    )
    monotone = pairs.pivot(index="pair", columns="treatment", values="monotonic").astype(bool)
    if monotone.empty:
        return found
    cured = int((~monotone[PLAIN] & monotone[treatment]).sum())
    broken = int((monotone[PLAIN] & ~monotone[treatment]).sum())
    both = f"of all {len(monotone)} pairs {cured} are monotone with {treatment} only, {broken} without only"
    return replace(found, ours=f"{found.ours}; {both}")


def _failing(results: Results):
    """Return the rows of non-monotone lines of converged runs, with their `kind` of failure."""
    rows = converged(results.lines())
    return rows.assign(kind=failure_kinds(rows))[~rows["monotonic"].astype(bool)]
