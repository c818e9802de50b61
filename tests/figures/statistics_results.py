"""Made-up lines with several estimates of batch-norm statistics, whose min Delta is given."""

import numpy as np
import pandas as pd
from figures_results import MEASURE, nothing_more
from results_in_memory import results_in_memory

from stages.config import LineStatistics, Run, StatisticsLines, Suite
from stages.lines.curves import EXAMPLE_FIELDS, Curves
from stages.measures.table import OWN_LINE, describe

LINES = {
    "mean": StatisticsLines(kind="statistics", batch_norm=LineStatistics(batch_size=64)),
    "release": StatisticsLines(
        kind="statistics",
        batch_norm=LineStatistics(estimate="momentum", batch_size=64, order="redrawn"),
        count=2,
    ),
}
TOLERANCE = 0.001
ALPHAS = np.linspace(0, 1, 5)


def made_lines(rises, statuses=None, suite="statistics"):
    """Return results of some runs.

    Args:
        rises: min Delta of each run: own line, line `mean`, and both lines `release`.
        statuses: How each run ended; all converged if None.
        suite: Name of the suite.
    """
    rows, losses = [], []
    for number, values in enumerate(rises):
        run = Run(
            dataset="digits", network="mlp", hidden=(8, 8), activation="relu", batch_norm=True, optimizer="adam",
            lr=0.1, epochs=1, batch_size=8, loss="cross_entropy", seed=number,
        )  # fmt: skip
        names = [(OWN_LINE, np.nan), ("mean", 0), ("release", 0), ("release", 1)]
        for (name, draw), rise in zip(names, values, strict=True):
            key = f"run{number}"
            row = {"suite": suite, "run_id": key, "line": name, "start_run_id": key, "draw": draw, "part": np.nan}
            row |= describe(run) | {"status": (statuses or ["converged"] * len(rises))[number], "min_delta": rise}
            rows.append({key: np.nan if value is None else value for key, value in row.items()})
            losses.append(np.array([2.0, 1.0, 0.5, 0.1, 0.1 + rise]))
    columns = [*describe(run), "status", "min_delta", "suite", "run_id", "line", "start_run_id", "draw", "part"]
    table = pd.DataFrame(rows, columns=columns)
    rise = table["min_delta"].astype(float)
    table["monotonic"] = (rise <= TOLERANCE).astype(object).where(rise.notna(), None)
    loss, count = np.array(losses).reshape(-1, len(ALPHAS)), len(rows)
    curves = Curves(
        run_ids=tuple(table["run_id"]),
        lines=tuple(table["line"]),
        starts=tuple(table["run_id"]),
        draws=tuple(None if np.isnan(draw) else int(draw) for draw in table["draw"].astype(float)),
        parts=(None,) * count,
        alphas=ALPHAS,
        **dict.fromkeys(("loss_train", "loss_test", "accuracy_train", "accuracy_test"), loss),
        examples=np.zeros(count),
        **dict.fromkeys(EXAMPLE_FIELDS, np.zeros((count, 0))),
        distance=np.ones(count),
        start_norm=np.ones(count),
        **nothing_more(count, len(ALPHAS)),
        paths=np.zeros((count, len(ALPHAS), 0, 10)),
        path_labels=np.zeros((count, 0), int),
    )
    about = Suite(dataset="digits", grids={}, threshold=0.1, tolerance=TOLERANCE, lines=LINES)
    return results_in_memory(table, {suite: curves}, {suite: about}, MEASURE, {}, pd.DataFrame(), {})
