"""The choice of a monotone and a non-monotone run that differ in little else."""

import numpy as np
import pandas as pd

from stages.config import Run

SETTING = ["suite", *(field for field in Run.model_fields if field != "snapshots")]
"""Columns of the measures that say how a run was trained."""


def contrast(rows: pd.DataFrame) -> tuple[pd.Series | None, pd.Series | None]:
    """Choose a monotone and a non-monotone run with settings as similar as possible.

    Args:
        rows: Rows of converged runs, one a run, `monotonic` as plain booleans.

    Returns:
        The monotone and the non-monotone run; None where there is none. The non-monotone run has the largest min Delta.
        The monotone run has the same setting but for optimizer and learning rate, with the same optimizer and the
        closest learning rate if possible; without such a run it is the one of median normalised distance.
    """
    monotone, other = rows[rows["monotonic"]], rows[~rows["monotonic"]]
    worst = None
    if len(other):
        worst = other.sort_values(["min_delta", "run_id"], ascending=[False, True]).iloc[0]
        same = [name for name in SETTING if name not in ("optimizer", "lr")]
        alike = monotone[(monotone[same].astype(str) == worst[same].astype(str)).all(axis=1)]
        if len(alike):
            away = np.abs(np.log(alike["lr"].astype(float) / worst["lr"]))
            ranked = alike.assign(away=away, other=alike["optimizer"] != worst["optimizer"])
            return ranked.sort_values(["other", "away", "run_id"]).iloc[0], worst
    if monotone.empty:
        return None, worst
    return monotone.sort_values(["normalized_distance", "run_id"]).iloc[(len(monotone) - 1) // 2], worst
