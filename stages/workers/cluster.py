"""Tasks on a Dask cluster, whose workers need no file system in common with this machine.

The files of a task travel with it: the dataset once to each worker, the other files that it reads each time. Files that
it leaves in the store of the worker come back as bytes and are written here, the same as those of a local worker. A
task whose worker is lost is done again by another worker.
"""

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import torch

from stages.shared.errors import UserError
from stages.shared.files import write_bytes
from stages.workers.agreement import Agreement, agreement_for, disagreement
from stages.workers.cluster_client import client, connected_workers
from stages.workers.task import Task, TaskPaths
from stages.workers.task_queue import TaskQueue

POLL_SECONDS = 0.2
"""With a time limit, the interval at which this machine looks for tasks that have ended."""


def run_tasks(
    scheduler: str, tasks: Sequence[Task], paths: TaskPaths, queue: TaskQueue, show: Callable[[], None]
) -> Iterator[Any]:
    """Run tasks on the cluster, as `stages.workers.fill.run_tasks` does.

    Without a time limit the scheduler gets all tasks at once. With one it gets as many as there are workers, and
    another whenever one ends. Progress is counted by whole tasks, since workers share no memory with this machine.

    Args:
        scheduler: Address or batch system, the value of MLI_SCHEDULER.
        tasks: The tasks.
        paths: The dataset and the store of this machine.
        queue: Decides which of the tasks may begin.
        show: Called when a task has ended, and with a time limit now and then.

    Yields:
        What the tasks return, in order of completion.

    Raises:
        UserError: If tasks end their workers, the scheduler is lost, or its workers lack the project.
        ModuleNotFoundError: If a task raises it on a worker that has the project.
        RuntimeError: If a task raises it.
    """
    connected = client(scheduler)
    from distributed import KilledWorker

    if not connected_workers(scheduler):
        print(f"waiting for a worker to join {scheduler}", file=sys.stderr)
    assert paths.dataset is not None
    content = paths.dataset.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    # A task, not scattered data: if its worker is lost, the scheduler makes it again.
    dataset = connected.submit(_same, content, key=f"dataset-{digest}")
    futures: dict[Any, int] = {}

    def submit(number: int) -> None:
        task = tasks[number]
        sent = (task.function, task.arguments, _carried_files(paths, task), dataset, digest, agreement_for(task))
        futures[connected.submit(_execute, *sent, pure=False)] = number

    try:
        for future in _completed(scheduler, submit, futures, queue, show):
            result, files, seconds = future.result()
            for name, data in files.items():
                target = paths.store / name
                if not target.exists():
                    write_bytes(target, data)
                    target.chmod(0o444)
            queue.finish(futures.pop(future), seconds)
            future.release()
            yield result
            show()
    except KilledWorker as error:
        raise UserError(
            "a task ended one worker of the cluster after another, perhaps for want of memory; what was finished is "
            "kept: run again with workers that have more"
        ) from error
    except CancelledError as error:
        raise UserError(
            f"the scheduler {scheduler} was lost; what was finished is kept: start it and run again"
        ) from error
    except (ModuleNotFoundError, RuntimeError) as error:
        if not isinstance(error, ModuleNotFoundError) and "deserialization" not in str(error):
            raise
        raise UserError(
            f"the cluster at {scheduler} cannot import this project: start its scheduler and its workers in a copy of "
            "it, with its requirements and PYTHONPATH=."
        ) from error
    finally:
        connected.cancel(list(futures))


def _completed(
    scheduler: str, submit: Callable[[int], None], futures: dict[Any, int], queue: TaskQueue, show: Callable[[], None]
) -> Iterator[Any]:
    """Submit tasks as the queue lets them begin, and yield those of `futures` that have ended."""
    from distributed import as_completed

    if queue.limit is None:
        while (number := queue.take()) is not None:
            submit(number)
        yield from as_completed(list(futures))
        return
    while True:
        most = max(len(connected_workers(scheduler)), 1)  # workers come and go
        while len(futures) < most and (number := queue.take()) is not None:
            submit(number)
        if not futures:
            return
        ended = [future for future in futures if future.done()]
        yield from ended
        if not ended:
            show()
            time.sleep(POLL_SECONDS)


def _same(content: bytes) -> bytes:
    return content


def _carried_files(paths: TaskPaths, task: Task) -> dict[str, bytes]:
    """Return the content of the files that a task reads, by their path below the store."""
    return {path.relative_to(paths.store).as_posix(): path.read_bytes() for path in task.reads if path.exists()}


def _execute(
    function: Callable[..., Any],
    arguments: tuple,
    carried: dict[str, bytes],
    dataset: bytes,
    digest: str,
    expected: Agreement,
) -> tuple[Any, dict[str, bytes], float]:
    """Run a task on a worker, in a folder of its own; return its result, the files it made, and its seconds."""
    from distributed import get_worker

    worker = get_worker()
    if fault := disagreement(expected):
        raise UserError(f"worker {worker.address} {fault}")
    if worker.state.nthreads != 1:
        raise UserError(f"worker {worker.address} has {worker.state.nthreads} threads; start it with --nthreads 1")
    torch.set_num_threads(1)
    home = Path(worker.local_directory)
    kept = home / f"{digest}.safetensors"
    if not kept.exists():
        write_bytes(kept, dataset)
    with tempfile.TemporaryDirectory(dir=home) as folder:
        paths = TaskPaths(kept, Path(folder))
        for name, data in carried.items():
            write_bytes(paths.store / name, data)
        began = time.monotonic()
        result = function(paths, *arguments)
        seconds = time.monotonic() - began
        made = (path for path in paths.store.rglob("*") if path.is_file())
        files = {path.relative_to(paths.store).as_posix(): path.read_bytes() for path in made}
    return result, {name: data for name, data in files.items() if name not in carried}, seconds
