"""Claims about batch norm."""

from dataclasses import replace

from stages.claims.declare import claim
from stages.claims.finding import Finding
from stages.claims.judgements import judge_more_non_monotone, stratified_difference
from stages.claims.paper_counts import TABLE_1
from stages.measures.stratified import stratify
from stages.results.results import Results
from stages.results.rows import combined_labels, converged

CELL = ("suite", "dataset", "hidden", "activation", "optimizer", "lr", "seed")
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
        rows, normalised, names, results.measure, strata=("optimizer", "lr"), paper_effect=effect_in_table_1()
    )
    pairs = stratify(~rows["monotonic"].to_numpy(bool), normalised.to_numpy(bool), combined_labels(rows, CELL))
    only_with, only_without = (int((pairs.events[:, i] > pairs.events[:, 1 - i]).sum()) for i in (0, 1))
    matched = f"of {len(pairs.trials)} matched pairs {only_with} fail only with batch norm, {only_without} only without"
    return replace(found, ours=f"{found.ours}; {matched}")


def effect_in_table_1() -> float:
    """Return the paper's difference of proportions, stratified by optimizer and learning rate."""
    cells = [(TABLE_1[name, True][i], TABLE_1[name, False][i]) for name in ("sgd", "adam") for i in range(8)]
    return stratified_difference([[a[0], b[0]] for a, b in cells], [[a[1], b[1]] for a, b in cells])
