"""Kinds of failure by where along its line a non-monotone line rises, bins of distance, and matched pairs of runs."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stages.config import Run
from stages.results.rows import SEEDS, combined_labels, converged

NEAR_START, AT_END = 0.3, 0.9
"""A failure is near the start if its largest rise tops out below the first alpha, at the end if above the second."""
START, BETWEEN, END = "near the start", "in between", "at the end"
KINDS = (START, BETWEEN, END)
"""Kinds of failure, by where the largest rise tops out."""
MONOTONE = "monotone"
DISTANCE_EDGES = (0.0, 1.0, 3.0, 10.0, np.inf)
"""Edges of the bins of normalised distance."""
DISTANCE_BINS = ("below 1", "1 to 3", "3 to 10", "10 or more")

PLAIN, WARM_UP, AVERAGED = "plain", "warm-up", "averaged weights"
TREATMENTS = (PLAIN, WARM_UP, AVERAGED)
"""Ways to train that are compared in matched pairs of runs."""
TREATED = ("warmup", "average_from")


def failure_kinds(rows: pd.DataFrame) -> pd.Series:
    """Return the kind of failure of each line: one of `KINDS`, or `MONOTONE`.

    Args:
        rows: Rows of `Results.lines` of lines whose alphas run from 0 to 1.

    Returns:
        The kinds, with the index of the rows.
    """
    top = rows["bump_alpha"].astype(float)
    kinds = np.select([top < NEAR_START, top > AT_END], [START, END], BETWEEN)
    return pd.Series(np.where(rows["monotonic"].astype(bool), MONOTONE, kinds), index=rows.index, dtype=object)


def distance_bins(rows: pd.DataFrame) -> pd.Series:
    """Return the bin of each row's normalised distance, one of `DISTANCE_BINS`, with the index of the rows."""
    return pd.cut(rows["normalized_distance"].astype(float), DISTANCE_EDGES, right=False, labels=DISTANCE_BINS)


def treatments(rows: pd.DataFrame) -> pd.Series:
    """Return how each run was trained: one of `TREATMENTS`; missing for a run with a warm-up and averaged weights."""
    warm, averaged = rows["warmup"].astype(float) > 0, rows["average_from"].notna()
    names = np.select([warm & averaged, warm, averaged], ["", WARM_UP, AVERAGED], PLAIN)
    return pd.Series(names, index=rows.index, dtype=object).replace("", None)


def matched_pairs(rows: pd.DataFrame, treatment: str) -> pd.DataFrame:
    """Return the pairs of converged runs that differ in one treatment only.

    Args:
        rows: Rows of `Results.lines`.
        treatment: `WARM_UP` or `AVERAGED`.

    Returns:
        The rows of both runs of each pair, with the columns `treatment` (`PLAIN` or the other), `pair` (a label),
        `cell` (a label of the configuration without treatment and seeds) and `kind` (as `failure_kinds`).
    """
    kept = converged(rows).assign(treatment=treatments(rows), kind=failure_kinds(rows))
    kept = kept[kept["treatment"].isin([PLAIN, treatment])]
    kept = kept.assign(pair=_labels(kept, without=TREATED), cell=_labels(kept, without=(*TREATED, *SEEDS)))
    kept = kept.drop_duplicates(["pair", "treatment"])  # of several warm-ups the first
    return kept[kept.groupby("pair")["treatment"].transform("nunique") == 2].reset_index(drop=True)


def _labels(rows: pd.DataFrame, without: Sequence[str]) -> np.ndarray:
    fields = [name for name in Run.model_fields if name in rows and name not in (*without, "snapshots")]
    return combined_labels(rows, fields)
