"""Claims that the width and the depth of fully-connected networks do not matter."""

import numpy as np

from stages.claims.declare import claim
from stages.claims.finding import Finding
from stages.claims.judgements_of_proportions import judge_difference, judge_no_difference
from stages.results.results import Results
from stages.results.rows import combined_labels, configurations, converged

SETTING = ("dataset", "batch_size", "activation", "batch_norm", "optimizer", "lr")
"""Columns that compared networks agree in."""
NO_EFFECT = "“not observe any significant effect from changing either the hidden size or the network depth”"
RULE = "Reproduced if the interval of the difference of proportions, stratified by activation, batch norm, optimizer, "
RULE += "learning rate and {}, is within 0.1 on both sides; opposite if it is wholly beyond."


@claim(
    "width_does_not_matter",
    statement="Wide networks are non-monotone as often as narrow ones.",
    section="figure 25, appendix C.10",
    paper=NO_EFFECT,
    rule=RULE.format("depth"),
)
def width_does_not_matter(results: Results) -> Finding:
    """Judge networks wider than the middle of the grid beside the others, of the same depth."""
    return _judge_upper_half(results, "width", "depth")


@claim(
    "depth_does_not_matter",
    statement="Deep networks are non-monotone as often as shallow ones.",
    section="figure 25, appendix C.10",
    paper=NO_EFFECT,
    rule=RULE.format("width"),
)
def depth_does_not_matter(results: Results) -> Finding:
    """Judge networks deeper than the middle of the grid beside the others, of the same width."""
    return _judge_upper_half(results, "depth", "width")


def _judge_upper_half(results: Results, column: str, kept: str) -> Finding:
    """Judge runs beyond the geometric mean of the smallest and the largest value of a column beside the others."""
    rows = converged(results.lines())
    rows = rows[rows["width"].notna() & rows["depth"].notna()]
    values = rows[column].astype(float)
    middle = float(np.sqrt(values.min() * values.max())) if len(rows) else 0.0
    arm, names = values > middle * (1 + 1e-9), (f"{column} above {middle:.3g}", "at most that")
    found = judge_difference(
        arm,
        ~rows["monotonic"].astype(bool),
        names,
        results.measure,
        what="non-monotone",
        strata=combined_labels(rows, (*SETTING, kept)),
        stratified_by=f"setting and {kept}",
        clusters=configurations(rows),
    )
    return judge_no_difference(found, results.measure)
