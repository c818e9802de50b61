"""Choosing and counting rows of the table of measures."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from stages.config import Run
from stages.results.results import Results


def converged(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of converged runs: those whose final training loss is at most the suite's threshold.

    Args:
        rows: Rows of `Results.lines` or `Results.other_lines`.

    Returns:
        Those with status `converged`, in the same order.
    """
    return rows[rows["status"] == "converged"]


def curve_table(
    results: Results, rows: pd.DataFrame, fields: Mapping[str, str], columns: Sequence[str] = ("suite", "run_id")
) -> pd.DataFrame:
    """Return what was found along lines, a row for each alpha of each line.

    Args:
        results: The results that the rows are from.
        rows: Rows of `Results.lines` or `Results.other_lines`.
        fields: Names of arrays of `Curves`, by the column to put each in.
        columns: Columns of `rows` to repeat for each alpha.

    Returns:
        Those columns, `alpha`, and a column for each of `fields`; lines in the order of `rows`.
    """
    found = {name: results.values(rows, field) for name, field in fields.items()}
    alphas = [np.round(alphas, 6) for alphas, _ in next(iter(found.values()))]
    lengths = [len(line) for line in alphas]
    table = rows.loc[np.repeat(rows.index, lengths), list(columns)].reset_index(drop=True)
    table["alpha"] = np.concatenate([*alphas, []])
    for name, pairs in found.items():
        table[name] = np.concatenate([*(values for _, values in pairs), []])
    return table


SEEDS = ("seed", "order_seed", "data_seed")
"""Fields of a run that only say which random numbers it draws."""


def configurations(rows: pd.DataFrame) -> np.ndarray:
    """Return a label for the configuration of each run, the same for runs that differ only in their seeds.

    Args:
        rows: Rows of `Results.lines` or `Results.other_lines`.

    Returns:
        Whole numbers, shape (N,).
    """
    fields = [name for name in Run.model_fields if name in rows and name not in (*SEEDS, "snapshots")]
    return combined_labels(rows, fields)


def combined_labels(rows: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Return a label for each row, the same for rows that agree in all of some columns; empty cells agree.

    Args:
        rows: Rows of a table.
        columns: Names of columns; with none, all rows agree.

    Returns:
        Whole numbers, shape (N,).
    """
    labels = np.zeros(len(rows), dtype=int)
    for name in columns:
        codes, values = pd.factorize(rows[name], use_na_sentinel=False)
        labels = pd.factorize(labels * max(len(values), 1) + codes)[0]
    return labels
