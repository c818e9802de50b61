"""Making what the store lacks, in parallel, with a progress bar: the one loop of all stages."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from stages.shared.errors import UserError
from stages.shared.progress import Bar, bar
from stages.shared.store import Store
from stages.workers import fork_server, processes
from stages.workers.task import Task, TaskPaths
from stages.workers.task_queue import TaskQueue, time_limit


def fill(
    store: Store,
    entries: Mapping[str, Sequence[str]],
    plan: Callable[[list[int]], Sequence[Task]],
    title: str,
    unit: str,
    preload: str,
    dataset: Path | None = None,
) -> dict[str, list[str]]:
    """Make the entries that the store lacks.

    A stage names the keys of all that it needs, calls this function, and then reads every entry from the store. The bar
    counts items: runs, lines, rows of planes, figures.

    Args:
        store: The store.
        entries: Keys by kind of entry. The keys at one position, one of each kind, are the entries of one item.
        plan: Returns the tasks that make the items at these positions. It is called only if some are missing, so that
            imports in it (PyTorch takes seconds) are spared otherwise. An item that occurs twice is asked for once.
        title: Title of the bar.
        unit: Name of an item.
        preload: The module with the functions of the tasks; the fork server imports it while `plan` does.
        dataset: The file of the dataset that the tasks read. Tasks without one read other files of this machine, so
            they run on it even where MLI_SCHEDULER names a cluster.

    Returns:
        Keys by kind of the entries that the store lacked.

    Raises:
        UserError: If a task fails, a worker is killed, no scheduler answers, or MLI_TIME left tasks undone.
    """
    missing = {kind: [key for key in dict.fromkeys(keys) if not store.has(kind, key)] for kind, keys in entries.items()}
    absent = {(kind, key) for kind, keys in missing.items() for key in keys}
    items = list(zip(*([(kind, key) for key in keys] for kind, keys in entries.items()), strict=True))
    first = {item: position for position, item in reversed(list(enumerate(items)))}
    positions = sorted(position for item, position in first.items() if absent & set(item))
    with bar(title, unit, len(first), len(first) - len(positions)) as progress:
        progress.set_postfix(reused=progress.n, refresh=False)
        if positions:
            if dataset is None or not scheduler():
                fork_server.start(preload)
            counts: Counter[str] = Counter()
            for numbers in run_tasks(plan(positions), TaskPaths(dataset, store.folder), progress):
                counts.update(numbers or {})
                progress.set_postfix(reused=len(first) - len(positions), **counts, refresh=False)
    return missing


def check_settings() -> None:
    """Refuse faulty MLI_ variables of workers before a stage begins to work.

    Raises:
        UserError: If MLI_JOBS, MLI_DEVICE or MLI_TIME has a value that it cannot have.
    """
    processes.jobs()
    time_limit()


def scheduler() -> str:
    """Return where tasks are scheduled: MLI_SCHEDULER, or nothing for processes of this machine."""
    return os.environ.get("MLI_SCHEDULER", "")


def worker_count() -> int:
    """Return how many tasks can be under way at once, for dividing work evenly."""
    if scheduler():
        from stages.workers import cluster_client  # Dask is optional

        return cluster_client.worker_count(scheduler())
    return max(processes.jobs(), 1)


def run_tasks(tasks: Sequence[Task], paths: TaskPaths, progress: Bar | None = None) -> Iterator[Any]:
    """Run tasks, here or on a cluster, and yield what they return as they end.

    With MLI_TIME no task begins that is not expected to end in time.

    Args:
        tasks: The tasks.
        paths: The dataset and the store of this machine.
        progress: A bar that counts the units of the tasks. It advances with the progress that tasks report; on a
            cluster it advances by whole tasks.

    Yields:
        What the tasks return, in order of completion; by then their files are in the store of this machine.

    Raises:
        UserError: If a worker was killed (on a cluster: again and again), no scheduler answers, or MLI_TIME is no
            number or left tasks undone.
    """
    queue = TaskQueue([task.workload for task in tasks], time_limit())
    before = progress.n if progress is not None else 0

    def show() -> None:
        if progress is not None:
            progress.reach(before + queue.units_done)
        if sentence := queue.overdue():
            Bar.write(sentence, file=sys.stderr)

    if scheduler() and tasks and paths.dataset is not None:
        from stages.workers import cluster  # Dask is optional

        yield from cluster.run_tasks(scheduler(), tasks, paths, queue, show)
    else:
        calls = [partial(task.function, paths, *task.arguments) for task in tasks]
        yield from processes.run_calls(calls, queue, show)
    show()
    if queue.units_left:
        raise UserError(_unfinished(queue, progress))


def _unfinished(queue: TaskQueue, progress: Bar | None) -> str:
    """Return a sentence on the tasks that MLI_TIME left undone, and what to do about it."""
    name, unit = (f"{progress.desc}: ", progress.unit) if progress is not None else ("", "task")
    total = progress.total if progress is not None else queue.units_finished + queue.units_left
    remedy = "run the same command again to go on"
    if not queue.units_finished:
        remedy = "run again with more time"
    return (
        f"{name}{total - queue.units_left} of {total} {unit}s are done and kept, {queue.units_left} are left, none of "
        f"which would end within MLI_TIME={queue.limit:g} s; {remedy}"
    )
