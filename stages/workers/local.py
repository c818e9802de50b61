"""Worker processes of this machine: a task a core."""

import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

from stages.shared.device_type import device_type
from stages.shared.errors import UserError
from stages.shared.terminal import escape_unprintable
from stages.workers.server import context, environment
from stages.workers.shares import listening
from stages.workers.task_queue import Effort, TaskQueue

POLL_SECONDS = 0.2
"""How often shared memory is read while tasks are under way."""

_shares: MutableSequence[float] = []


def jobs() -> int:
    """Return the number of worker processes: MLI_JOBS, or else one a core (one in all where there is a GPU).

    Raises:
        UserError: If MLI_JOBS is no number from 0; 0 works in this process.
    """
    text = os.environ.get("MLI_JOBS", "")
    if not text:
        return 1 if device_type() == "cuda" else _cores()
    if not text.isdecimal():
        raise UserError(f"MLI_JOBS: got {text!r}, expected a whole number from 0")
    return int(text)


def _cores() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # systems that cannot bind a process to cores


def run_tasks(
    function: Callable[..., Any],
    tasks: Sequence[tuple],
    queue: TaskQueue | None = None,
    show: Callable[[], None] = lambda: None,
) -> Iterator[Any]:
    """Call `function` with the arguments of each task, in worker processes, and yield results as they come.

    Shares that tasks report travel through memory that workers share with this process: a worker can be killed at any
    moment without a lock that it holds or a message that it has half-written.

    Args:
        function: A function of a module, so that workers can import it.
        tasks: Its arguments.
        queue: The same tasks, of which it says which may begin; None to begin all.
        show: Called now and then while tasks are under way, when `queue` knows which shares of them are done.

    Yields:
        What it returns, in order of completion.

    Raises:
        UserError: If a worker was killed.
    """
    queue = TaskQueue([Effort()] * len(tasks)) if queue is None else queue
    if not tasks:
        return
    if jobs() == 0:
        yield from _run_here(function, tasks, queue, show)
        return
    workers = min(jobs(), len(tasks))
    # With a limit a task is handed over when a worker is free; without, workers have the next one at hand.
    most = 2 * workers if queue.limit is None else workers
    with environment():
        shares = context().RawArray("d", len(tasks))
        pool = ProcessPoolExecutor(workers, mp_context=context(), initializer=_start, initargs=(shares,))
        futures: dict[Future, int] = {}
        try:
            while True:
                while len(futures) < most and (task := queue.take()) is not None:
                    futures[_submit(pool, task, function, tasks[task])] = task
                if not futures:
                    return
                for future in wait(futures, POLL_SECONDS, FIRST_COMPLETED).done:
                    result, seconds = future.result()
                    queue.finish(futures.pop(future), seconds)
                    yield result
                for task in queue.under_way:
                    queue.report(task, shares[task])
                show()
        except BrokenProcessPool as error:
            raise UserError(
                "a worker process was killed, perhaps for want of memory; what was finished is kept: "
                "run again, with MLI_JOBS=1 if memory is short"
            ) from error
        except BaseException:  # an interrupt too: tasks under way may take hours, and what they finished is kept
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _run_here(
    function: Callable[..., Any], tasks: Sequence[tuple], queue: TaskQueue, show: Callable[[], None]
) -> Iterator[Any]:
    """Do tasks one after the other in this process."""
    _use_one_thread()
    while (task := queue.take()) is not None:

        def listen(share: float, task: int = task) -> None:
            queue.report(task, share)
            show()

        result, seconds = _timed(listen, function, tasks[task])
        queue.finish(task, seconds)
        yield result
        show()


def _timed(listener: Callable[[float], None], function: Callable[..., Any], arguments: tuple) -> tuple[Any, float]:
    """Do a task and return its result and how many seconds it took."""
    began = time.monotonic()
    with listening(listener):
        result = function(*arguments)
    return result, time.monotonic() - began


def _submit(pool: ProcessPoolExecutor, task: int, function: Callable[..., Any], arguments: tuple) -> Future:
    try:
        return pool.submit(_do, task, function, arguments)
    except (EOFError, ConnectionError) as error:  # the fork server is gone
        raise BrokenProcessPool from error


def _use_one_thread() -> None:
    """Have PyTorch compute with one thread; where it is not imported yet, `server.ENVIRONMENT` says the same."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _do(task: int, function: Callable[..., Any], arguments: tuple) -> tuple[Any, float]:
    """Do a task in a worker; the shares that it reports go to its place in the shared memory."""
    return _timed(partial(_shares.__setitem__, task), function, arguments)


def _start(shares: MutableSequence[float]) -> None:
    """Make a worker compute with one thread, leave interrupts to its parent, and end when that is gone.

    Args:
        shares: Memory shared with the parent, a share for each task.
    """
    global _shares
    escape_unprintable()
    _shares = shares
    gc.freeze()  # what is imported stays
    gc.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _use_one_thread()
    parent = multiprocessing.parent_process()

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
