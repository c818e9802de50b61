"""Tables 5 to 7: lines of runs that switch their optimizer, or take their step size from another."""

import numpy as np
import pandas as pd

from stages.figures import findings_of_tables
from stages.figures.declare import table
from stages.figures.outputs import Table
from stages.figures.tables import PAPER_NOTE, markdown, paper_text
from stages.figures.words import explain, left_out, optimizer_name, optimizers, split, subject
from stages.measures.agreement import means_agree
from stages.results.counts import tally
from stages.results.paper_comparison import at_paper_scale, beside_paper, paper_cells
from stages.results.results import Results
from stages.results.rows import converged

LENGTH, GRID_LENGTH, DISTANCE = "gauss_length_smooth", "gauss_length_smooth_grid", "distance"
BLOCKS = {
    LENGTH: "Gauss length (rad)",
    GRID_LENGTH: "Gauss length on the grid (rad)",
    DISTANCE: "distance",
    "non_monotone": "non-monotone / converged",
}
PAPER = {GRID_LENGTH: "gauss_length", DISTANCE: "distance"}  # what the paper's numbers call them
NEVER = np.inf  # epochs after which a run that is never switched is: a group of its own, and the last


@table(
    5,
    "sgd_to_adam",
    shows="Runs that switch from SGD to Adam.",
    paper="Distance and Gauss length grow by tens and by ten.",
    claims=("switching_raises_distance", "switching_raises_gauss_length", "switching_breaks_monotonicity"),
    finding=findings_of_tables.of_switching,
)
def sgd_to_adam(results: Results) -> Table:
    """Table 5: runs that begin with SGD and go on with Adam."""
    return _switched(results, "table 5", "sgd", "adam")


@table(
    6,
    "adam_to_sgd",
    shows="Runs that switch from Adam to SGD.",
    paper="Distance and Gauss length shrink.",
    claims=("switching_back_lowers_distance", "switching_back_lowers_gauss_length"),
    finding=findings_of_tables.of_switching,
)
def adam_to_sgd(results: Results) -> Table:
    """Table 6: runs that begin with Adam and go on with SGD."""
    return _switched(results, "table 6", "adam", "sgd")


def _switched(results: Results, place: str, first: str, second: str) -> Table:
    """Write a row for each learning rate of the first optimizer, a column for each epoch of the switch."""
    rows = results.lines()
    begun = (rows["optimizer"] == first) & rows["magnitude"].isna()
    chosen = rows[begun & (rows["switch_after"].isna() | (rows["switch_optimizer"] == second))]
    when = ["switch_after", "switch_lr"]
    filled = {name: chosen[name].astype(float).fillna(NEVER) for name in when}
    cells = summaries(chosen.assign(**filled), ["lr", *when])
    beside = at_paper_scale(chosen, place)
    blocks = [block for block in BLOCKS if block != GRID_LENGTH or beside]
    for measure, quantity in PAPER.items():
        paper = paper_cells(place, quantity)
        paper = paper.assign(switch_lr=paper["switch_lr"].astype(float).fillna(NEVER))
        cells = _with_paper(cells, paper, ["lr", *when], measure, beside, results.measure.confidence)
    rates = sorted(set(cells["lr"]))
    across = sorted(set(zip(cells["switch_after"], cells["switch_lr"], strict=True)))
    second_rates = sorted({rate for _, rate in across if rate < NEVER})
    names = [optimizer_name(name) for name in (first, second)]
    head = ["", f"{names[0]} lr"]
    for after, rate in across:
        which = f" (lr {rate:g})" if len(second_rates) > 1 else ""
        head.append(f"{after:g}{which}" if after < NEVER else "never")
    lines = _lines(cells, ["lr"], {(rate,): [f"{rate:g}"] for rate in rates}, when, across, blocks, beside)
    at = f" (lr {', '.join(f'{rate:g}' for rate in second_rates)})" if second_rates else ""
    note = f"Columns: epochs after which {names[1]}{at} takes over from {names[0]}. Gauss length: smooth estimator. "
    note += f"On the grid: with the alphas of the curves only, as in the paper. {PAPER_NOTE}" if beside else ""
    title = f"Switch from {names[0]} to {names[1]}: {subject(chosen)}"
    data = cells.replace(dict.fromkeys(when, NEVER), np.nan)
    switched = data["switch_after"].notna()
    data.insert(0, "switch_optimizer", pd.Series(np.where(switched, second, None), data.index, dtype=object))
    data.insert(0, "optimizer", first)
    return Table(data, _markdown(results, rows, chosen, title, 2, head, lines, note))


