"""Worker processes of this machine, one a core."""

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
from stages.workers.fork_server import context, worker_environment
from stages.workers.progress_report import listening
from stages.workers.task import Workload
from stages.workers.task_queue import TaskQueue

Call = Callable[[], Any]
"""A task as a function without arguments, which can be pickled."""
POLL_SECONDS = 0.2
"""Interval at which the progress of tasks is read from shared memory."""

_progress: MutableSequence[float] = []
"""In a worker: memory shared with the stage, the fraction done of each task."""


def jobs() -> int:
    """Return the number of worker processes: MLI_JOBS, or else one a core (one in all where there is a GPU).

    Raises:
        UserError: If MLI_JOBS is not a whole number from 0; 0 means that the stage's own process does the work.
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


def run_calls(
    calls: Sequence[Call], queue: TaskQueue | None = None, show: Callable[[], None] = lambda: None
) -> Iterator[Any]:
    """Make calls in worker processes, and yield what they return as they end.

    Progress travels through memory that workers share with this process: a worker can be killed at any moment without
    a lock that it holds or a message that it has half-written.

    Args:
        calls: The calls, each by functions of modules, so that workers can import them.
        queue: Decides which of the calls may begin; None to begin all.
        show: Called now and then while calls are under way, when `queue` knows the progress of each.

    Yields:
        What the calls return, in order of completion.

    Raises:
        UserError: If a worker was killed.
    """
    queue = TaskQueue([Workload()] * len(calls)) if queue is None else queue
    if not calls:
        return
    if jobs() == 0:
        yield from _run_in_this_process(calls, queue, show)
        return
    workers = min(jobs(), len(calls))
    # Without a time limit, workers have their next call at hand; with one, a call is handed to a free worker only.
    most = 2 * workers if queue.limit is None else workers
    with worker_environment():
        progress = context().RawArray("d", len(calls))
        pool = ProcessPoolExecutor(workers, mp_context=context(), initializer=_start_worker, initargs=(progress,))
        futures: dict[Future, int] = {}
        try:
            while True:
                while len(futures) < most and (number := queue.take()) is not None:
                    futures[_submit(pool, number, calls[number])] = number
                if not futures:
                    return
                for future in wait(futures, POLL_SECONDS, FIRST_COMPLETED).done:
                    result, seconds = future.result()
                    queue.finish(futures.pop(future), seconds)
                    yield result
                for number in queue.under_way:
                    queue.report(number, progress[number])
                show()
        except BrokenProcessPool as error:
            raise UserError(
                "a worker process was killed, perhaps for want of memory; what was finished is kept: "
                "run again, with MLI_JOBS=1 if memory is short"
            ) from error
        except BaseException:  # an interrupt too: calls under way may take hours, and what they finished is kept
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _run_in_this_process(calls: Sequence[Call], queue: TaskQueue, show: Callable[[], None]) -> Iterator[Any]:
    _use_one_thread()
    while (number := queue.take()) is not None:

        def listen(fraction: float, number: int = number) -> None:
            queue.report(number, fraction)
            show()

        result, seconds = _timed(listen, calls[number])
        queue.finish(number, seconds)
        yield result
        show()


def _timed(listener: Callable[[float], None], call: Call) -> tuple[Any, float]:
    """Return the result of a call and the seconds that it took."""
    began = time.monotonic()
    with listening(listener):
        result = call()
    return result, time.monotonic() - began


def _submit(pool: ProcessPoolExecutor, number: int, call: Call) -> Future:
    try:
        return pool.submit(_run_in_worker, number, call)
    except (EOFError, ConnectionError) as error:  # the fork server is gone
        raise BrokenProcessPool from error


def _run_in_worker(number: int, call: Call) -> tuple[Any, float]:
    return _timed(partial(_progress.__setitem__, number), call)


def _use_one_thread() -> None:
    """Let PyTorch compute with one thread; a process that has yet to import it reads that from `ENVIRONMENT`."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _start_worker(progress: MutableSequence[float]) -> None:
    """Prepare a worker: one thread, interrupts left to the stage, and an end when the stage is gone."""
    global _progress
    escape_unprintable()
    _progress = progress
    gc.freeze()  # the garbage collector need not look through what was imported
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _use_one_thread()
    stage = multiprocessing.parent_process()
    assert stage is not None

    def end_with_the_stage() -> None:
        stage.join()
        os._exit(1)

    threading.Thread(target=end_with_the_stage, daemon=True).start()
