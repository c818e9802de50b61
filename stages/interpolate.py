"""Stage `interpolate`: a suite's lines, planes and trajectories -> data/{curves,landscapes}/SUITE.safetensors."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from stages.command import main
from stages.config import BatchNormStatistics, Run
from stages.config.job import Job
from stages.datasets.splits import describe_dataset
from stages.lines.curves import save_curves
from stages.lines.landscape import Landscape, save_landscape
from stages.lines.line import own_line
from stages.lines.request import Request
from stages.lines.requested import Asked, requested
from stages.lines.walker import Walker, gather
from stages.measures.table import outcomes_of, tabulate
from stages.shared.environment import environment, identity
from stages.shared.errors import UserError
from stages.shared.store import Store
from stages.training.keys import run_key
from stages.training.run_files import RunFolder
from stages.workers.task_queue import time_limit
from stages.workers.tasks import Places, factories_of


def check_trained(name: str, stored: RunFolder, runs: Iterable[str]) -> None:
    """Refuse a suite whose runs are those of other parameters, code, data or another environment.

    Args:
        name: The suite's name.
        stored: Its folder of runs.
        runs: The identities of its runs.

    Raises:
        UserError: If a run is missing.
    """
    missing = [run_id for run_id in runs if not stored.path(run_id).exists()]
    if missing:
        here = environment()
        raise UserError(
            f"{stored.path(missing[0])} is missing: suite {name} was not trained with these parameters in this "
            f"environment (PyTorch {here['torch']}, {here['device']}, {here['MKL_CBWR']}); run train_grid first, with "
            "the same MLI_ variables, or `dvc repro`"
        )


def check_networks(store: Store, runs: Mapping[str, Run], dataset_file: Path, settings: BatchNormStatistics) -> None:
    """Hold derivatives along lines of the user's networks to finite differences, once for each factory.

    Args:
        store: Where it is noted which networks have passed.
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
    """Evaluate what the store lacks of a suite's lines, planes and trajectories, and put all of them into two files."""
    name, wanted = job.name, job.params.suite(job.name)
    time_limit()  # a fault of it is told before any work
    dataset_path = job.dataset_file(wanted.dataset).resolve()
    dataset = describe_dataset(dataset_path)
    runs = {run_key(run, dataset.checksum): run for run in job.params.runs(name)}
    stored = RunFolder(job.runs_folder(name).resolve())
    check_trained(name, stored, runs)
    diverged = frozenset(run_id for run_id in runs if stored.diverged(run_id))
    if wanted.gauss_examples:
        check_networks(Store.default(), runs, dataset_path, job.params.interpolate.batch_norm)
    walker = Walker(Places(dataset_path, Store.default().folder, stored.folder), runs, stored, diverged)
    request = Request(job.params.interpolate, wanted.gauss_examples, wanted.path_examples)
    lines = [own_line(key) for key in runs]
    found, counts = walker.walk(lines, request, name)
    print(f"interpolate {name}: {counts}")
    if wanted.lines:
        outcomes = outcomes_of(job.training_folder(name) / "runs.csv")
        own = gather(lines, found, request)
        share = job.params.measure.plateau_share
        table = tabulate(name, wanted, tuple(runs.values()), outcomes, own, share)
        asked = Asked(runs, table, stored.shapes)
        others = requested(wanted.lines, asked)
        more, counts = walker.walk(others, request.losses(), f"{name}, others")
        print(f"interpolate {name}, other lines: {counts}")
        lines, found = lines + others, found + more
    settings = job.params.interpolate.batch_norm
    trajectories = walker.trajectories(settings, name)
    planes = walker.planes(wanted.planes, settings, name)
    save_curves(job.curves_file(name), gather(lines, found, request))
    save_landscape(job.landscape_file(name), Landscape(planes, trajectories))


if __name__ == "__main__":
    main(interpolate, __doc__, per="suite")
