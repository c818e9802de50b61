"""Where the numbers of a report come from: digests, counts and origins of runs, and the commands that make it again."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stages.config.job import Job
from stages.shared.files import digest_file, json_bytes
from stages.shared.origins import HERE


@dataclass(frozen=True)
class Provenance:
    """The identity of the runs of a report, the same in any clone: it has no date and no commit of this machine."""

    parameters: str
    """MD5 of the parameters that stage `report` reads, by which dvc.lock knows them too."""
    measures: str
    """SHA-256 of measures.csv."""
    lines: int
    """Number of rows of measures.csv."""
    runs: int
    """Number of different runs in it."""
    statuses: tuple[tuple[str, int], ...]
    """Number of runs by how they ended."""
    origins: tuple[tuple[str, int], ...]
    """Number of runs by origin, in words."""
    lock: str | None
    """File that records what the stages ran with; None for a report on the runs that there are."""
    history: str
    """Command that prints commit and date of the runs."""
    all_again: str
    """Command that runs all stages again."""
    remake: str
    """Command that makes the report again."""
    remake_figures: str
    """Command that draws the figures and tables again."""
    environment: str
    """File that describes the environment of the runs of this machine."""
    words_of_progress: str
    """A sentence on how many of all runs there are, and from where; empty for a report on all runs."""


def provenance(job: Job, table: pd.DataFrame, parameters: object) -> Provenance:
    """Return where the numbers of a report come from.

    Args:
        job: The job of stage `report`.
        table: The table of measures.
        parameters: The values of the parameters that stage `report` reads, as in data/inputs/parameters/report.json.

    Returns:
        The provenance.
    """
    runs = table.drop_duplicates("run_id")
    own = runs["origin"] if "origin" in runs else pd.Series(HERE, index=runs.index)
    lock = job.pipeline.with_suffix(".lock") if job.progress is None else None
    recorded = lock or job.reports / "measures.csv"
    return Provenance(
        hashlib.md5(json_bytes(parameters), usedforsecurity=False).hexdigest(),
        digest_file(job.reports / "measures.csv"),
        len(table),
        len(runs),
        tuple(runs["status"].value_counts(sort=False).sort_index().items()),
        tuple(own.replace(HERE, "this pipeline").value_counts(sort=False).sort_index().items()),
        None if lock is None else lock.as_posix(),
        f"git log -1 --format='%h %cs' -- {recorded.as_posix()}",
        _all_again(job),
        remake(job, "report"),
        remake(job, "plot"),
        (base_data(job) / "inputs" / "environment.json").as_posix(),
        _progress(job),
    )


def _all_again(job: Job) -> str:
    if job.progress is None:
        return command(job.pipeline)
    return " && ".join(partial_command(job, stage) for stage in ("measure", "plot", "report"))


def _progress(job: Job) -> str:
    if job.progress is None:
        return ""
    found = job.progress.values()
    origins = "; ".join(dict.fromkeys(origin for one in found for origin in one.origins))
    evaluated, runs = sum(one.evaluated for one in found), sum(one.runs for one in found)
    return f"A report of what there is: {evaluated} of {runs} runs evaluated, origin: {origins}."


def remake(job: Job, stage: str) -> str:
    """Return the command that runs a stage over all suites again, with what it needs."""
    if job.progress is not None:
        return partial_command(job, stage)
    return f"dvc repro {stage}" if job.pipeline == Path("dvc.yaml") else f"dvc repro {job.pipeline.as_posix()}:{stage}"


def partial_command(job: Job, stage: str) -> str:
    """Return the command that runs a stage on the runs that there are."""
    folders = f"--data {base_data(job).as_posix()} --reports {job.reports.as_posix()}"
    return f"python -m stages.{stage} --partial --params {job.pipeline.with_name('params.yaml').as_posix()} {folders}"


def base_data(job: Job) -> Path:
    """Return the folder of artifacts of the pipeline, which a report on the runs that there are keeps a part of."""
    return job.data if job.progress is None else job.data.parent


def command(pipeline: Path, suite: str | None = None) -> str:
    """Return the command that runs all of a pipeline, or the lines of one suite."""
    default = pipeline == Path("dvc.yaml")
    if suite is None:
        return "dvc repro" if default else f"dvc repro {pipeline.as_posix()}"
    return f"dvc repro {'' if default else f'{pipeline.as_posix()}:'}interpolate@{suite}"
