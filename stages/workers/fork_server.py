"""The fork server: it imports what tasks need while the stage imports the same; workers are forked from it at once.

Workers that are spawned instead import PyTorch each for itself, after the stage has: some seconds more a stage.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.context import BaseContext

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # sums in another order give other bits
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",  # and to fork a process that has threads is not safe
    # Keep freed memory: fresh pages for every temporary cost a fifth of the time of narrow networks.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**32 - 1),
    "MALLOC_TOP_PAD_": str(2**26),
}
"""Variables of a worker's environment, which libraries read when they are loaded."""

_started = False


@contextmanager
def worker_environment() -> Generator[None, None, None]:
    """Give processes that are started meanwhile the variables of `ENVIRONMENT`."""
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def start(module: str) -> None:
    """Start the fork server of this process, unless it has one or its workers cannot be forked.

    Workers on a GPU cannot be forked, since CUDA does not survive a fork; nor is it safe on macOS, or possible on
    Windows.

    Args:
        module: The module that the server imports.
    """
    global _started
    on_cpu = (os.environ.get("MLI_DEVICE") or "cpu") == "cpu"
    if _started or sys.platform != "linux" or not on_cpu or os.environ.get("MLI_JOBS") == "0":
        return
    multiprocessing.set_forkserver_preload([module])
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited: interrupts are left to the stage
    try:
        with worker_environment():
            forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, handler)
    _started = True


def context() -> BaseContext:
    """Return how worker processes start: forked from the server if there is one, else spawned."""
    return multiprocessing.get_context("forkserver" if _started else "spawn")