@table(
    7,
    "grafting",
    shows="Steps of one optimizer's direction and another's length.",
    paper="The length breaks monotonicity.",
    claims=("step_length_breaks_monotonicity",),
    finding=findings_of_tables.of_grafting,
)
def grafting(results: Results) -> Table:
    """Table 7: runs that take the length of each step from one optimizer and its direction from another.

    Args:
        results: The pooled suites.

    Returns:
        A row for each learning rate of each optimizer that lends its step size, a column for each direction. An
        optimizer's own direction is the optimizer itself.
    """
    rows = results.lines()
    lent = np.where(rows["magnitude"].isna(), rows["optimizer"], rows["magnitude"])
    named = rows.assign(step_size=lent, direction=rows["optimizer"].astype(object))[rows["switch_after"].isna()]
    grafted = named[named["step_size"] != named["direction"]]
    chosen = named[named["step_size"].isin(grafted["step_size"])]
    cells = summaries(chosen, ["step_size", "lr", "direction"])
    beside = at_paper_scale(chosen, "table 7")
    paper = paper_cells("table 7", "distance")
    paper = paper.assign(step_size=paper["magnitude"].fillna(paper["optimizer"]), direction=paper["optimizer"])
    keys = ["step_size", "lr", "direction"]
    cells = _with_paper(cells, paper, keys, DISTANCE, beside, results.measure.confidence)
    steps, directions = (optimizers(cells.assign(optimizer=cells[name])) for name in ("step_size", "direction"))
    down = {
        (step, rate): [optimizer_name(step), f"{rate:g}"]
        for step in steps
        for rate in sorted(set(cells["lr"][cells["step_size"] == step]))
    }
    across = [(name,) for name in directions]
    lines = _lines(cells, ["step_size", "lr"], down, ["direction"], across, [DISTANCE, "non_monotone"], beside)
    head = ["", "step size", "lr", *(f"direction {optimizer_name(name)}" for name in directions)]
    note = (
        "The learning rate is that of the optimizer that lends its step size. The heads of the paper's columns look "
        "swapped: its column Adam equals, means and errors, the distances of pure SGD in its table 5. "
    ) + (PAPER_NOTE if beside else "")
    title = f"Step size of one optimizer, direction of another: {subject(chosen)}"
    return Table(cells, _markdown(results, rows, chosen, title, 3, head, lines, note))


def summaries(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return cells as `tally`, with number, mean and standard error of each measure over converged runs.

    Args:
        rows: Rows of `Results.lines`.
        keys: Columns that make a cell.

    Returns:
        One row a cell, sorted. The standard error is that of the mean, missing for fewer than two runs.
    """
    cells = tally(rows, keys)
    measures = [LENGTH, GRID_LENGTH, DISTANCE]
    kept = converged(rows).astype(dict.fromkeys(measures, float))
    found = kept.groupby(keys)[measures].agg(["count", "mean", "sem"])
    parts = {"count": "n", "mean": "mean", "sem": "standard_error"}
    found.columns = [f"{measure}_{parts[part]}" for measure, part in found.columns]
    cells = cells.merge(found.reset_index().astype(cells[keys].dtypes), on=keys, how="left")
    numbers = [f"{measure}_n" for measure in measures]
    return cells.assign(**cells[numbers].fillna(0).astype(int))


def _with_paper(
    cells: pd.DataFrame, paper: pd.DataFrame, keys: list[str], measure: str, judged: bool, confidence: float
) -> pd.DataFrame:
    """Put the paper's means of a measure beside ours, `judged` whether both agree."""

    def agree(cell: dict) -> bool | None:
        ours = (cell[f"{measure}_{part}"] for part in ("mean", "standard_error", "n"))
        theirs = (cell[f"paper_{measure}{part}"] for part in ("", "_error", "_count"))
        return means_agree(*ours, *theirs, confidence)

    return beside_paper(cells, paper, keys, measure, agree if judged else None)


def _lines(
    cells: pd.DataFrame,
    rows: list[str],
    down: dict[tuple, list[str]],
    columns: list[str],
    across: list,
    blocks: list,
    beside: bool,
) -> list[list[str]]:
    """Write a block of rows for each measure: the words of each row's key, then a cell for each column's key."""
    found = {
        (tuple(cell[name] for name in rows), tuple(cell[name] for name in columns)): cell
        for cell in cells.to_dict("records")
    }
    return [
        [BLOCKS[block], *words, *(_cell(found.get((key, column)), block, beside) for column in across)]
        for block in blocks
        for key, words in down.items()
    ]


def _cell(cell: dict | None, block: str, beside: bool) -> str:
    if cell is None:
        return ""
    if block == "non_monotone":
        return f"{cell['non_monotone']}/{cell['converged']}" if cell["converged"] else "–"
    n, mean, error = (cell[f"{block}_{part}"] for part in ("n", "mean", "standard_error"))
    ours = _with_error(mean, error, n) if n else "–"
    if not beside or block not in PAPER:
        return ours
    theirs = (cell[f"paper_{block}{part}"] for part in ("", "_error", "_count"))
    return ours + paper_text(cell, block, _with_error(*theirs))


def _with_error(mean: float, error: float, n: float) -> str:
    """Write a mean of n numbers with its standard error, to two digits of the error."""
    if n < 2 or not error > 0:
        return f"{mean:.4g} ({n:g})" if n == 1 else f"{mean:.4g} ± 0 ({n:g})"
    places = int(np.clip(1 - np.floor(np.log10(error)), 0, 6))
    return f"{mean:.{places}f} ± {error:.{places}f} ({n:g})"


def _markdown(
    results: Results,
    rows: pd.DataFrame,
    chosen: pd.DataFrame,
    title: str,
    keys: int,
    head: list[str],
    lines: list[list[str]],
    note: str,
) -> str:
    """Write a table of the `chosen` among all `rows`, of which the first columns are keys, with what its cells mean."""
    others = len(rows) - len(chosen)
    below = (
        f"In a cell: mean ± standard error of the mean over converged runs (their number), no error for a single one; "
        f"– where no run converged or has a value, empty where none was trained. Distance: ‖θ_T − θ_0‖, not "
        f"normalised, as in the paper. {note}{explain(results)} {len(chosen)} runs: {split(chosen)}; "
        f"{left_out(chosen)} (by cell in the CSV)."
        + (f" {others} runs of these suites have other optimizers or switches." if others else "")
    )
    return markdown(title, keys, head, lines, below)
