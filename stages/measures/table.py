"""The tidy table of measures, one row a line, and its summaries: scalars of each suite, and its power laws."""

from pathlib import Path

import numpy as np
import pandas as pd

from stages.config import OWN_LINE, Measure, Run, Suite
from stages.measures.chord import excess_over_chord
from stages.measures.convexity import global_convexity, local_convexity
from stages.measures.monotonicity import barrier, largest_bump, min_delta, relative_delta
from stages.measures.noise import noise_floor
from stages.measures.plateau import plateau_length
from stages.measures.power_law import fit
from stages.measures.proportion import fraction_below_half_pi, wilson
from stages.measures.refinement import refined_min_delta
from stages.shared.csv_files import read_csv
from stages.shared.errors import UserError
from stages.shared.store import Store

ESTIMATORS = ("smooth", "turning")
OUTCOMES = (
    "status",
    "final_train_loss",
    "final_epoch_loss",
    "final_test_loss",
    "train_accuracy",
    "test_accuracy",
)


def describe(run: Run) -> dict:
    """Return a run's configuration as the columns of a table: all its fields, and the shape of its hidden layers."""
    fields = {name: "-".join(map(str, value)) if isinstance(value, tuple) else value for name, value in run}
    hidden = run.hidden or ()
    shape = {
        "depth": None if run.hidden is None else len(hidden),
        "width": hidden[0] if len(set(hidden)) == 1 else None,
        "bottleneck": min(hidden) if run.network == "autoencoder" else None,
    }
    return fields | shape


def tabulate(
    name: str, suite: Suite, runs: tuple[Run, ...], outcomes: pd.DataFrame, curves, plateau_share: float
) -> pd.DataFrame:
    """Return the rows of a suite: configuration, outcome and measures of each line.

    Args:
        name: The suite's name.
        suite: The suite.
        runs: Its runs, in the order of its grids.
        outcomes: The table of runs that stage `train_grid` writes, in the same order.
        curves: The suite's `Curves`.
        plateau_share: Of a line's fall, as in `measure_lines`.

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
    ended.loc[measured["monotonic"].isna(), "status"] = "diverged"  # also if only the way between is not finite
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
    """Return the measures of each line of a suite, in the order of its curves.

    Args:
        curves: The suite's `Curves`.
        tolerance: min Delta above which a line is not monotonic.
        plateau_share: Of a line's whole fall, from which on it has left its plateau.

    Returns:
        One row a line; every measure of a line that is not finite is missing, and so is whether it is monotonic.
    """
    delta = min_delta(curves.loss_train)
    bump = largest_bump(curves.loss_train, curves.alphas)
    finite = np.isfinite(delta)
    loss, error, alphas = curves.loss_train, 1 - curves.accuracy_train, curves.alphas
    smooth, turning = (
        [lengths.mean() for lengths in _examples(curves, of)] for of in (curves.gauss_smooth, curves.gauss_turning)
    )
    table = pd.DataFrame(
        {
            "initial_train_loss": curves.loss_train[:, 0],
            "min_delta": delta,
            "min_delta_test": min_delta(curves.loss_test),
            "min_delta_error": min_delta(error),
            "min_delta_refined": refined_min_delta(loss, alphas, curves.refined_loss, curves.refined_alphas),
            "min_delta_noise": noise_floor(loss, curves.repeated_loss),
            "monotonic": pd.Series(delta <= tolerance, dtype=object).where(finite, None),
            "barrier": barrier(curves.loss_train),
            "bump_alpha": bump.top,
            "bump_width": bump.width,
            "relative_delta": relative_delta(curves.loss_train),
            "excess_over_chord": excess_over_chord(loss, alphas),
            "local_convexity": local_convexity(loss, alphas),
            "global_convexity": global_convexity(loss, alphas),
            "plateau_length": plateau_length(loss, alphas, plateau_share),
            "plateau_length_error": plateau_length(error, alphas, plateau_share),
            "bias_gap": curves.bias_gap,
            "distance": curves.distance,
            "normalized_distance": curves.distance / np.where(curves.start_norm > 0, curves.start_norm, np.nan),
            "gauss_length_smooth": smooth,
            "gauss_length_turning": turning,
            "gauss_length_kinks": np.subtract(turning, smooth),
            "fraction_below_half_pi": [
                fraction_below_half_pi(lengths) for lengths in _examples(curves, curves.gauss_turning)
            ],
        }
    )
    table.loc[~finite] = None
    return table.astype({name: float for name in table if name != "monotonic"})


def _examples(curves, lengths: np.ndarray) -> list[np.ndarray]:
    """Return the Gauss lengths of the examples that each line has."""
    return [row[:count] if count else np.array([np.nan]) for row, count in zip(lengths, curves.examples, strict=True)]


def power_laws(suite: str, table: pd.DataFrame, settings: Measure) -> pd.DataFrame:
    """Fit Gauss length against normalised distance over the converged runs of a suite, one row an estimator."""
    converged = table[(table["line"] == OWN_LINE) & (table["status"] == "converged")]
    rows = []
    for estimator in ESTIMATORS:
        x = converged["normalized_distance"].to_numpy(float)
        y = converged[f"gauss_length_{estimator}"].to_numpy(float)
        law = fit(x, y, settings.confidence, settings.bootstrap, settings.bootstrap_seed)
        rows.append({"suite": suite, "estimator": estimator} | vars(law))
    return pd.DataFrame(rows)


def summarise(table: pd.DataFrame, laws: pd.DataFrame, settings: Measure) -> dict:
    """Return a few numbers of a suite for `dvc metrics`: counts, and over converged runs what their own lines do."""
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
