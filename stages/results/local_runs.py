"""The evaluated runs of this machine: those of a suite that is finished, or those that its store has so far."""

from dataclasses import dataclass, field

import numpy as np

from stages.config import Run
from stages.config.job import Job
from stages.lines.curves import load_curves
from stages.lines.evaluator import Evaluator, collect_curves
from stages.lines.landscape import Landscape, load_landscape
from stages.lines.line import own_line
from stages.lines.line_evaluation import LineEvaluation
from stages.lines.requested_lines import SuiteRuns, list_requested_lines
from stages.lines.trajectory_points import trajectory_key
from stages.measures.table import outcomes_of, tabulate
from stages.results.evaluated_runs import EvaluatedLine, EvaluatedRun, describe_evaluation, split_curves
from stages.shared.csv_files import read_csv
from stages.shared.files import read_header
from stages.shared.store import Store
from stages.training.keys import evaluation_key, run_key
from stages.training.outcomes import EVALUATED, Outcome, stored_outcome, tabulate_outcomes
from stages.training.stored_runs import StoredRuns


@dataclass(frozen=True)
class SuiteRecords:
    """Evaluated runs, planes and trajectories of a suite."""

    runs: tuple[EvaluatedRun, ...] = ()
    """The evaluated runs, in the order of the suite's grids."""
    landscape: Landscape = field(default_factory=lambda: Landscape({}, {}))
    """Planes and trajectories."""


def local_records(job: Job, suite: str) -> SuiteRecords:
    """Return what this machine has of a suite: the whole of it once it is finished, until then what its store has.

    Args:
        job: The parameters and folders of the pipeline.
        suite: Name of the suite.

    Returns:
        Its evaluated runs, planes and trajectories.
    """
    return finished_records(job, suite) or stored_records(job, suite, Store.default())[0]


def finished_records(job: Job, suite: str) -> SuiteRecords | None:
    """Return the records of a suite from the files that stages `train_grid` and `interpolate` wrote.

    Args:
        job: The parameters and folders of the pipeline.
        suite: Name of the suite.

    Returns:
        The records; None if a file is missing, or the files are of other parameters.
    """
    dataset_file = job.dataset_file(job.params.suite(suite).dataset)
    if not all(path.exists() for path in (*job.files_of(suite), dataset_file)):
        return None
    runs = {Store.key(run.spec()): run for run in job.params.runs(suite)}
    table = outcomes_of(job.training_folder(suite) / "runs.csv")
    curves = load_curves(job.curves_file(suite))
    alphas = LineEvaluation(job.params.interpolate, 0, 0).alphas()
    if list(table["configuration"]) != list(runs) or not np.array_equal(curves.alphas, alphas):
        return None
    lines = split_curves(curves)
    if set(table["run_id"]) != set(lines):
        return None
    epochs = dict(list(read_csv(job.training_folder(suite) / "epochs.csv").groupby("run_id")))
    checksum, evaluation = read_header(dataset_file)["sha256"], describe_evaluation(job.params, suite)
    records = []
    for row in table.to_dict("records"):
        curve = epochs.get(row["run_id"])
        loss, distance = (
            np.zeros(0) if curve is None else curve[name].to_numpy(float) for name in ("loss", "distance")
        )
        outcome = Outcome(
            run_id=row["run_id"],
            run=runs[row["configuration"]],
            diverged=row["status"] == "diverged",
            epoch_loss=loss,
            epoch_distance=distance,
            numbers=np.array([row[name] for name in EVALUATED], dtype=float),
        )
        records.append(EvaluatedRun(outcome, checksum, tuple(lines[row["run_id"]]), evaluation))
    return SuiteRecords(tuple(records), load_landscape(job.landscape_file(suite)))


