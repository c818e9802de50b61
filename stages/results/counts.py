"""Counts of runs by how they ended, and the proportion of their lines that are non-monotone."""

import pandas as pd

from stages.measures.proportion import wilson

COUNTS = ["trained", "diverged", "above_threshold", "converged", "non_monotone"]


def tally(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Count the runs of each cell by how they ended.

    Args:
        rows: Rows of `Results.lines`.
        keys: Columns that make a cell.

    Returns:
        One row a cell, sorted: the keys and `COUNTS`. A run that diverged is never among the converged.
    """
    reached = rows["status"] == "converged"
    ends = {
        "trained": 1,
        "diverged": (rows["status"] == "diverged").astype(int),
        "above_threshold": (rows["status"] == "above threshold").astype(int),
        "converged": reached.astype(int),
        "non_monotone": (reached & ~rows["monotonic"].astype(bool)).astype(int),
    }
    counts = rows[keys].assign(**ends).groupby(keys, as_index=False)[COUNTS].sum()
    return counts.astype(dict.fromkeys(COUNTS, int))


def proportions(rows: pd.DataFrame, keys: list[str], confidence: float) -> pd.DataFrame:
    """Return cells as `tally`, with the proportion of non-monotone lines and its Wilson interval.

    Args:
        rows: Rows of `Results.lines`.
        keys: Columns that make a cell.
        confidence: Confidence level of the interval, such as 0.95.

    Returns:
        One row a cell, sorted by the keys: `tally`, `proportion`, and the ends of its interval, `low` and `high`.
    """
    cells = tally(rows, keys)
    cells["proportion"] = cells["non_monotone"] / cells["converged"].where(cells["converged"] > 0)
    pairs = zip(cells["non_monotone"], cells["converged"], strict=True)
    intervals = [wilson(successes, trials, confidence) for successes, trials in pairs]
    cells["low"] = [interval[0] for interval in intervals]
    cells["high"] = [interval[1] for interval in intervals]
    return cells
