"""Gathering what there is of each suite into a folder of its own, for reports with `--partial`.

The folder has the files of a finished pipeline, narrowed to the runs that are evaluated, so that stages read them as
usual. Stage `measure` gathers; stages `plot` and `report` read what it gathered, so the three agree even while runs are
being trained.
"""

import shutil
from collections.abc import Container, Sequence
from dataclasses import replace
from pathlib import Path

from stages.config import OWN_LINE
from stages.config.job import Job, SuiteProgress
from stages.lines.curves import save_curves
from stages.lines.landscape import Landscape, save_landscape
from stages.lines.line_evaluation import LineEvaluation
from stages.results.evaluated_runs import EvaluatedRun, check_evaluation, join_curves
from stages.results.local_runs import SuiteRecords, local_records
from stages.results.origin_folder import OriginFolder, known_origins, select
from stages.shared.csv_files import write_csv
from stages.shared.errors import UserError
from stages.shared.files import read_header, read_json, replacing, write_json
from stages.shared.origins import HERE, chosen_origins
from stages.shared.store import Store
from stages.training.outcomes import tabulate_outcomes


def partial_folder(job: Job) -> Path:
    """Return the folder that what there is is gathered in."""
    return job.data / "partial"


def gather(job: Job) -> Job:
    """Gather the evaluated runs of the origins that MLI_ORIGIN chooses, of all suites.

    Args:
        job: The parameters and folders of the whole pipeline.

    Returns:
        The job on what was gathered, as of `gathered`.

    Raises:
        UserError: If MLI_ORIGIN is no origin, or records do not fit the parameters.
    """
    store = Store.default()
    return gather_from(job, store, chosen_origins(known_origins(store)))


def gather_from(job: Job, store: Store, chosen: Sequence[str]) -> Job:
    """Gather the evaluated runs of some origins, of all suites.

    Args:
        job: The parameters and folders of the whole pipeline.
        store: The store that holds the origins' records.
        chosen: Names of the origins; of a run that several have, earlier ones take precedence.

    Returns:
        The job on what was gathered, as of `gathered`.

    Raises:
        UserError: If records do not fit the parameters.
    """
    progress = {}
    with replacing(partial_folder(job)) as folder:
        folder.mkdir()
        new = replace(job, data=folder)
        for suite in job.params.suites:
            found = [_of_origin(job, suite, name, store) for name in chosen]
            progress[suite] = _write(new, suite, found)
        if job.theory_file("any").parent.exists():
            shutil.copytree(job.theory_file("any").parent, new.theory_file("any").parent)
        write_json(folder / "progress.json", {suite: vars(found) for suite, found in progress.items()})
    return gathered(job)


def gathered(job: Job) -> Job:
    """Return the job on what stage `measure` gathered last: its suites and runs, and the theory if it was simulated.

    Args:
        job: The parameters and folders of the whole pipeline.

    Returns:
        The job, whose `whole` holds all parameters, and whose `progress` says what there is.

    Raises:
        UserError: If nothing was gathered yet, or parameters have changed since.
    """
    folder = partial_folder(job)
    if not (folder / "progress.json").exists():
        raise UserError(f"{folder} is missing; run stage measure with --partial first")
    progress = {
        suite: SuiteProgress(found["evaluated"], found["runs"], tuple(found["origins"]))
        for suite, found in read_json(folder / "progress.json").items()
    }
    if set(progress) != set(job.params.suites):
        raise UserError(f"{folder} is of other parameters; run stage measure with --partial again")
    some = replace(job, data=folder)
    there = [suite for suite in job.params.suites if progress[suite].evaluated]
    theory = all(some.theory_file(model).exists() for model in type(job.params.theory).model_fields)
    return replace(some, params=job.params.only(there, theory), whole=job.params, progress=progress)


def _of_origin(job: Job, suite: str, name: str, store: Store) -> SuiteRecords:
    """Return the records of a suite of one origin that fit the parameters, in the order of the suite's grids."""
    records = local_records(job, suite) if name == HERE else OriginFolder(store, name).records(suite)
    runs = select(records.runs, [Store.key(run.spec()) for run in job.params.runs(suite)])
    if name != HERE:
        wanted = job.params.suite(suite)
        for run in runs:
            check_evaluation(run, job.params, suite)
            _check_dataset(run, job.dataset_file(wanted.dataset))
        runs = [_without_others(run, wanted.lines) for run in runs]
    return SuiteRecords(tuple(runs), records.landscape)


def _without_others(run: EvaluatedRun, kinds: Container[str]) -> EvaluatedRun:
    """Return a record without lines that the parameters no longer ask for."""
    return replace(run, lines=tuple(one for one in run.lines if one.line.kind == OWN_LINE or one.line.kind in kinds))


def _check_dataset(run: EvaluatedRun, file: Path) -> None:
    """Refuse a record of a run on other data than this machine's dataset of the same name, if there is one."""
    if file.exists() and read_header(file)["sha256"] != run.dataset:
        raise UserError(
            f"records of {run.origin} are of other data than {file}, whose checksum differs; take another MLI_ORIGIN, "
            "or make the dataset as it was made there"
        )


def _write(new: Job, suite: str, found: list[SuiteRecords]) -> SuiteProgress:
    """Write the files of a suite from the records of each origin; a run is taken once from each."""
    runs: dict[str, EvaluatedRun] = {}
    for records in found:
        for run in records.runs:
            runs.setdefault(run.outcome.run_id, run)
    configurations = [run.configuration for run in runs.values()]
    origins = tuple(dict.fromkeys(run.origin for run in runs.values()))
    total = len(new.params.runs(suite))
    if runs:
        wanted = new.params.suite(suite)
        table, epochs = tabulate_outcomes([run.outcome for run in runs.values()], wanted.threshold)
        write_csv(new.training_folder(suite) / "runs.csv", table.assign(origin=[run.origin for run in runs.values()]))
        write_csv(new.training_folder(suite) / "epochs.csv", epochs)
        request = LineEvaluation(new.params.interpolate, wanted.gauss_examples, wanted.path_examples)
        save_curves(new.curves_file(suite), join_curves(list(runs.values()), request))
        landscapes = [records.landscape for records in reversed(found)]
        planes = {name: plane for one in landscapes for name, plane in one.planes.items()}
        trajectories = {run_id: path for one in landscapes for run_id, path in one.trajectories.items()}
        save_landscape(new.landscape_file(suite), Landscape(planes, trajectories))
    return SuiteProgress(len(set(configurations)), total, origins)
