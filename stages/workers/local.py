"""Worker processes of this machine: a task a core."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch

from stages.errors import UserError
from stages.workers.device import device

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # sums in another order give other bits
    "MKL_NUM_THREADS": "1",
    # Keep freed memory: fresh pages for every temporary cost a fifth of the time of narrow networks.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**32 - 1),
    "MALLOC_TOP_PAD_": str(2**26),
}


def jobs() -> int:
    """Return the number of worker processes: MLI_JOBS, or else one a core (one in all where there is a GPU).

    Raises:
        UserError: If MLI_JOBS is no number from 0; 0 works in this process.
    """
    text = os.environ.get("MLI_JOBS", "")
    if not text:
        return 1 if device().type == "cuda" else _cores()
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
        torch.set_num_threads(1)
        for task in tasks:
            yield function(*task)
        return
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)  # inherited by the workers, read when they start
    pool = ProcessPoolExecutor(
        min(jobs(), len(tasks)), mp_context=multiprocessing.get_context("spawn"), initializer=_start
    )
    try:
        futures = [pool.submit(function, *task) for task in tasks]
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
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start() -> None:
    """Make a worker compute with one thread, leave interrupts to its parent, and end when that is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
