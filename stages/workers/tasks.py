"""Tasks of a stage: in worker processes of this machine, or on the machines of a Dask cluster."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.config import Run
from stages.workers import local


@dataclass(frozen=True)
class Places:
    """Where a task finds and leaves files; on another machine it gets other places with what it needs of these."""

    dataset: Path
    store: Path
    """Folder of the run store, where it leaves what it made."""
    runs: Path | None = None
    """Folder of the suite's runs."""


@dataclass(frozen=True)
class Task:
    """One call of a stage's function."""

    arguments: tuple
    """After the places."""
    reads: tuple[Path, ...] = ()
    """Files below `Places.store` and `Places.runs` that it reads, those that exist."""
    factories: tuple[str, ...] = ()
    """Factories of the networks of the user's that it computes with, whose source must be the same everywhere."""


def factories_of(runs: Iterable[Run]) -> tuple[str, ...]:
    """Return the factories of the runs whose networks are the user's, each once."""
    return tuple(sorted({run.factory for run in runs if run.factory}))


def scheduler() -> str:
    """Return where tasks are scheduled: MLI_SCHEDULER, or nothing for this machine's own processes."""
    return os.environ.get("MLI_SCHEDULER", "")


def room() -> int:
    """Return how many tasks can be under way at once, for dividing work fairly."""
    if scheduler():
        from stages.workers import cluster

        return cluster.room(scheduler())
    return max(local.jobs(), 1)


def run_tasks(function: Callable[..., Any], places: Places, tasks: Sequence[Task]) -> Iterator[Any]:
    """Call `function` with the places and the arguments of each task, and yield results as they come.

    Args:
        function: A function of a module, so that workers can import it. It leaves files in the store.
        places: Where files are.
        tasks: What to do.

    Yields:
        What it returns, in order of completion; by then its files are in the store of this machine.

    Raises:
        UserError: If a worker was killed (of a cluster: again and again), or no scheduler answers.
    """
    if scheduler() and tasks:
        from stages.workers import cluster  # an optional extra

        yield from cluster.run_tasks(scheduler(), function, places, tasks)
    else:
        yield from local.run_tasks(function, [(places, *task.arguments) for task in tasks])
