"""Tasks on a Dask cluster, whose workers share no file system with this machine.

A task's files travel with it: the dataset once a worker, what else it reads each time. What it leaves in its store
comes back as bytes and is written here, so the files are those that a worker of this machine would have written. A task
whose worker is lost is done again by another.
"""

import hashlib
import logging
import shlex
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from stages.shared.environment import environment
from stages.shared.errors import UserError
from stages.shared.files import write_bytes
from stages.workers.local import jobs
from stages.workers.server import ENVIRONMENT
from stages.workers.task_queue import TaskQueue
from stages.workers.tasks import Places, Task

QUEUES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "sge": "SGECluster", "lsf": "LSFCluster"}
CONNECT_SECONDS = 10
POLL_SECONDS = 0.2
"""With a limit, how often this machine looks for tasks that have ended."""
ENCRYPTED = ("tls", "wss")
TLS_VARIABLE = "DASK_DISTRIBUTED__COMM__TLS__"


@lru_cache
def client(scheduler: str):
    """Connect to a scheduler, or start one whose workers are jobs of a batch system.

    Args:
        scheduler: An address, such as tcp://host:8786 or tls://host:8786, or one of `QUEUES`, with the settings of
            dask-jobqueue's own configuration file and MLI_JOBS jobs.

    Returns:
        The `distributed.Client`.

    Raises:
        UserError: If Dask is not installed, nobody answers or accepts the connection, or the name is none.
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
    security = _security(scheduler)
    try:
        return distributed.Client(scheduler, timeout=CONNECT_SECONDS, security=security)
    except distributed.comm.CommClosedError as error:
        raise UserError(
            f"MLI_SCHEDULER: what listens at {scheduler} ends the connection, as a scheduler with TLS does; name it "
            f"tls://{scheduler.partition('://')[2]} and set certificates"
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(
            f"MLI_SCHEDULER: no scheduler answers at {scheduler}; start one with `dask scheduler`, or unset it"
        ) from error


def _security(scheduler: str):
    """Return Dask's own security settings, from its configuration files and environment variables.

    Args:
        scheduler: The address that they are for.

    Returns:
        The `distributed.security.Security`.

    Raises:
        UserError: If the address wants certificates that are not set, not there or not readable, or the settings want
            an encrypted address.
    """
    from distributed.security import Security

    security, scheme = Security(), scheduler.partition("://")[0]
    if scheme not in ENCRYPTED:
        if security.require_encryption:
            raise UserError(
                f"MLI_SCHEDULER: {scheduler} is not encrypted, which Dask's distributed.comm.require-encryption "
                "demands: name a tls:// address, or unset that"
            )
        return security
    settings = {"CA_FILE": security.tls_ca_file, "CLIENT__CERT": security.tls_client_cert}
    if security.tls_client_key:  # else the key is in the file of the certificate
        settings["CLIENT__KEY"] = security.tls_client_key
    for name, file in settings.items():
        if not file:
            raise UserError(
                f"MLI_SCHEDULER: {scheduler} wants certificates; set {TLS_VARIABLE}{name} to a file in PEM format"
            )
        if "\n" not in file and not Path(file).is_file():  # Dask takes the PEM text itself too
            raise UserError(f"{TLS_VARIABLE}{name}: {file} is no file; name one in PEM format")
    try:
        context = security.get_connection_args("client")["ssl_context"]
    except (OSError, ValueError) as error:  # of which `ssl.SSLError` is one
        raise UserError(
            f"the certificates for {scheduler} cannot be used ({error}); set {TLS_VARIABLE}{', '.join(settings)} to "
            "files in PEM format that belong together"
        ) from error
    _shake_hands(scheduler, context)
    return security


def _shake_hands(scheduler: str, context: ssl.SSLContext) -> None:
    """Refuse a scheduler with which TLS fails, before Dask's client meets it, which may tell or hang by chance."""
    from distributed.comm import get_address_host_port

    try:
        plain = socket.create_connection(get_address_host_port(scheduler), CONNECT_SECONDS)
    except (OSError, ValueError):
        return  # Dask's client waits for a scheduler that is about to start
    try:
        with plain, context.wrap_socket(plain) as encrypted:
            # A scheduler of Dask speaks first, but for websockets; one that refuses a certificate by TLS 1.3 does not.
            if scheduler.startswith("tls:") and not encrypted.recv(1):
                raise ConnectionAbortedError
    except TimeoutError:
        return
    except ssl.SSLCertVerificationError as error:
        raise UserError(
            f"MLI_SCHEDULER: the certificate of the scheduler at {scheduler} is not trusted ({error.verify_message}); "
            f"set {TLS_VARIABLE}CA_FILE to the authority that signed it"
        ) from error
    except OSError as error:
        if getattr(error, "reason", None) == "WRONG_VERSION_NUMBER":
            raise UserError(
                f"MLI_SCHEDULER: the scheduler at {scheduler} does not use TLS; start it with --protocol tls and "
                "certificates"
            ) from error
        raise UserError(
            f"MLI_SCHEDULER: the scheduler at {scheduler} refuses this machine's certificate; set "
            f"{TLS_VARIABLE}CLIENT__CERT to one that its authority signed"
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


def run_tasks(
    scheduler: str,
    function: Callable[..., Any],
    places: Places,
    tasks: Sequence[Task],
    queue: TaskQueue,
    show: Callable[[], None],
) -> Iterator[Any]:
    """Do tasks on the cluster, as `stages.workers.tasks.run_tasks` does them.

    Without a limit the scheduler gets all tasks at once. With one it gets as many as there are workers, and a new one
    when one ends. Progress is counted by task: workers have no memory in common with this machine.

    Args:
        scheduler: Address or batch system, as MLI_SCHEDULER has it.
        function: A function of a module, so that workers can import it.
        places: Where files are.
        tasks: What to do.
        queue: The same tasks, of which it says which may begin.
        show: Called when a task has ended, and with a limit now and then.

    Yields:
        What `function` returns, in order of completion.

    Raises:
        UserError: If tasks end workers, the scheduler is lost, or its workers lack the project.
        ModuleNotFoundError: If a task raises it on a worker that has the project.
        RuntimeError: If a task raises it.
    """
    connected = client(scheduler)
    from distributed import KilledWorker

    if not _workers(connected):
        print(f"waiting for a worker to join {scheduler}", file=sys.stderr)
    content = places.dataset.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    # As a task, not scattered: what a lost worker held is then made again from what the scheduler has.
    dataset = connected.submit(_same, content, key=f"dataset-{digest}")
    futures: dict[Any, int] = {}

    def submit(number: int) -> None:
        task = tasks[number]
        carried = _carried(places, task)
        future = connected.submit(
            _execute, function, task.arguments, carried, dataset, digest, agreed(task), pure=False
        )
        futures[future] = number

    try:
        for future in _completed(connected, submit, futures, queue, show):
            result, files, seconds = future.result()
            for name, data in files.items():
                target = places.store / name
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
    connected, submit: Callable[[int], None], futures: dict[Any, int], queue: TaskQueue, show: Callable[[], None]
) -> Iterator[Any]:
    """Submit tasks as the queue lets them begin, and yield those of `futures` that have ended."""
    from distributed import as_completed

    if queue.limit is None:
        while (task := queue.take()) is not None:
            submit(task)
        yield from as_completed(list(futures))
        return
    while True:
        room = max(len(_workers(connected)), 1)  # workers come and go
        while len(futures) < room and (task := queue.take()) is not None:
            submit(task)
        if not futures:
            return
        ended = [future for future in futures if future.done()]
        yield from ended
        if not ended:
            show()
            time.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Agreement:
    """What must be the same on all machines for a task's result to be the same."""

    code: str
    """Digest of the code of the stages."""
    environment: dict[str, str]
    """The environment of the process that schedules the task, which the identity of its result holds."""
    factories: dict[str, dict]
    """Source of the networks of the user's, by factory."""


