"""The paper's numbers beside ours: one join on the setting of a cell, and the verdict whether both agree."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from stages.results.paper_numbers import NEVER, SCALE, read_paper_numbers

AGREES = "_agrees"
"""Ending of columns that hold whether ours and the paper's number agree: missing where that cannot be said."""
RULE = (
    "Two proportions agree unless Fisher's exact test tells them apart; a mean agrees if the t interval of ours, "
    "extended by that of the paper's standard error, reaches it"
)


def at_paper_scale(rows: pd.DataFrame, place: str) -> bool:
    """Return whether all rows have the data and networks that a table of the paper is about.

    Args:
        rows: Rows of `Results.lines`.
        place: A table, such as `table 1`.

    Returns:
        False for no rows. A dataset that is prepared otherwise, such as `mnist_standardised`, is the paper's `mnist`.
    """
    numbers = read_paper_numbers()
    numbers = numbers[numbers["place"] == place]
    return bool(len(rows)) and all(
        rows[column].map(lambda ours, value=value: is_of(ours, value)).all()
        for column in SCALE
        for value in numbers[column].dropna().unique()
    )


def is_of(ours: object, stated: str) -> bool:
    """Return whether a value of ours is one of those that the paper states, or begins with one and an underscore."""
    return any(str(ours) == one or str(ours).startswith(f"{one}_") for one in stated.split())


def paper_cells(place: str, quantity: str) -> pd.DataFrame:
    """Return the paper's cells of a table.

    Args:
        place: The table, such as `table 5`.
        quantity: What they hold, such as `distance`.

    Returns:
        Columns of the setting as in measures.csv, but that `switch_after` is infinite for runs that are never switched;
        and `value`, `error`, `count`, `total`.
    """
    numbers = read_paper_numbers()
    cells = numbers[(numbers["place"] == place) & (numbers["quantity"] == quantity)]
    after = pd.to_numeric(cells["switch_after"].replace(NEVER, "inf"))
    plain = {"lr": cells["lr"].astype(float), "switch_after": after}
    numeric = {name: cells[name].astype(float) for name in ("value", "error", "count", "total")}
    return cells.assign(**plain, **numeric).reset_index(drop=True)


def beside_paper(
    cells: pd.DataFrame,
    paper: pd.DataFrame,
    keys: list[str],
    name: str,
    agree: Callable[[dict], bool | None] | None,
) -> pd.DataFrame:
    """Join the paper's numbers to cells of ours.

    Args:
        cells: One row a cell.
        paper: Cells of `paper_cells`.
        keys: Columns of both that tell cells apart.
        name: What the number is; the new columns are called after it.
        agree: Function from a joined row, as a mapping, to whether both numbers agree; None not to judge, because ours
            are of other data or networks.

    Returns:
        The cells with `paper_NAME`, `paper_NAME_error`, `paper_NAME_count`, `paper_NAME_total`, and `NAME_agrees`. They
        are missing where the paper has no such cell.
    """
    parts = {"value": f"paper_{name}"} | {part: f"paper_{name}_{part}" for part in ("error", "count", "total")}
    theirs = paper[[*keys, *parts]].rename(columns=parts).astype({key: cells[key].dtype for key in keys})
    joined = cells.merge(theirs, on=keys, how="left", validate="one_to_one")
    stated = joined[parts["count"]].notna()
    rows = zip(joined.to_dict("records"), stated, strict=True)
    return joined.assign(**{name + AGREES: verdicts(agree(row) if agree and has else None for row, has in rows)})


def verdicts(found: Iterable[bool | None]) -> np.ndarray:
    """Return verdicts as a column of a table, in which None is NaN as in a table that was read from a file."""
    return np.array([np.nan if verdict is None else verdict for verdict in found], dtype=object)
