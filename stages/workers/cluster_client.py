"""The connection to a Dask cluster: its client, TLS certificates, and batch systems that start workers."""

import logging
import shlex
import socket
import ssl
from functools import lru_cache
from pathlib import Path

from stages.shared.errors import UserError
from stages.workers.fork_server import ENVIRONMENT
from stages.workers.processes import jobs

BATCH_SYSTEMS = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "sge": "SGECluster", "lsf": "LSFCluster"}
"""Classes of dask-jobqueue by the value of MLI_SCHEDULER that names them."""
CONNECT_SECONDS = 10
ENCRYPTED = ("tls", "wss")
"""Schemes of encrypted addresses."""
TLS_VARIABLE = "DASK_DISTRIBUTED__COMM__TLS__"
"""Prefix of the environment variables by which Dask names its certificates."""


@lru_cache
def client(scheduler: str):
    """Connect to a scheduler, or start one whose workers are jobs of a batch system.

    Args:
        scheduler: An address, such as tcp://host:8786 or tls://host:8786, or one of `BATCH_SYSTEMS`, which starts
            MLI_JOBS jobs with the settings of dask-jobqueue's own configuration file.

    Returns:
        The `distributed.Client`.

    Raises:
        UserError: If Dask is not installed, no scheduler answers or accepts the connection, or the name is unknown.
    """
    try:
        import distributed
    except ImportError as error:
        raise UserError(
            "MLI_SCHEDULER is set, but Dask is not installed: python -m pip install -r requirements-cluster.txt "
            "-c constraints.txt, or unset it"
        ) from error
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # errors are reported once, by `run_tasks`
    if scheduler in BATCH_SYSTEMS:
        return distributed.Client(_batch_system(scheduler))
    if "://" not in scheduler:
        raise UserError(
            f"MLI_SCHEDULER: got {scheduler!r}, expected an address (tcp://host:8786) or {', '.join(BATCH_SYSTEMS)}"
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
    """Return Dask's security settings, which Dask reads from its configuration files and environment variables.

    Args:
        scheduler: The address to connect to.

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
    except (OSError, ValueError) as error:  # `ssl.SSLError` is an OSError
        raise UserError(
            f"the certificates for {scheduler} cannot be used ({error}); set {TLS_VARIABLE}{', '.join(settings)} to "
            "files in PEM format that belong together"
        ) from error
    _shake_hands(scheduler, context)
    return security


def _shake_hands(scheduler: str, context: ssl.SSLContext) -> None:
    """Refuse a scheduler with which TLS fails; Dask's own client would report the failure or hang, by chance."""
    from distributed.comm import get_address_host_port

    try:
        plain = socket.create_connection(get_address_host_port(scheduler), CONNECT_SECONDS)
    except (OSError, ValueError):
        return  # Dask's client waits for a scheduler that is about to start
    try:
        with plain, context.wrap_socket(plain) as encrypted:
            # Dask's scheduler sends first, except over websockets; if it refuses a certificate (TLS 1.3) it closes.
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


def _batch_system(name: str):
    """Start a Dask cluster whose workers are jobs of a batch system."""
    try:
        import dask
        import dask_jobqueue

        own = dask.config.get(f"jobqueue.{name}.job-script-prologue", None) or []
        variables = ENVIRONMENT | {"PYTHONPATH": str(Path(__file__).parents[2])}
        exports = [f"export {variable}={shlex.quote(value)}" for variable, value in variables.items()]
        cluster = getattr(dask_jobqueue, BATCH_SYSTEMS[name])(
            cores=1, processes=1, job_script_prologue=[*exports, *own]
        )
    except (ImportError, ValueError) as error:
        raise UserError(f"MLI_SCHEDULER: {name} cannot be used through dask-jobqueue: {error}") from error
    cluster.scale(jobs=jobs())
    return cluster


def worker_count(scheduler: str) -> int:
    """Return the number of workers of a cluster, including those that the batch system has yet to start; at least 1."""
    if scheduler in BATCH_SYSTEMS:
        return max(jobs(), 1)
    return max(len(connected_workers(scheduler)), 1)


def connected_workers(scheduler: str) -> dict[str, int]:
    """Return the number of threads of each connected worker by its address.

    `Client.scheduler_info` is not used: its cache is empty for a moment each time the client refreshes it.
    """
    return client(scheduler).nthreads()
