"""Claims about learning rates."""

import pandas as pd

from stages.claims.declare import claim
from stages.claims.finding import Finding
from stages.claims.judgements_of_proportions import judge_all_monotone, judge_more_non_monotone
from stages.claims.paper_effects import cells, stratified_difference
from stages.results.results import Results
from stages.results.rows import converged

SMALL_LEARNING_RATE, LARGE_LEARNING_RATE = 0.03, 1.0
"""Bounds for SGD, read from table 1 of the paper."""
ARCHITECTURE = ("dataset", "batch_size", "hidden", "activation", "batch_norm")
"""Columns that make a problem and the architecture of a fully-connected network."""


@claim(
    "small_learning_rates_are_monotone",
    statement=f"SGD with a learning rate of at most {SMALL_LEARNING_RATE:g} leads to monotone lines.",
    section="table 1, section 4.1",
    paper="0 of 136 non-monotone; “always exhibited the MLI property”",
    rule="Reproduced if at least nine of ten lines are monotone beyond doubt.",
)
def small_learning_rates_are_monotone(results: Results) -> Finding:
    """Judge runs of SGD with small learning rates."""
    rows = _runs_of_sgd(results)
    return judge_all_monotone(rows[rows["lr"] <= SMALL_LEARNING_RATE], results.measure)


@claim(
    "large_learning_rates_break_monotonicity",
    statement=f"Large learning rates (from {LARGE_LEARNING_RATE:g}) break monotonicity.",
    section="table 1, section 4.1",
    paper="36 of 48 beside 0 of 136; “often violated the MLI property”",
    rule="Reproduced if the difference of proportions to small rates, stratified by architecture, is above 0 beyond "
    "doubt and its interval reaches the paper's, stratified by batch norm.",
)
def large_learning_rates_break_monotonicity(results: Results) -> Finding:
    """Judge runs of SGD with large learning rates, beside those with small ones."""
    rows = _runs_of_sgd(results)
    rows = rows[(rows["lr"] >= LARGE_LEARNING_RATE) | (rows["lr"] <= SMALL_LEARNING_RATE)]
    names = (f"learning rates from {LARGE_LEARNING_RATE:g}", f"up to {SMALL_LEARNING_RATE:g}")
    large = rows["lr"] >= LARGE_LEARNING_RATE
    return judge_more_non_monotone(
        rows, large, names, results.measure, strata=ARCHITECTURE, paper_effect=effect_in_table_1()
    )


def effect_in_table_1() -> float:
    """Return the paper's difference of proportions between large and small rates, stratified by batch norm."""
    table = cells("table 1")
    large, small = table["lr"] >= LARGE_LEARNING_RATE, table["lr"] <= SMALL_LEARNING_RATE
    table = table[(table["optimizer"] == "sgd") & (large | small)]
    return stratified_difference(table, table["lr"] >= LARGE_LEARNING_RATE, ("batch_norm",))


def _runs_of_sgd(results: Results) -> pd.DataFrame:
    rows = converged(results.lines())
    return rows[rows["optimizer"] == "sgd"]
