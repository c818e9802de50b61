"""Compare two sets of runs of one grid, cell by cell, such as those trained in single precision and in TF32.

    python tools/compare_runs.py FIRST/measures.csv SECOND/measures.csv [--confidence 0.95]

A cell is an optimizer, with or without batch norm, at a learning rate. Prints a Markdown table.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pandas as pd

from stages.config import OWN_LINE
from stages.measures.contrast import SETTING
from stages.measures.proportion import newcombe, wilson
from stages.results.measures_file import read_measures
from stages.shared.errors import UserError

CELL = ["optimizer", "batch_norm", "lr"]
COLUMNS = {*SETTING, "line", "status", "monotonic", "final_train_loss", "distance"}


def own_lines(path: Path) -> pd.DataFrame:
    """Read the runs of a table of measures, each by its line from its initial to its final weights.

    Args:
        path: A `measures.csv`.

    Returns:
        One row a run.

    Raises:
        UserError: If the file is missing or no such table.
    """
    table = read_measures(path)
    if missing := COLUMNS - set(table):
        raise UserError(f"{path} has no column {min(missing)}; name a measures.csv that stage measure wrote")
    return table[table["line"] == OWN_LINE]


def check_grids(first: pd.DataFrame, second: pd.DataFrame) -> None:
    """Refuse runs of different grids.

    Args:
        first: Rows of `own_lines`.
        second: Rows of `own_lines`.

    Raises:
        UserError: If a configuration is in one of them only.
    """
    one, other = (sorted(map(tuple, rows[SETTING].astype(str).to_numpy())) for rows in (first, second))
    if one != other:
        raise UserError(
            f"the tables are of different grids: {len(set(one) - set(other))} configurations of the first are not in "
            f"the second, {len(set(other) - set(one))} of the second not in the first; compare runs of one grid"
        )


def compare(first: pd.DataFrame, second: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Compare runs of one grid, cell by cell, and all together.

    Args:
        first: Rows of `own_lines`.
        second: Rows of `own_lines`.
        confidence: Of all intervals.

    Returns:
        One row a cell, and a last one for all. For each table: how many runs converged (`converged_1`, `converged_2`),
        how many of these have a non-monotone line, that share with its Wilson interval, the medians of the final
        training loss (the suite's loss an example) and of the distance from initial to final weights. For both: the
        difference of the shares, the second minus the first, with Newcombe's interval.
    """
    cells = [*map(tuple, first[CELL].drop_duplicates().to_numpy()), ("all", "", "")]
    rows = []
    for cell in cells:
        row = dict(zip(CELL, cell, strict=True))
        counts = []
        for number, table in enumerate((first, second), 1):
            inside = table if cell[0] == "all" else table[(table[CELL] == list(cell)).all(axis=1)]
            kept = inside[(inside["status"] == "converged") & inside["monotonic"].notna()]
            risen = int((~kept["monotonic"].astype(bool)).sum())
            counts.append((risen, len(kept)))
            low, high = wilson(risen, len(kept), confidence)
            row |= {f"converged_{number}": len(kept), f"non_monotone_{number}": risen}
            row |= {f"share_{number}": risen / len(kept) if len(kept) else float("nan")}
            row |= {f"low_{number}": low, f"high_{number}": high}
            row |= {
                f"loss_{number}": kept["final_train_loss"].median(),
                f"distance_{number}": kept["distance"].median(),
            }
        low, high = newcombe(*counts, confidence)
        rows.append(row | {"difference": row["share_2"] - row["share_1"], "low": low, "high": high})
    return pd.DataFrame(rows)


def markdown(compared: pd.DataFrame) -> str:
    """Return the table of `compare` as Markdown, and how many cells' intervals of the difference leave out 0."""
    lines = [
        "| optimizer | batch norm | learning rate | non-monotone, first | second | difference of shares | final loss | "
        "distance |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in compared.itertuples():
        norm = {True: "yes", False: "no"}.get(row.batch_norm, "")
        shares = [
            f"{risen} of {of}: {share:.2f} ({low:.2f} to {high:.2f})"
            for risen, of, share, low, high in (
                (row.non_monotone_1, row.converged_1, row.share_1, row.low_1, row.high_1),
                (row.non_monotone_2, row.converged_2, row.share_2, row.low_2, row.high_2),
            )
        ]
        medians = [
            f"{one:.3g}, {other:.3g}" for one, other in ((row.loss_1, row.loss_2), (row.distance_1, row.distance_2))
        ]
        difference = f"{row.difference:+.2f} ({row.low:+.2f} to {row.high:+.2f})"
        lines.append("| " + " | ".join([row.optimizer, norm, str(row.lr), *shares, difference, *medians]) + " |")
    cells = compared[compared["optimizer"] != "all"]
    apart = int(((cells["low"] > 0) | (cells["high"] < 0)).sum())
    known = int(cells["difference"].notna().sum())
    lines += [
        "",
        f"In {apart} of {known} cells with converged runs in both, the interval of the difference leaves out 0.",
    ]
    return "\n".join([*lines, "Loss and distance are medians of the converged runs: first, second."])


def main(arguments: list[str] | None = None) -> None:
    """Read two tables and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path, help="measures.csv of the runs that are the baseline")
    parser.add_argument("second", type=Path, help="measures.csv of the runs that are held to it")
    parser.add_argument("--confidence", type=float, default=0.95, help="of all intervals (default: 0.95)")
    chosen = parser.parse_args(arguments)
    if not 0 < chosen.confidence < 1:
        parser.error(f"--confidence: got {chosen.confidence}, expected a number between 0 and 1")
    try:
        tables = [own_lines(path) for path in (chosen.first, chosen.second)]
        check_grids(*tables)
    except UserError as error:
        sys.exit(f"error: {error}")
    print(markdown(compare(*tables, chosen.confidence)))


if __name__ == "__main__":
    main()
