"""Whether the tables of numbers hold what params.yaml asks for: every run once, complete, divergence called so."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from stages.config import Params

SETTING = ["dataset", "network", "hidden", "activation", "batch_norm", "optimizer", "lr", "seed"]
TRAINING = ["final_train_loss", "final_epoch_loss", "train_accuracy", "test_accuracy"]
MEASURES = ["min_delta", "min_delta_test", "min_delta_error", "barrier", "bump_alpha", "bump_width", "relative_delta"]
MEASURES += ["distance", "normalized_distance", "gauss_length_smooth", "gauss_length_turning", "fraction_below_half_pi"]
COLUMNS = ["suite", "run_id", "line", *SETTING, "status", *TRAINING, "monotonic", *MEASURES]
STATUSES = ["converged", "above threshold", "diverged"]

NO_BUMP = {"bump_alpha", "bump_width", "relative_delta"}  # undefined for a line that never rises
OF_CLASSES = {"train_accuracy", "test_accuracy", "min_delta_error"}  # undefined for an autoencoder
REMEDY = "run `make repro`"


def check(reports: Path, params: Params) -> Iterator[str]:
    """Check measures.csv, metrics.json and power_law.csv.

    Args:
        reports: The folder of reports.
        params: The parameters that it was made with.

    Yields:
        A line a fault.
    """
    yield from _measures(reports / "measures.csv", params)
    yield from _metrics(reports / "metrics.json", params)
    yield from _power_law(reports / "power_law.csv", params)


def _measures(path: Path, params: Params) -> Iterator[str]:
    table = _table(path)
    if isinstance(table, str):
        yield table
        return
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        yield f"{path}: no column {', '.join(missing)}; {REMEDY}"
        return
    for suite in sorted(set(table["suite"]) - set(params.suites)):
        yield f"{path}: suite {suite} is not in the parameters; {REMEDY}"
    for suite in params.suites:
        rows = table[table["suite"] == suite]
        if rows.empty:
            yield f"{path}: suite {suite} has no row; {REMEDY}"
        for line, group in rows.groupby("line", dropna=False):
            yield from _runs(f"{path}: suite {suite}, line {line}", group, params.runs(suite))
    for row in table.to_dict("records"):
        yield from (f"{path}: run {row['run_id']}: {fault}; mend the measure stage" for fault in _row(row))


def _runs(where: str, rows: pd.DataFrame, runs: tuple) -> Iterator[str]:
    """Check that `rows` are exactly `runs`, each once."""
    repeated = sorted(set(rows["run_id"][rows["run_id"].duplicated()]))
    if repeated:
        yield f"{where}: more than one row of run {', '.join(repeated)}; {REMEDY}"
    there = Counter(_setting(row) for row in rows.to_dict("records"))
    wanted = Counter(_setting({name: getattr(run, name) for name in SETTING}) for run in runs)
    for kind, settings in (("missing", wanted - there), ("not in the parameters", there - wanted)):
        if settings:
            example = ", ".join(f"{name} {value}" for name, value in zip(SETTING, next(iter(settings)), strict=True))
            yield f"{where}: {settings.total()} of {len(runs)} runs {kind}, such as {example}; {REMEDY}"


def _setting(run: dict) -> tuple[str, ...]:
    """Return what tells runs apart, in one spelling whether it comes from parameters or from a table."""
    return tuple(
        "-".join(re.findall(r"\d+", str(run[name])))
        if name == "hidden"
        else f"{float(run[name]):.6g}"
        if name in ("lr", "seed")
        else str(run[name])
        for name in SETTING
    )


def _row(row: dict) -> Iterator[str]:
    """Say what of a row contradicts its status."""
    status, verdict = row["status"], str(row["monotonic"])
    if status not in STATUSES:
        yield f"status {status}, expected one of {', '.join(STATUSES)}"
    elif status == "diverged":
        filled = [name for name in MEASURES if not pd.isna(row[name])]
        if filled:
            yield f"diverged, but {', '.join(filled)} not empty"
        if verdict == "True":
            yield "diverged, but counted as monotonic"
    else:
        optional = NO_BUMP | (OF_CLASSES if row["network"] == "autoencoder" else set())
        empty = [name for name in TRAINING + MEASURES if name not in optional and not _finite(row[name])]
        if empty:
            yield f"{status}, but {', '.join(empty)} empty or not finite"
        if verdict not in ("True", "False"):
            yield f"{status}, but monotonic is {verdict}"


def _finite(value: object) -> bool:
    return isinstance(value, float | int) and bool(np.isfinite(value))


def _metrics(path: Path, params: Params) -> Iterator[str]:
    try:
        metrics = json.loads(path.read_text())
    except FileNotFoundError:
        yield f"{path}: missing; {REMEDY}"
    except ValueError as error:
        yield f"{path}: no JSON ({error}); {REMEDY}"
    else:
        for suite in params.suites:
            if not isinstance(metrics, dict) or suite not in metrics:
                yield f"{path}: suite {suite} is missing; {REMEDY}"


def _power_law(path: Path, params: Params) -> Iterator[str]:
    table = _table(path)
    if isinstance(table, str):
        yield table
    elif "suite" not in table:
        yield f"{path}: no column suite; {REMEDY}"
    else:
        for suite in params.suites:
            if suite not in set(table["suite"]):
                yield f"{path}: suite {suite} has no row; {REMEDY}"


def _table(path: Path) -> pd.DataFrame | str:
    """Return a table, or the fault that keeps it from being read."""
    try:
        text = {"suite": str, "run_id": str, "line": str, "monotonic": str}
        return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        return f"{path}: missing; {REMEDY}"
    except (ValueError, UnicodeDecodeError) as error:
        return f"{path}: no table ({error}); {REMEDY}"
