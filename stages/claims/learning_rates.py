"""Claims about learning rates."""

import pandas as pd

from stages.claims.declare import claim
from stages.claims.finding import Finding
from stages.claims.judgements import judge_all_monotone, judge_more_non_monotone
from stages.results.results import Results
from stages.results.rows import converged

SMALL_LEARNING_RATE, LARGE_LEARNING_RATE = 0.03, 1.0
"""Bounds for SGD, read from table 1 of the paper."""


@claim(
    "small_learning_rates_are_monotone",
    statement=f"SGD with a learning rate of at most {SMALL_LEARNING_RATE:g} leads to monotone lines.",
    section="table 1, section 4.1",
    paper="0 of 136",
)
def small_learning_rates_are_monotone(results: Results) -> Finding:
    """Judge runs of SGD with small learning rates."""
    rows = _runs_of_sgd(results)
    return judge_all_monotone(rows[rows["lr"] <= SMALL_LEARNING_RATE], results.measure)


@claim(
    "large_learning_rates_break_monotonicity",
    statement=f"Large learning rates (from {LARGE_LEARNING_RATE:g}) break monotonicity.",
    section="table 1, section 4.1",
    paper="36 of 48 beside 0 of 136",
)
def large_learning_rates_break_monotonicity(results: Results) -> Finding:
    """Judge runs of SGD with large learning rates, beside those with small ones."""
    rows = _runs_of_sgd(results)
    large, small = rows[rows["lr"] >= LARGE_LEARNING_RATE], rows[rows["lr"] <= SMALL_LEARNING_RATE]
    names = (f"learning rates from {LARGE_LEARNING_RATE:g}", f"up to {SMALL_LEARNING_RATE:g}")
    return judge_more_non_monotone(large, small, names, results.measure)


def _runs_of_sgd(results: Results) -> pd.DataFrame:
    rows = converged(results.lines())
    return rows[rows["optimizer"] == "sgd"]
