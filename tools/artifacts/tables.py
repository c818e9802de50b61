"""Check that the tables of numbers hold what params.yaml asks for: every run once, complete, with the right status."""

import io
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from stages.config import OWN_LINE, FreshLines, LayerLines, PairLines, Params, Run, SnapshotLines
from stages.config.lines import Lines
from stages.measures.declare import Needs
from stages.measures.registry import declared_measures
from stages.measures.table import OUTCOMES
from stages.results.measures_file import completed

SETTING = list(Run.model_fields)
KEYS = ["suite", "run_id", "line", "start_run_id", "draw", "part"]
OF_CLASSES = {"train_accuracy", "test_accuracy"}  # outcomes that an autoencoder does not have
STATUSES = ["converged", "above threshold", "diverged"]
ROUNDING = 1e-8  # of numbers in reports
REMEDY = "run `make repro`"


def check(reports: Path, params: Params) -> Iterator[str]:
    """Check measures.csv, metrics.json and power_law.csv.

    Args:
        reports: The folder of reports.
        params: The parameters that the reports were made with.

    Yields:
        A line a fault.
    """
    yield from _measures(reports / "measures.csv", params)
    yield from _metrics(reports / "metrics.json", params)
    yield from _power_law(reports / "power_law.csv", params)


def _measures(path: Path, params: Params) -> Iterator[str]:
    table = _table(path, completed)
    if isinstance(table, str):
        yield table
        return
    asked = [entry for suite in params.suites.values() for entry in suite.lines.values()]
    columns = [*KEYS, *SETTING, *OUTCOMES, *declared_measures()]
    needed = dict.fromkeys([*columns, *(field for entry in asked for field in entry.among)])
    missing = [column for column in needed if column not in table]
    if missing:
        yield f"{path}: no column {', '.join(missing)}; {REMEDY}"
        return
    for suite in sorted(set(table["suite"]) - set(params.suites)):
        yield f"{path}: suite {suite} is not in the parameters; {REMEDY}"
    for suite in params.suites:
        rows = table[table["suite"] == suite]
        if rows.empty:
            yield f"{path}: suite {suite} has no row; {REMEDY}"
        own = rows[rows["line"] == OWN_LINE]
        yield from _runs(f"{path}: suite {suite}, line {OWN_LINE}", own, params.runs(suite))
        others = rows[rows["line"] != OWN_LINE]
        wanted = params.suite(suite).lines
        for line in sorted(set(others["line"].astype(str)) - set(wanted)):
            yield f"{path}: suite {suite}, line {line}: not in the parameters; {REMEDY}"
        for line, entry in wanted.items():
            check_lines = _draws if isinstance(entry, FreshLines) else _others
            yield from check_lines(f"{path}: suite {suite}, line {line}", others[others["line"] == line], own, entry)
    for row in table.to_dict("records"):
        suite = params.suites.get(row["suite"])
        faults = _row(row, gauss_lengths=suite is None or suite.gauss_examples > 0)
        yield from (f"{path}: run {row['run_id']}: {fault}; mend the measure stage" for fault in faults)


def _runs(where: str, rows: pd.DataFrame, runs: tuple) -> Iterator[str]:
    """Check that `rows` are exactly `runs`, each once."""
    repeated = sorted(set(rows["run_id"][rows["run_id"].duplicated()]))
    if repeated:
        yield f"{where}: more than one row of run {', '.join(repeated)}; {REMEDY}"
    there = Counter(_setting(row) for row in rows.to_dict("records"))
    unused = [{name: Run.model_fields[name].default for name in run.unused} for run in runs]
    wanted = Counter(_setting(dict(run) | without) for run, without in zip(runs, unused, strict=True))
    told_apart = [len(set(values)) > 1 for values in zip(*there, *wanted, strict=True)]
    for kind, settings in (("missing", wanted - there), ("not in the parameters", there - wanted)):
        if settings:
            values = zip(SETTING, next(iter(settings)), told_apart, strict=True)
            example = ", ".join(f"{name} {value}" for name, value, differs in values if differs)
            yield f"{where}: {settings.total()} of {len(runs)} runs {kind}, such as {example}; {REMEDY}"


def _draws(where: str, rows: pd.DataFrame, own: pd.DataFrame, entry: FreshLines) -> Iterator[str]:
    """Check that all lines from fresh initialisations are there: to every converged run, or to two contrasting ones."""
    possible = _among(own[own["status"] == "converged"], entry)
    verdicts = dict(zip(possible["run_id"], possible["monotonic"], strict=True))
    ends = sorted(rows["run_id"].astype(str).unique())
    if entry.optima == "all":
        expected, whole = "every converged run of `among`", ends == sorted(verdicts)
    else:
        expected = "a monotone and a non-monotone converged run of `among` if there are"
        whole = sorted(verdicts.get(run, "") for run in ends) == sorted(set(verdicts.values()))
    if not whole:
        yield f"{where}: ends in {', '.join(ends) or 'no run'}, expected {expected}; {REMEDY}"
    for run_id, group in rows.groupby("run_id"):
        if sorted(group["draw"]) != list(range(entry.count)):
            yield f"{where}, run {run_id}: {len(group)} lines, expected one of each of {entry.count} draws; {REMEDY}"


