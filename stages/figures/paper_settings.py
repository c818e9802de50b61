"""Table 12: runs under several guesses of the settings of the paper's tables 5 to 7, beside its numbers."""

import pandas as pd

from stages.figures import findings_of_tables
from stages.figures.declare import table
from stages.figures.outputs import Table
from stages.figures.tables import markdown
from stages.figures.words import explain_converged, left_out, number, optimizer_name
from stages.results.paper_comparison import paper_cells
from stages.results.results import Results
from stages.results.rows import converged

SETTING = ["dataset", "hidden", "outputs", "gain", "batch_size", "optimizer", "momentum", "lr"]
MEASURES = {  # our column, by what the paper's numbers call it
    "distance": "distance",
    "gauss_length": "gauss_length_smooth_grid",
    "resolved_gauss_length": "gauss_length_smooth",
}


@table(
    12,
    "settings_of_tables_5_to_7",
    shows="Runs under several guesses of the settings of tables 5 to 7, beside the paper's numbers.",
    paper="It states neither batches nor pixels of these tables.",
    finding=findings_of_tables.of_settings,
)
def settings_of_tables_5_to_7(results: Results) -> Table:
    """Table 12: a row for each converged run that is never switched, with distance and Gauss length.

    Args:
        results: The pooled suites.

    Returns:
        Tidy: the setting, our number, the paper's, and ours relative to it, for each of `MEASURES`. Gauss lengths are
        those on the grid of alphas, as in the paper, and the resolved one beside the same number of the paper.
    """
    rows = results.lines()
    never = rows[rows["switch_after"].isna() & rows["magnitude"].isna()]
    data = converged(never)[["run_id", *SETTING, "min_delta", *MEASURES.values()]].reset_index(drop=True)
    data = data.astype({"lr": float, "min_delta": float} | dict.fromkeys(MEASURES.values(), float))
    for name, column in MEASURES.items():
        stated = _stated("distance" if name == "distance" else "gauss_length").rename(
            columns={"value": f"paper_{column}"}
        )
        data = data.astype({"optimizer": object}).merge(stated, on=["optimizer", "lr"], how="left")
        data[f"{column}_ratio"] = data[column] / data[f"paper_{column}"]
    lines = [
        [_setting(row), *(_cell(row, column) for column in MEASURES.values()), number(row["min_delta"])]
        for row in data.to_dict("records")
    ]
    head = ["run", "distance", "Gauss length on the grid (rad)", "resolved Gauss length (rad)", "min Δ"]
    note = (
        "In a cell: our number, the paper's in tables 5 and 6 for runs that are never switched, and ours over it. "
        f"{explain_converged(results)} {left_out(never)}."
    )
    return Table(data, markdown("Which settings are those of tables 5 to 7?", 1, head, lines, note))


def _stated(quantity: str) -> pd.DataFrame:
    """Return the paper's means of runs of one optimizer alone, from tables 5 and 6."""
    cells = pd.concat([paper_cells(place, quantity) for place in ("table 5", "table 6")])
    return cells[cells["switch_after"] == float("inf")][["optimizer", "lr", "value"]].astype({"optimizer": object})


def _setting(row: dict) -> str:
    words = [str(row["dataset"]), str(row["hidden"])]
    words += [f"{row['outputs']:g} outputs"] if pd.notna(row["outputs"]) else []
    words += [f"gain {row['gain']:g}"] if row["gain"] != 1 else []
    words += [f"batches of {row['batch_size']}", f"{optimizer_name(row['optimizer'])} {row['lr']:g}"]
    words += ["without momentum"] if row["optimizer"] == "sgd" and row["momentum"] == 0 else []
    return ", ".join(words)


def _cell(row: dict, column: str) -> str:
    ours, theirs = row[column], row[f"paper_{column}"]
    return number(ours) if pd.isna(theirs) else f"{number(ours)}<br>paper {number(theirs)}: {ours / theirs:.2f} times"
