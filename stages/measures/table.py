"""The tidy table of measures, one row a line; for each suite its power laws and a few numbers for `dvc metrics`."""

from pathlib import Path

import numpy as np
import pandas as pd

from stages.config import OWN_LINE, Measure, Run, Suite
from stages.measures.line_curves import line_curves
from stages.measures.power_law import fit
from stages.measures.proportion import wilson
from stages.measures.registry import declared_measures
from stages.shared.csv_files import read_csv
from stages.shared.errors import UserError
from stages.shared.origins import HERE
from stages.shared.store import Store

ESTIMATORS = ("smooth", "turning", "smooth_grid", "turning_grid")
"""Estimators of the Gauss length, each with a column `gauss_length_...`."""
OUTCOMES = (
    "status",
    "final_train_loss",
    "final_epoch_loss",
    "final_test_loss",
    "train_accuracy",
    "test_accuracy",
)
"""Columns of runs.csv that the table of measures repeats."""
SHAPE = ("depth", "width", "bottleneck")
"""Columns on the hidden layers of a run, beside its fields."""


def describe(run: Run) -> dict:
    """Return a run's configuration as columns: all its fields, and `depth`, `width` and `bottleneck` of its layers."""
    fields = {name: cell(value) for name, value in run}
    hidden: tuple[int, ...] = run.hidden or ()
    depth = None if run.hidden is None else len(hidden)
    width = hidden[0] if len(set(hidden)) == 1 else None
    bottleneck = min(hidden) if run.architecture.reconstructs else None
    return fields | dict(zip(SHAPE, (depth, width, bottleneck), strict=True))


def cell(value: object) -> object:
    """Return the value of a field of a run as a cell of a table."""
    return "-".join(map(str, value)) if isinstance(value, tuple) else value


def tabulate(
    name: str, suite: Suite, runs: tuple[Run, ...], outcomes: pd.DataFrame, curves, plateau_share: float
) -> pd.DataFrame:
    """Return the rows of a suite: configuration, outcome and measures of each line.

    Args:
        name: The suite's name.
        suite: The suite.
        runs: Its runs, in the order of its grids.
        outcomes: The table of runs that stage `train_grid` writes, in the same order.
        curves: The suite's `stages.lines.curves.Curves`.
        plateau_share: Share of a line's fall after which it has left its plateau.

    Returns:
        One row a line.

    Raises:
        UserError: If the tables are not of the same runs.
    """
    ids = list(outcomes["run_id"])
    if list(outcomes["configuration"]) != [Store.key(run.spec()) for run in runs] or set(curves.run_ids) != set(ids):
        raise UserError(f"suites.{name}: its runs, outcomes and curves are not of the same grid; run `dvc repro`")
    configuration = pd.DataFrame([describe(run) for run in runs], index=ids, dtype=object)
    draws = pd.Series(curves.draws, dtype="Int64")
    lines = pd.DataFrame(
        {
            "suite": name,
            "run_id": curves.run_ids,
            "line": curves.lines,
            "start_run_id": curves.starts,
            "draw": draws,
            "part": pd.Series(curves.parts, dtype=object),
        }
    )
    configuration = configuration.loc[lines["run_id"]].reset_index(drop=True)
    ended = outcomes.set_index("run_id").loc[lines["run_id"], list(OUTCOMES)].reset_index(drop=True)
    measured = measure_lines(curves, suite.tolerance, plateau_share)
    ended.loc[measured["monotonic"].isna(), "status"] = "diverged"  # also if only a loss on the way is not finite
    origins = outcomes.get("origin", pd.Series(HERE, index=outcomes.index)).set_axis(ids)
    lines["origin"] = origins.loc[lines["run_id"]].to_numpy(object)
    return pd.concat([lines, configuration, ended, measured], axis=1)


def outcomes_of(path: Path) -> pd.DataFrame:
    """Read the table of runs that stage `train_grid` writes.

    Args:
        path: The file.

    Returns:
        One row a run.

    Raises:
        UserError: If it is missing or no such table.
    """
    outcomes = read_csv(path)
    if not {"run_id", "configuration", *OUTCOMES} <= set(outcomes):
        raise UserError(f"{path} lacks columns; delete it and run `dvc repro`")
    return outcomes