def _others(where: str, rows: pd.DataFrame, own: pd.DataFrame, entry: Lines) -> Iterator[str]:
    """Check that all lines of a kind are there, each once, where the parameters alone say which."""
    chosen = _among(own, entry)
    if isinstance(entry, PairLines):
        ids = list(chosen["run_id"])
        pairs = itertools.combinations(ids, 2) if entry.start == entry.end else itertools.permutations(ids, 2)
        wanted = Counter((first, second, "") for first, second in pairs)
    else:
        wanted = Counter(
            (row["run_id"], row["run_id"], draw) for row in chosen.to_dict("records") for draw in _numbers(entry, row)
        )
    ends = zip(rows["start_run_id"], rows["run_id"], rows["draw"], rows["part"], strict=True)
    found = Counter((first, second, _spelled(draw) or _spelled(part)) for first, second, draw, part in ends)
    if isinstance(entry, LayerLines):  # which layers there are is the network's to know
        wanted = (
            Counter(dict.fromkeys(found, 1)) if {key[:2] for key in found} == {key[:2] for key in wanted} else wanted
        )
    for kind, lines in (("missing", wanted - found), ("too many", found - wanted)):
        if lines:
            first, second, number = next(iter(lines))
            example = f"from run {first} to {second}" + (f", {number}" if number else "")
            yield f"{where}: {lines.total()} lines {kind}, such as {example}; {REMEDY}"


def _numbers(entry: Lines, row: dict) -> list[str]:
    """Return what tells the lines of one run apart."""
    if isinstance(entry, SnapshotLines):
        epochs = [int(epoch) for epoch in str(row["snapshots"]).split("-")]
        return [_spelled(epoch) for epoch in epochs if 0 < epoch < row["epochs"]]
    return [_spelled(draw) for draw in range(entry.count)] if hasattr(entry, "count") else [""]


def _among(rows: pd.DataFrame, entry: Lines) -> pd.DataFrame:
    """Return the rows of the runs that `among` selects."""
    for field, some in entry.among.items():
        spelled = {_spelled(value) for value in some}
        rows = rows[[_spelled(value) in spelled for value in rows[field]]]
    return rows


def _setting(run: dict) -> tuple[str, ...]:
    """Return what tells runs apart, in one spelling whether it comes from parameters or from a table."""
    return tuple(_spelled(run[name]) for name in SETTING)


def _spelled(value: object) -> str:
    if isinstance(value, list | tuple):
        return "-".join(map(str, value))
    if value is None or value != value:
        return ""
    return f"{float(value):.6g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _row(row: dict, gauss_lengths: bool) -> Iterator[str]:
    """Say how a row contradicts its status.

    Args:
        row: A row of the measures.
        gauss_lengths: True if its suite asks for Gauss lengths.

    Yields:
        A line a fault.
    """
    status, verdict = row["status"], str(row["monotonic"])
    numbers = [name for name in declared_measures() if name != "monotonic"]
    if status not in STATUSES:
        yield f"status {status}, expected one of {', '.join(STATUSES)}"
    elif status == "diverged":
        filled = [name for name in numbers if not pd.isna(row[name])]
        if filled:
            yield f"diverged, but {', '.join(filled)} not empty"
        if verdict == "True":
            yield "diverged, but counted as monotonic"
    else:
        has = _conditions_met(row, gauss_lengths)
        wanted = [name for name in numbers if declared_measures()[name].needs <= has]
        wanted += [name for name in OUTCOMES if name != "status" and (Needs.CLASSES in has or name not in OF_CLASSES)]
        trained_elsewhere = {"final_epoch_loss"} if not pd.isna(row["weights"]) else set()
        empty = [name for name in wanted if name not in trained_elsewhere and not _finite(row[name])]
        if empty:
            yield f"{status}, but {', '.join(empty)} empty or not finite"
        if verdict not in ("True", "False"):
            yield f"{status}, but monotonic is {verdict}"
        if row["min_delta_refined"] < row["min_delta"] * (1 - ROUNDING):
            yield "min_delta_refined is below min_delta, which has fewer α"


def _conditions_met(row: dict, gauss_lengths: bool) -> set[Needs]:
    """Return the needs of measures that a row certainly meets."""
    own = row["line"] == OWN_LINE
    met = {
        Needs.RISE: row["min_delta"] > 0,
        Needs.CLASSES: row["network"] != "autoencoder",
        Needs.NONZERO_START: own,
        Needs.GAUSS_LENGTHS: own and gauss_lengths,
    }
    return {need for need, true in met.items() if true}


def _finite(value: object) -> bool:
    return isinstance(value, float | int) and bool(np.isfinite(value))


def _metrics(path: Path, params: Params) -> Iterator[str]:
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
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


def _table(path: Path, whole: Callable[[str], str] = str) -> pd.DataFrame | str:
    """Return a table, or the fault that keeps it from being read."""
    try:
        text = dict.fromkeys(("suite", "run_id", "line", "start_run_id", "part", "monotonic", "snapshots"), str)
        source = io.StringIO(whole(path.read_text(encoding="utf-8")))
        return pd.read_csv(source, dtype=text, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        return f"{path}: missing; {REMEDY}"
    except (ValueError, UnicodeDecodeError) as error:
        return f"{path}: no table ({error}); {REMEDY}"
