"""Tasks of a stage: in worker processes of this machine, or on the machines of a Dask cluster."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.config import Run
from stages.shared.errors import UserError
from stages.shared.progress import Bar
from stages.workers import local
from stages.workers.task_queue import Effort, TaskQueue, time_limit


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
    effort: Effort = Effort()
    """What it is expected to take."""


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


def run_tasks(
    function: Callable[..., Any], places: Places, tasks: Sequence[Task], bar: Bar | None = None
) -> Iterator[Any]:
    """Call `function` with the places and the arguments of each task, and yield results as they come.

    With MLI_TIME no task begins that is not expected to end in time.

    Args:
        function: A function of a module, so that workers can import it. It leaves files in the store.
        places: Where files are.
        tasks: What to do.
        bar: Counts the units of the tasks' efforts. It advances with the shares that tasks under way report; on a
            cluster it advances by whole tasks.

    Yields:
        What it returns, in order of completion; by then its files are in the store of this machine.

    Raises:
        UserError: If a worker was killed (of a cluster: again and again), no scheduler answers, or MLI_TIME is no
            number or left tasks undone.
    """
    queue = TaskQueue([task.effort for task in tasks], time_limit())
    before = bar.n if bar is not None else 0

    def show() -> None:
        if bar is not None:
            bar.reach(before + queue.units_done)
        if sentence := queue.overdue():
            Bar.write(sentence, file=sys.stderr)

    if scheduler() and tasks:
        from stages.workers import cluster  # an optional extra

        yield from cluster.run_tasks(scheduler(), function, places, tasks, queue, show)
    else:
        yield from local.run_tasks(function, [(places, *task.arguments) for task in tasks], queue, show)
    show()
    if queue.units_left:
        raise UserError(_unfinished(queue, bar))


def _unfinished(queue: TaskQueue, bar: Bar | None) -> str:
    """Say what MLI_TIME left undone and what to do about it."""
    name, unit = (f"{bar.desc}: ", bar.unit) if bar is not None else ("", "task")
    total = bar.total if bar is not None else queue.units_finished + queue.units_left
    remedy = "run the same command again to go on"
    if not queue.units_finished:
        remedy = "run again with more time"
    return (
        f"{name}{total - queue.units_left} of {total} {unit}s are done and kept, {queue.units_left} are left, none of "
        f"which would end within MLI_TIME={queue.limit:g} s; {remedy}"
    )
