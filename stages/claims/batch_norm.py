"""Claims about batch norm."""

from dataclasses import replace

from stages.claims.declare import claim
from stages.claims.finding import Finding, not_testable
from stages.claims.judgements_of_numbers import judge_number
from stages.claims.judgements_of_proportions import MARGIN_OF_DIFFERENCE, judge_more_non_monotone
from stages.claims.paper_effects import cells, stratified_difference
from stages.measures.stratified import stratify
from stages.results.matched_statistics import compare, lines_redrawn
from stages.results.results import Results
from stages.results.rows import combined_labels, converged

CELL = ("dataset", "batch_size", "hidden", "activation", "optimizer", "lr", "seed")
"""Columns that two matched runs agree in, which differ in batch norm."""


@claim(
    "batch_norm_breaks_monotonicity",
    statement="Batch norm breaks monotonicity more often.",
    section="table 1, section 4.1.2",
    paper="139 of 310 with, 8 of 144 without; “failed to satisfy the MLI property more frequently than those without”",
    rule="Reproduced if the difference of proportions, stratified by optimizer and learning rate, is above 0 beyond "
    "doubt and its interval reaches the paper's, stratified likewise.",
)
def batch_norm_breaks_monotonicity(results: Results) -> Finding:
    """Judge networks with batch norm beside those without, at the same optimizer and learning rate."""
    rows = converged(results.lines())
    normalised, names = rows["batch_norm"].astype(bool), ("batch norm", "none")
    found = judge_more_non_monotone(
        rows,
        normalised,
        names,
        results.measure,
        strata=("dataset", "batch_size", "optimizer", "lr"),
        paper_effect=effect_in_table_1(),
    )
    pairs = stratify(~rows["monotonic"].to_numpy(bool), normalised.to_numpy(bool), combined_labels(rows, CELL))
    only_with, only_without = (int((pairs.events[:, i] > pairs.events[:, 1 - i]).sum()) for i in (0, 1))
    matched = f"of {len(pairs.trials)} matched pairs {only_with} fail only with batch norm, {only_without} only without"
    return replace(found, ours=f"{found.ours}; {matched}")


def effect_in_table_1() -> float:
    """Return the paper's difference of proportions, stratified by optimizer and learning rate."""
    table = cells("table 1")
    return stratified_difference(table, table["batch_norm"].astype(bool), ("optimizer", "lr"))


@claim(
    "release_statistics_break_monotonicity",
    statement="Batch-norm statistics that are estimated as in the paper's release make monotone lines non-monotone.",
    section="this project; tables 1 to 4 rest on the release's statistics",
    paper="not in the paper",
    rule="Supported if more lines are non-monotone with a moving average over batches redrawn at each α than with "
    "cumulative statistics, at each suite's tolerance, beyond doubt, in matched pairs.",
    own=True,
)
def release_statistics_break_monotonicity(results: Results) -> Finding:
    """Judge lines with redrawn batches beside the own lines of the same runs."""
    lines = lines_redrawn(results)
    if lines.empty:
        return not_testable("no converged run with lines of redrawn batches")

    def compared(some):
        return compare(some["suite"] + some["run_id"], ~some["monotonic"], ~some["own_monotonic"], confidence)

    confidence = results.measure.confidence
    found = compared(lines)
    parts = []
    for suite, some in lines.groupby("suite", sort=False):
        part = compared(some)
        parts.append(f"{suite}: {part.proportion:.2f} against {part.proportion - part.difference:.2f} of {part.runs}")
    words = f"redrawn batches against own lines, {', '.join(parts)} runs non-monotone; difference "
    words += f"{found.difference:.2f} ({found.difference_low:.2f} to {found.difference_high:.2f})"
    return judge_number(
        found.difference,
        found.difference_low,
        found.difference_high,
        kind="difference of proportions in matched pairs",
        words=words,
        counts={"runs": found.runs},
        settings=results.measure,
        margin=MARGIN_OF_DIFFERENCE,
    )
