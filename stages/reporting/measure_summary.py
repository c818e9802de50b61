"""How each measure is distributed over monotone and over non-monotone lines, for the report."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.config import OWN_LINE
from stages.measures.registry import declared_measures

QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class MeasureSummary:
    """Distributions of measures over the runs' own lines."""

    rows: list[dict[str, str]]
    """One dictionary a measure: `column`, `about`, `source`, and the distributions `monotone` and `non_monotone`."""
    notes: list[str]
    """Sentences about the fine grid."""
    counts: dict[str, int]
    """Number of `monotone` and of `non_monotone` lines."""


def summarise_measures(table: pd.DataFrame, tolerances: Mapping[str, float]) -> MeasureSummary:
    """Summarise each measure over the own lines of converged runs, each run once.

    Args:
        table: The table of measures, one row a line.
        tolerances: min Delta up to which a line of each suite counts as monotone.

    Returns:
        The distributions of those measures that are declared as `summarised`.
    """
    rows = table[(table["line"] == OWN_LINE) & (table["status"] == "converged")]
    rows = rows[rows["monotonic"].notna()].drop_duplicates("run_id")
    monotone = rows["monotonic"].astype(bool)
    groups = {"monotone": rows[monotone], "non_monotone": rows[~monotone]}
    summaries = [
        {"column": name, "about": measure.about, "source": measure.source}
        | {group: median_and_range(lines[name].to_numpy(float)) for group, lines in groups.items()}
        for name, measure in declared_measures().items()
        if measure.summarised
    ]
    notes = [_rises_between_alphas(groups["monotone"], tolerances)]
    return MeasureSummary(summaries, notes, {group: len(lines) for group, lines in groups.items()})


def median_and_range(values: np.ndarray) -> str:
    """Describe the finite ones of some values.

    Args:
        values: Shape (N,).

    Returns:
        Their median and `QUANTILES`, and their number if some are not finite; a dash if none is finite.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "—"
    low, median, high = np.quantile(finite, QUANTILES)
    number = "" if finite.size == values.size else f", {finite.size} lines"
    return f"{median:.3g} ({low:.3g} to {high:.3g}{number})"


def _rises_between_alphas(rows: pd.DataFrame, tolerances: Mapping[str, float]) -> str:
    refined = rows["min_delta_refined"].to_numpy(float)
    measured = np.isfinite(refined)
    rising = measured & (refined > rows["suite"].map(tolerances).to_numpy(float))
    largest = f", by {refined[rising].max():.3g} at most" if rising.any() else ""
    return (
        f"Between the α of the grid, {int(rising.sum())} of {int(measured.sum())} monotone lines rise by more than "
        f"their suite's tolerance{largest}."
    )
