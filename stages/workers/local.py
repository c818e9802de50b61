"""Worker processes of this machine: a task a core."""

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from stages.errors import UserError
from stages.workers.device_type import device_type
from stages.workers.server import context, environment


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


def run_tasks(function: Callable[..., Any], tasks: Sequence[tuple]) -> Iterator[Any]:
    """Call `function` with the arguments of each task, in worker processes, and yield results as they come.

    Args:
        function: A function of a module, so that workers can import it.
        tasks: Its arguments.

    Yields:
        What it returns, in order of completion.

    Raises:
        UserError: If a worker was killed.
    """
    if not tasks:
        return
    if jobs() == 0:
        _use_one_thread()
        for task in tasks:
            yield function(*task)
        return
    with environment():
        pool = ProcessPoolExecutor(min(jobs(), len(tasks)), mp_context=context(), initializer=_start)
        try:
            futures = _submit(pool, function, tasks)
            for future in as_completed(futures):
                yield future.result()
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


def _submit(pool: ProcessPoolExecutor, function: Callable[..., Any], tasks: Sequence[tuple]) -> list[Future]:
    try:
        return [pool.submit(function, *task) for task in tasks]
    except (EOFError, ConnectionError) as error:  # the fork server is gone
        raise BrokenProcessPool from error


def _use_one_thread() -> None:
    """Have PyTorch compute with one thread; where it is not imported yet, `server.ENVIRONMENT` says the same."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _start() -> None:
    """Make a worker compute with one thread, leave interrupts to its parent, and end when that is gone."""
    gc.freeze()  # what is imported stays
    gc.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _use_one_thread()
    parent = multiprocessing.parent_process()

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