def stored_records(job: Job, suite: str, store: Store) -> tuple[SuiteRecords, set[tuple[str, str]]]:
    """Return the runs of a suite that the store has with their evaluations and own lines, and what else it has of them.

    Args:
        job: The parameters and folders of the pipeline.
        suite: Name of the suite.
        store: The store; another process may be filling it.

    Returns:
        The records, and kind and key of every entry of the store that the suite names: of runs, evaluations, lines,
        trajectories and planes, whether the store has it or not.
    """
    wanted, settings = job.params.suite(suite), job.params.interpolate
    dataset_file = job.dataset_file(wanted.dataset)
    if not dataset_file.exists():
        return SuiteRecords(), set()
    checksum = read_header(dataset_file)["sha256"]
    request = LineEvaluation(settings, wanted.gauss_examples, wanted.path_examples)
    runs = {run_key(run, checksum): run for run in job.params.runs(suite)}
    named = {("runs", key) for key in runs}
    outcomes: dict[str, Outcome] = {}
    own: dict[str, dict[str, np.ndarray] | None] = {}
    for key, run in runs.items():
        evaluation = evaluation_key(key, settings.batch_norm)
        named.add(("evaluations", evaluation))
        if not (store.path("runs", key).exists() and store.path("evaluations", evaluation).exists()):
            continue
        outcome = stored_outcome(store, key, run, evaluation)
        line = request.of_own_line(outcome.numbers[0], wanted.threshold).key(own_line(key))
        named.add(("lines", line))
        if outcome.diverged or store.path("lines", line).exists():
            outcomes[key] = outcome
            own[key] = None if outcome.diverged else store.get("lines", line)[0]
    there = {key: runs[key] for key in outcomes}
    diverged = frozenset(key for key, outcome in outcomes.items() if outcome.diverged)
    evaluator = Evaluator(suite, dataset_file, store, there, diverged)
    others, names = _other_lines(job, suite, evaluator, list(outcomes.values()), own, request)
    landscape, of_landscape = _landscape(evaluator, wanted.planes, settings.batch_norm)
    described = describe_evaluation(job.params, suite)
    records = tuple(
        EvaluatedRun(
            outcome,
            checksum,
            (EvaluatedLine(own_line(key), own[key], list(runs).index(key)), *others.get(key, ())),
            described,
        )
        for key, outcome in outcomes.items()
    )
    return SuiteRecords(records, landscape), named | names | of_landscape


def _other_lines(
    job: Job,
    suite: str,
    evaluator: Evaluator,
    outcomes: list[Outcome],
    own: dict[str, dict[str, np.ndarray] | None],
    request: LineEvaluation,
) -> tuple[dict[str, list[EvaluatedLine]], set[tuple[str, str]]]:
    """Return the lines beside the own ones that the store has, by the run at their end, and the keys of all of them."""
    wanted = job.params.suite(suite)
    if not wanted.lines or not outcomes:
        return {}, set()
    there = evaluator.runs
    curves = collect_curves([own_line(key) for key in there], list(own.values()), request)
    table, _ = tabulate_outcomes(outcomes, wanted.threshold)
    measured = tabulate(suite, wanted, tuple(there.values()), table, curves, job.params.measure.plateau_share)
    shapes = StoredRuns(evaluator.store).shapes
    lines = list_requested_lines(wanted.lines, SuiteRuns(there, measured, shapes))
    found: dict[str, list[EvaluatedLine]] = {}
    names = set()
    for number, line in enumerate(lines, len(job.params.runs(suite))):
        finite = not evaluator.diverged & {line.end.run_id, *line.reads}
        key = request.losses_only().key(line) if finite else None
        if key is not None:
            names.add(("lines", key))
        if key is None or evaluator.store.path("lines", key).exists():
            arrays = None if key is None else evaluator.store.get("lines", key)[0]
            found.setdefault(line.end.run_id, []).append(EvaluatedLine(line, arrays, number))
    return found, names


def _landscape(evaluator: Evaluator, planes, settings) -> tuple[Landscape, set[tuple[str, str]]]:
    """Return the planes and trajectories that the store has, and the keys of all of them."""
    runs: dict[str, Run] = {
        key: run for key, run in evaluator.runs.items() if run.snapshots and key not in evaluator.diverged
    }
    keys = {run_id: trajectory_key(run_id, run, settings) for run_id, run in runs.items()}
    trajectories = {
        run_id: evaluator.stored_trajectory(run_id, key)
        for run_id, key in keys.items()
        if evaluator.store.path("trajectories", key).exists()
    }
    surfaces, rows = evaluator.stored_planes(planes, settings)
    names = {("trajectories", key) for key in keys.values()} | {("planes", key) for key in rows}
    return Landscape(surfaces, trajectories), names
