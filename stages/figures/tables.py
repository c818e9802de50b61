"""Table 1: how many lines are non-monotone by optimizer, batch norm and learning rate."""

import pandas as pd

from stages.figures.base import OPTIMIZERS, Material, Table, explain, left_out, split, subject
from stages.measures.proportion import wilson

COUNTS = ["trained", "diverged", "above_threshold", "admitted", "non_monotone"]


def tally(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Count the runs of each cell by how they ended.

    Args:
        rows: Rows of `Material.lines`.
        keys: Columns that make a cell.

    Returns:
        One row a cell, sorted: the keys and `COUNTS`. A run that diverged is never among the admitted.
    """
    reached = rows["status"] == "converged"
    ends = {
        "trained": 1,
        "diverged": (rows["status"] == "diverged").astype(int),
        "above_threshold": (rows["status"] == "above threshold").astype(int),
        "admitted": reached.astype(int),
        "non_monotone": (reached & ~rows["monotonic"].astype(bool)).astype(int),
    }
    counts = rows[keys].assign(**ends).groupby(keys, as_index=False)[COUNTS].sum()
    return counts.astype(dict.fromkeys(COUNTS, int))


def non_monotone_by_learning_rate(material: Material) -> Table:
    """Table 1: the proportion of non-monotone lines among admitted runs, with Wilson intervals.

    Args:
        material: The pooled suites.

    Returns:
        Tidy: one row a cell with counts, proportion and interval. Markdown: a row for each optimizer with and without
        batch norm, a column for each learning rate.
    """
    rows = material.lines()
    confidence = material.measure.confidence
    cells = tally(rows, ["optimizer", "batch_norm", "lr"])
    cells["proportion"] = cells["non_monotone"] / cells["admitted"].where(cells["admitted"] > 0)
    pairs = zip(cells["non_monotone"], cells["admitted"], strict=True)
    intervals = [wilson(successes, trials, confidence) for successes, trials in pairs]
    cells["low"] = [interval[0] for interval in intervals]
    cells["high"] = [interval[1] for interval in intervals]
    order = {name: place for place, name in enumerate(OPTIMIZERS)}
    cells["place"] = [order.get(name, len(order)) for name in cells["optimizer"]]
    cells = cells.sort_values(["place", "optimizer", "batch_norm", "lr"], ascending=[True, True, False, True])
    cells = cells.drop(columns="place").reset_index(drop=True)
    return Table(cells, _markdown(material, rows, cells))


def _markdown(material: Material, rows: pd.DataFrame, cells: pd.DataFrame) -> str:
    rates = sorted(set(cells["lr"]))
    lines = [
        f"**Proportion of non-monotone lines by learning rate: {subject(rows)}**",
        "",
        " | ".join(["| optimizer", "batch norm", *(f"{rate:g}" for rate in rates)]) + " |",
        "|---|---|" + "---:|" * len(rates),
    ]
    for (name, on), group in cells.groupby(["optimizer", "batch_norm"], sort=False):
        texts = {cell.lr: _cell(cell) for cell in group.itertuples()}
        line = [OPTIMIZERS.get(name, name), "yes" if on else "no", *(texts.get(rate, "") for rate in rates)]
        lines.append(f"| {' | '.join(line)} |")
    lines += [
        "",
        f"In a cell: proportion of non-monotone lines (number of admitted runs), below it the "
        f"{100 * material.measure.confidence:g} % Wilson interval; – where no run was admitted, empty where none was "
        f"trained. {explain(material)} {len(rows)} runs: {split(rows)}; {left_out(rows)} (by cell in the CSV).",
    ]
    return "\n".join(lines) + "\n"


def _cell(cell: object) -> str:
    if not cell.admitted:
        return "–"
    return f"{cell.proportion:.2f} ({cell.admitted})<br>{cell.low:.2f}–{cell.high:.2f}"
