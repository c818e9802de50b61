"""How far runs have travelled where their training loss first reached a level (Amari et al. 2020; appendix C.4)."""

import numpy as np
import pandas as pd

from stages.config.run import OPTIMIZER_FIELDS
from stages.measures.contrast import SETTING

LEVELS = (1.0, 0.3, 0.1, 0.03, 0.01)  # nats: absolute, since initial losses differ by network and would shift a share
OF_OPTIMIZER = {"optimizer", "lr"} | OPTIMIZER_FIELDS
SEEDS = {"seed", "order_seed", "data_seed"}


def travelled(rows: pd.DataFrame, epochs: pd.DataFrame) -> pd.DataFrame:
    """Return the distance of each run where it first reached each level.

    Args:
        rows: Rows of `Results.lines` of runs whose final distance is known.
        epochs: `Results.epochs`.

    Returns:
        One row for each run and level that it got to: `run_id`, `level`, and `travelled` in units of |theta_0|.
    """
    norms = rows[["suite", "run_id"]].assign(norm=rows["distance"] / rows["normalized_distance"])
    path = epochs.merge(norms, on=["suite", "run_id"]).sort_values("epoch", kind="stable")
    parts = []
    for level in LEVELS:
        first = path[path["loss"] <= level].drop_duplicates(["suite", "run_id"])
        share = first["distance"].to_numpy(float) / first["norm"].to_numpy(float)
        parts.append(pd.DataFrame({"run_id": first["run_id"].to_numpy(object), "level": level, "travelled": share}))
    found = pd.concat(parts, ignore_index=True)
    return found[np.isfinite(found["travelled"]) & (found["travelled"] > 0)]


def best_rates(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of the learning rate with the lowest mean final loss, of each optimizer in each setting.

    Args:
        rows: Rows of `Results.lines`.

    Returns:
        Those rows, and `setting`: the number of the setting, which is all of a run but its seeds and optimizer. A rate
        at which a run diverged is never the best.
    """
    same = [name for name in SETTING if name in rows and name not in OF_OPTIMIZER | SEEDS | {"suite"}]
    final = rows["final_train_loss"].astype(float).mask(rows["status"] == "diverged", np.inf)
    settings = rows.groupby(same, dropna=False).ngroup() if len(rows) else 0
    numbered = rows.assign(final_train_loss=final, setting=settings)
    keys = ["setting", "optimizer", "lr"]
    means = numbered.groupby(keys, as_index=False)["final_train_loss"].mean()
    order = means[np.isfinite(means["final_train_loss"])].sort_values(["final_train_loss", "lr"], kind="stable")
    order = order.drop_duplicates(["setting", "optimizer"])
    chosen = set(order[keys].itertuples(index=False, name=None))
    best = [key in chosen for key in numbered[keys].itertuples(index=False, name=None)]
    return numbered[np.array(best, dtype=bool)]