def agreed(task: Task) -> Agreement:
    """Return what a worker must have in common with this process to do a task."""
    return Agreement(fingerprint(), environment(), {factory: _source(factory) for factory in task.factories})


def disagreement(expected: Agreement) -> str | None:
    """Say in which way this process differs from what is expected of it, and what mends that; None if it does not."""
    if fingerprint() != expected.code:
        return "has other code of the stages; bring its copy of the project up to date"
    here = environment()
    for name, value in expected.environment.items():
        if here.get(name) != value:
            got = here.get(name)
            return f"computes in another environment: {name} is {got!r}, expected {value!r} as where the stage runs"
    for factory, source in expected.factories.items():
        try:
            same = _source(factory) == source
        except UserError as error:
            return f"cannot use {factory!r} ({error}); bring its copy of the project up to date"
        if not same:
            return f"has other source of {factory!r}; bring its copy of your networks up to date"
    return None


def _source(factory: str) -> dict:
    from stages.networks.factory import factory_source  # torchvision takes seconds to import

    return factory_source(factory)


@lru_cache
def fingerprint() -> str:
    """Return the digest of the code of the stages."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
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
    expected: Agreement,
) -> tuple[Any, dict[str, bytes], float]:
    """Do a task on a worker, in a folder of its own; return its result, what it left in its store, and its seconds."""
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
        places = Places(kept, Path(folder) / "store", Path(folder) / "runs")
        for name, data in carried.items():
            write_bytes(Path(folder) / name, data)
        began = time.monotonic()
        result = function(places, *arguments)
        seconds = time.monotonic() - began
        made = (path for path in places.store.rglob("*") if path.is_file())
        files = {path.relative_to(places.store).as_posix(): path.read_bytes() for path in made}
    return result, {name: data for name, data in files.items() if f"store/{name}" not in carried}, seconds