def measure_lines(curves, tolerance: float, plateau_share: float) -> pd.DataFrame:
    """Compute all declared measures of each line of a suite.

    Args:
        curves: The suite's `stages.lines.curves.Curves`.
        tolerance: min Delta up to which a line counts as monotone.
        plateau_share: Share of a line's fall after which it has left its plateau.

    Returns:
        One row a line, in the order of the curves; all measures of a line whose training loss is not finite are
        missing.
    """
    lines = line_curves(curves, tolerance, plateau_share)
    finite = np.isfinite(lines.loss_train).all(axis=1)
    columns = {name: measure.values(lines) for name, measure in declared_measures().items()}
    return pd.DataFrame({name: _column(values, finite) for name, values in columns.items()})


def _column(values_L: np.ndarray, finite_L: np.ndarray) -> pd.Series:
    """Return a measure as a column, missing for lines that are not finite."""
    verdicts = values_L.dtype == bool
    return pd.Series(values_L, dtype=object if verdicts else float).where(finite_L, None if verdicts else np.nan)


def power_laws(suite: str, table: pd.DataFrame, settings: Measure) -> pd.DataFrame:
    """Fit Gauss length against normalised distance over the converged runs of a suite.

    Args:
        suite: The suite's name.
        table: Its rows, as of `tabulate`.
        settings: Resamples, seed and confidence of the bootstrap intervals.

    Returns:
        One row an estimator of the Gauss length.
    """
    converged = table[(table["line"] == OWN_LINE) & (table["status"] == "converged")]
    rows = []
    for estimator in ESTIMATORS:
        x = converged["normalized_distance"].to_numpy(float)
        y = converged[f"gauss_length_{estimator}"].to_numpy(float)
        law = fit(x, y, settings.confidence, settings.bootstrap, settings.bootstrap_seed)
        rows.append({"suite": suite, "estimator": estimator} | vars(law))
    return pd.DataFrame(rows)


def summarise(table: pd.DataFrame, laws: pd.DataFrame, settings: Measure) -> dict:
    """Summarise the runs' own lines of a suite for `dvc metrics`.

    Args:
        table: The suite's rows, as of `tabulate`.
        laws: Its power laws, as of `power_laws`.
        settings: The confidence of intervals.

    Returns:
        Counts by status, and means and proportions over the converged runs, to six digits; None for what is undefined.
    """
    table = table[table["line"] == OWN_LINE]
    counts = table["status"].value_counts()
    converged = table[table["status"] == "converged"]
    risen = converged[converged["monotonic"] == False]  # noqa: E712 (the column also holds missing values)
    low, high = wilson(len(risen), len(converged), settings.confidence)
    numbers = {
        "lines": len(table),
        "converged": int(counts.get("converged", 0)),
        "above_threshold": int(counts.get("above threshold", 0)),
        "diverged": int(counts.get("diverged", 0)),
        "non_monotone": len(risen),
        "non_monotone_proportion": len(risen) / len(converged) if len(converged) else float("nan"),
        "non_monotone_low": low,
        "non_monotone_high": high,
        "mean_min_delta_of_non_monotone": risen["min_delta"].mean(),
        "mean_normalized_distance": converged["normalized_distance"].mean(),
        "mean_gauss_length_smooth": converged["gauss_length_smooth"].mean(),
        "mean_gauss_length_turning": converged["gauss_length_turning"].mean(),
    }
    for law in laws.itertuples():
        numbers[f"power_law_exponent_{law.estimator}"] = law.exponent
        numbers[f"power_law_r_squared_{law.estimator}"] = law.r_squared
    return {name: _rounded(value) for name, value in numbers.items()}


def _rounded(value: float) -> float | int | None:
    if isinstance(value, int):
        return value
    return float(f"{value:.6g}") if np.isfinite(value) else None
