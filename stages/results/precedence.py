"""Runs that several machines have trained are counted once."""

import pandas as pd

from stages.config import Run
from stages.shared.origins import HERE

CONFIGURATION = list(Run.model_fields)


def one_origin(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of measures.csv without those of runs that another origin has too, which would count twice.

    Args:
        rows: Rows of the table of measures.

    Returns:
        The rows, in the same order. Of a configuration that several origins have, this machine's own run is kept, or
        else that of the origin that is first by its text.
    """
    if "origin" not in rows or rows["origin"].nunique() < 2:
        return rows
    rank = {
        name: place for place, name in enumerate(sorted(set(rows["origin"]), key=lambda name: (name != HERE, name)))
    }
    ranks = rows["origin"].map(rank)
    same = rows[CONFIGURATION].astype(str).agg("|".join, axis=1)
    return rows[ranks == ranks.groupby(same).transform("min")]
