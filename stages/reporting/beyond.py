"""Measures that the paper does not have, over all suites: what each is, and what it is of monotone lines and others."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.config import OWN_LINE

QUANTILES = (0.05, 0.5, 0.95)
MEASURES = {
    "min_delta_refined": ("min Δ with further α around the largest rise", "here"),
    "min_delta_noise": ("spread of min Δ over batch-norm statistics of other batches", "here"),
    "min_delta_error": ("min Δ of the classification error", "Tao et al. 2024"),
    "barrier": ("largest loss above the higher end", "Frankle et al. 2020"),
    "excess_over_chord": ("largest loss above the chord between the ends", "Entezari et al. 2022"),
    "local_convexity": ("share of inner α at which the loss bends upwards", "Lim et al. 2024"),
    "global_convexity": ("share of inner α at which the loss is not above the chord", "Lim et al. 2024"),
    "plateau_length": ("α until the loss has fallen by plateau_share of its whole fall", "Wang et al. 2023"),
    "plateau_length_error": ("the same of the error", "Wang et al. 2023"),
    "bias_gap": ("largest less smallest bias of the trained last layer", "Wang et al. 2023"),
    "gauss_length_smooth": ("Gauss length by the paper's integral, which misses corners", "Lucas et al. 2021"),
    "gauss_length_turning": ("Gauss length as total turning, corners included", "here"),
    "gauss_length_kinks": ("what corners add: the second less the first", "here"),
}
"""By column of measures.csv: what it is, and whose."""


@dataclass(frozen=True)
class Beyond:
    """What is told of them."""

    rows: list[dict[str, str]]
    """A line a measure: `column`, `about`, `source`, `monotone`, `other`."""
    notes: list[str]
    counts: dict[str, int]
    """Of `monotone` and `other` lines."""


def beyond(measures: pd.DataFrame, tolerances: Mapping[str, float]) -> Beyond:
    """Tell of each measure how it is distributed over admitted own lines, each run once.

    Args:
        measures: The table of measures.
        tolerances: Of each suite.

    Returns:
        What is told.
    """
    rows = measures[(measures["line"] == OWN_LINE) & (measures["status"] == "converged")]
    rows = rows[rows["monotonic"].notna()].drop_duplicates("run_id")
    monotone = rows["monotonic"].astype(bool)
    sides = {"monotone": rows[monotone], "other": rows[~monotone]}
    told = [
        {"column": column, "about": about, "source": source}
        | {side: spread(some[column].to_numpy(float)) for side, some in sides.items()}
        for column, (about, source) in MEASURES.items()
    ]
    notes = [_hidden(sides["monotone"], tolerances), _noise(sides["other"])]
    return Beyond(told, notes, {side: len(some) for side, some in sides.items()})


def spread(values: np.ndarray) -> str:
    """Return median and quantiles of the finite ones of some values, and how many these are if not all."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "—"
    low, middle, high = np.quantile(finite, QUANTILES)
    of = "" if finite.size == values.size else f", {finite.size} lines"
    return f"{middle:.3g} ({low:.3g} to {high:.3g}{of})"


def _hidden(rows: pd.DataFrame, tolerances: Mapping[str, float]) -> str:
    refined = rows["min_delta_refined"].to_numpy(float)
    seen = np.isfinite(refined)
    risen = seen & (refined > rows["suite"].map(tolerances).to_numpy(float))
    largest = f", by {refined[risen].max():.3g} at most" if risen.any() else ""
    return (
        f"Between the α of the grid, {int(risen.sum())} of {int(seen.sum())} monotone lines rise by more than their "
        f"suite's tolerance{largest}."
    )


def _noise(rows: pd.DataFrame) -> str:
    noise = rows["min_delta_noise"].to_numpy(float)
    measured = np.isfinite(noise)
    within = measured & (rows["min_delta"].to_numpy(float) <= noise)
    return (
        f"Of {int(measured.sum())} non-monotone lines with batch norm, {int(within.sum())} rise by no more than min Δ "
        "changes with the batches that its statistics are estimated from."
    )
