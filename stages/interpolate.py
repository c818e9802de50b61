"""Stage `interpolate`: a suite's lines, planes and trajectories -> data/{curves,landscapes}/SUITE.safetensors."""

from collections.abc import Mapping
from pathlib import Path

from stages.command import main
from stages.config import BatchNormStatistics, Run
from stages.config.job import Job
from stages.datasets.splits import describe_dataset
from stages.lines.curves import save_curves
from stages.lines.evaluator import Evaluator, collect_curves
from stages.lines.landscape import Landscape, save_landscape
from stages.lines.line import own_line
from stages.lines.line_evaluation import LineEvaluation
from stages.lines.requested_lines import SuiteRuns, list_requested_lines
from stages.measures.table import outcomes_of, tabulate
from stages.shared.environment import environment, identity
from stages.shared.store import Store
from stages.training.keys import run_key
from stages.training.stored_runs import StoredRuns, check_runs
from stages.workers.fill import check_settings
from stages.workers.task import factories_of


def check_networks(store: Store, runs: Mapping[str, Run], dataset_file: Path, settings: BatchNormStatistics) -> None:
    """Compare derivatives along lines of user-defined networks with finite differences, once for each factory.

    Args:
        store: The store, in which it is noted which networks have passed.
        runs: The runs of a suite by their identity.
        dataset_file: Their data.
        settings: How batch-norm statistics are estimated.

    Raises:
        UserError: If they differ, or there are none.
    """
    factories = factories_of(runs.values())
    if factories:
        from stages.datasets.dataset import load_dataset  # both import PyTorch, which takes seconds
        from stages.lines.derivative_check import VERSION, check_derivatives
    for factory in factories:
        key, run = next((key, run) for key, run in runs.items() if run.factory == factory)
        passed = identity({"run": key, "batch_norm": settings.model_dump(mode="json"), "version": VERSION})
        if not store.has("derivatives", passed):
            check_derivatives(run, load_dataset(dataset_file), settings)
            store.put("derivatives", passed, {}, {"factory": factory})


def interpolate(job: Job) -> None:
    """Evaluate the lines, planes and trajectories of a suite that the store lacks, and write all of them to two files.

    Args:
        job: The job, with the name of the suite.

    Raises:
        UserError: If a setting, the dataset or a run is missing or faulty, or a line cannot be evaluated.
    """
    check_settings()
    name, suite, settings = job.name, job.params.suite(job.name), job.params.interpolate
    dataset_file = job.dataset_file(suite.dataset).resolve()
    dataset = describe_dataset(dataset_file)
    runs = {run_key(run, dataset.checksum): run for run in job.params.runs(name)}
    store = Store.default()
    stored = StoredRuns(store)
    check_runs(job.runs_file(name), stored, name, runs, environment())
    diverged = frozenset(run_id for run_id in runs if stored.diverged(run_id))
    if suite.gauss_examples:
        check_networks(store, runs, dataset_file, settings.batch_norm)
    evaluator = Evaluator(name, dataset_file, store, runs, diverged)
    request = LineEvaluation(settings, suite.gauss_examples, suite.path_examples)
    lines = [own_line(run_id) for run_id in runs]
    outcomes = outcomes_of(job.training_folder(name) / "runs.csv")
    losses = dict(zip(outcomes["run_id"], outcomes["final_train_loss"], strict=True))
    found = evaluator.lines([(line, request.of_own_line(losses[line.end.run_id], suite.threshold)) for line in lines])
    if suite.lines:
        own = collect_curves(lines, found, request)
        table = tabulate(name, suite, tuple(runs.values()), outcomes, own, job.params.measure.plateau_share)
        others = list_requested_lines(suite.lines, SuiteRuns(runs, table, stored.shapes))
        found += evaluator.lines([(line, request.losses_only()) for line in others], ", other lines")
        lines += others
    trajectories = evaluator.trajectories(settings.batch_norm)
    planes = evaluator.planes(suite.planes, settings.batch_norm)
    save_curves(job.curves_file(name), collect_curves(lines, found, request))
    save_landscape(job.landscape_file(name), Landscape(planes, trajectories))


if __name__ == "__main__":
    main(interpolate, __doc__, per="suite")
