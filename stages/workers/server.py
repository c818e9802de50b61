"""A fork server: it imports what tasks need beside the stage's own imports; workers are forked from it in no time.

A stage starts it as soon as the store lacks something, before it imports PyTorch itself.
"""

import multiprocessing
import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.context import BaseContext

STARTED = time.monotonic()
"""When this process started, within some hundredths of a second, by `time.monotonic`."""
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # sums in another order give other bits
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",  # and to fork a process that has threads is not safe
    # Keep freed memory: fresh pages for every temporary cost a fifth of the time of narrow networks.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**32 - 1),
    "MALLOC_TOP_PAD_": str(2**26),
}

_started = False


@contextmanager
def environment() -> Generator[None, None, None]:
    """Let processes that are started meanwhile inherit `ENVIRONMENT`, which they read when they start."""
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


def start(*modules: str) -> None:
    """Start the server of this process unless it has one, if workers of this machine can be forked.

    They cannot where they may use a GPU, which does not survive a fork, nor on systems other than Linux: macOS has
    libraries of that kind too, and Windows does not fork.

    Args:
        modules: What it imports.
    """
    global _started
    if _started:
        return
    here = os.environ.get("MLI_JOBS") != "0" and not os.environ.get("MLI_SCHEDULER")
    if sys.platform == "linux" and here and (os.environ.get("MLI_DEVICE") or "cpu") == "cpu":
        multiprocessing.set_forkserver_preload(["stages.workers.bound", *modules])
        with environment():
            forkserver.ensure_running()
        _started = True


def context() -> BaseContext:
    """Return how workers are started: forked from the server if there is one, else each anew."""
    return multiprocessing.get_context("forkserver" if _started else "spawn")
