"""Tasks on a Dask cluster, whose workers share no file system with this machine.

A task's files travel with it: the dataset once a worker, what else it reads each time. What it leaves in its store
comes back as bytes and is written here, so the files are those that a worker of this machine would have written. A task
whose worker is lost is done again by another.
"""

import hashlib
import logging
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from stages.errors import UserError
from stages.files import write_bytes
from stages.workers.local import jobs
from stages.workers.server import ENVIRONMENT
from stages.workers.tasks import Places, Task

QUEUES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "sge": "SGECluster", "lsf": "LSFCluster"}
CONNECT_SECONDS = 10


@lru_cache
def client(scheduler: str):
    """Connect to a scheduler, or start one whose workers are jobs of a batch system.

    Args:
        scheduler: An address, such as tcp://host:8786, or one of `QUEUES`, with the settings of dask-jobqueue's own
            configuration file and MLI_JOBS jobs.

    Returns:
        The `distributed.Client`.

    Raises:
        UserError: If Dask is not installed, nobody answers, or the name is none.
    """
    try:
        import distributed
    except ImportError as error:
        raise UserError(
            "MLI_SCHEDULER is set, but Dask is not installed: python -m pip install -r requirements-cluster.txt "
            "-c constraints.txt, or unset it"
        ) from error
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what is wrong is said once, by `run_tasks`
    if scheduler in QUEUES:
        return distributed.Client(_queue(scheduler))
    if "://" not in scheduler:
        raise UserError(
            f"MLI_SCHEDULER: got {scheduler!r}, expected an address (tcp://host:8786) or {', '.join(QUEUES)}"
        )
    try:
        return distributed.Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise UserError(
            f"MLI_SCHEDULER: no scheduler answers at {scheduler}; start one with `dask scheduler`, or unset it"
        ) from error


def _queue(name: str):
    try:
        import dask
        import dask_jobqueue

        own = dask.config.get(f"jobqueue.{name}.job-script-prologue", None) or []
        variables = ENVIRONMENT | {"PYTHONPATH": str(Path(__file__).parents[2])}
        exports = [f"export {variable}={shlex.quote(value)}" for variable, value in variables.items()]
        cluster = getattr(dask_jobqueue, QUEUES[name])(cores=1, processes=1, job_script_prologue=[*exports, *own])
    except (ImportError, ValueError) as error:
        raise UserError(f"MLI_SCHEDULER: {name} cannot be used through dask-jobqueue: {error}") from error
    cluster.scale(jobs=jobs())
    return cluster


def room(scheduler: str) -> int:
    """Return how many workers there are, or will be once the batch system starts them."""
    if scheduler in QUEUES:
        return max(jobs(), 1)
    return max(len(_workers(client(scheduler))), 1)


def _workers(connected) -> dict[str, int]:
    """Return the threads of each worker by its address.

    Not by `scheduler_info`, whose answer goes through a cache that a refresh of its own empties of workers.
    """
    return connected.nthreads()


def run_tasks(scheduler: str, function: Callable[..., Any], places: Places, tasks: Sequence[Task]) -> Iterator[Any]:
    """As `stages.workers.tasks.run_tasks`, on the cluster."""
    connected = client(scheduler)
    from distributed import KilledWorker, as_completed

    if not _workers(connected):
        print(f"waiting for a worker to join {scheduler}", file=sys.stderr)
    content = places.dataset.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    # As a task, not scattered: what a lost worker held is then made again from what the scheduler has.
    dataset = connected.submit(_same, content, key=f"dataset-{digest}")
    futures = [
        connected.submit(
            _execute, function, task.arguments, _carried(places, task), dataset, digest, fingerprint(), pure=False
        )
        for task in tasks
    ]
    try:
        for future in as_completed(futures):
            result, files = future.result()
            for name, data in files.items():
                target = places.store / name
                if not target.exists():
                    write_bytes(target, data)
                    target.chmod(0o444)
            future.release()
            yield result
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
        connected.cancel(futures)


@lru_cache
def fingerprint() -> str:
    """Return what must be the same on all machines for results to be: the code of the stages and PyTorch's version."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256(torch.__version__.encode())
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _same(content: bytes) -> bytes:
    return content


def _carried(places: Places, task: Task) -> dict[str, bytes]:
    """Return the files that a task reads, by their place below its folder."""
    carried = {}
    for path in task.reads:
        kind = "store" if path.is_relative_to(places.store) else "runs"
        if path.exists():
            carried[f"{kind}/{path.relative_to(getattr(places, kind)).as_posix()}"] = path.read_bytes()
    return carried


def _execute(
    function: Callable[..., Any],
    arguments: tuple,
    carried: dict[str, bytes],
    dataset: bytes,
    digest: str,
    expected: str,
) -> tuple[Any, dict[str, bytes]]:
    """Do a task on a worker, in a folder of its own; return its result and what it left in its store."""
    from distributed import get_worker

    worker = get_worker()
    if fingerprint() != expected:
        raise UserError(f"worker {worker.address} has other code of the stages or another PyTorch; bring it up to date")
    if worker.state.nthreads != 1:
        raise UserError(f"worker {worker.address} has {worker.state.nthreads} threads; start it with --nthreads 1")
    torch.set_num_threads(1)
    home = Path(worker.local_directory)
    kept = home / f"{digest}.safetensors"
    if not kept.exists():
        write_bytes(kept, dataset)
    with tempfile.TemporaryDirectory(dir=home) as folder:
        places = Places(kept, Path(folder) / "store", Path(folder) / "runs")
        for name, data in carried.items():
            write_bytes(Path(folder) / name, data)
        result = function(places, *arguments)
        made = (path for path in places.store.rglob("*") if path.is_file())
        files = {path.relative_to(places.store).as_posix(): path.read_bytes() for path in made}
    return result, {name: data for name, data in files.items() if f"store/{name}" not in carried}
