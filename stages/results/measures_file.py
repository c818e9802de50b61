"""The file measures.csv, which says nothing twice: it is completed when it is read.

Cells of a run's configuration are empty where the run does not use the field. Lines other than a run's own leave empty
what the row of its own line says of the run.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from stages.config import OWN_LINE, Run
from stages.measures.table import OUTCOMES, SHAPE, cell
from stages.shared.csv_files import read_csv, write_csv
from stages.shared.origins import HERE

OF_THE_RUN = (*Run.model_fields, *SHAPE, *(name for name in OUTCOMES if name != "status"))
"""Columns that are equal in all rows of a run; a line may be diverged where its run is not."""
DEFAULTS = {
    name: str(cell(field.default))
    for name, field in Run.model_fields.items()
    if not field.is_required() and field.default not in (None, ())
}
"""Text of the default of each field of a run that has one."""
NULL = "null"
"""Text of a cell whose field is used and null, and would otherwise be read as its default."""


def write_measures(path: Path, rows: pd.DataFrame, runs: Mapping[str, Run]) -> None:
    """Write the table of measures.

    Args:
        path: The file.
        rows: Rows of `stages.measures.table.tabulate`, of any suites.
        runs: The run of each `run_id`.
    """
    rows = rows.copy()
    written = rows[list(Run.model_fields)].astype(object)
    for run_id, places in rows.groupby("run_id").groups.items():
        run = runs[str(run_id)]
        written.loc[places, sorted(run.unused)] = None
        null = [name for name in DEFAULTS if name not in run.unused and getattr(run, name) is None]
        written.loc[places, null] = NULL
    rows[list(Run.model_fields)] = written
    names = rows["suite"] + "|" + rows["run_id"] + "|" + rows["origin"]
    own = rows["line"] == OWN_LINE
    rows.loc[~own & names.isin(set(names[own])), list(OF_THE_RUN)] = None
    write_csv(path, rows)


def read_measures(path: Path) -> pd.DataFrame:
    """Read the table of measures, complete: a field that a run does not use has its default.

    Args:
        path: A file that `write_measures` wrote, or one with all cells.

    Returns:
        The table, as `stages.measures.table.tabulate` returns it.

    Raises:
        UserError: If the file is missing or is not a table.
    """
    return read_csv(path, completed)


def completed(text: str) -> str:
    """Return the text of measures.csv with the cells that it leaves empty."""
    header, *lines = [*csv.reader(io.StringIO(text))] or [[]]
    rows = [dict(zip(header, line, strict=False)) for line in lines]
    own = {_run(row): row for row in rows if row.get("line") == OWN_LINE}
    for row in rows:
        source = own.get(_run(row), row)
        for name in OF_THE_RUN:
            if row.get(name) == "":
                row[name] = source[name] or DEFAULTS.get(name, "")
            if row.get(name) == NULL:
                row[name] = ""
    return _text([header, *([row[name] for name in header] for row in rows)])


def _run(row: Mapping[str, str]) -> tuple[str | None, ...]:
    return row.get("suite"), row.get("run_id"), row.get("origin", HERE)


def _text(rows: Iterable[Iterable[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()
