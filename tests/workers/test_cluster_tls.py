"""A Dask cluster over TLS: tasks on it, and one sentence for each way in which a connection is refused."""

import datetime
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="the optional extra of requirements-cluster.txt")

import dask
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from dask_cluster import Cluster, copy_files

from stages.shared.errors import UserError
from stages.workers.cluster_client import client
from stages.workers.fill import run_tasks
from stages.workers.task import Task, TaskPaths

PREFIX = "DASK_DISTRIBUTED__COMM__TLS__"


def write_certificate(path: Path, days: int = 1) -> Path:
    """Write a key and a certificate that signs itself, both into one file, as the command in docs/clusters.md does."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "dask")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(2))
        .not_valid_after(now + datetime.timedelta(days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def settings(file: Path, **changes: str | None) -> dict[str, str | None]:
    """Return Dask's settings for a client with a file of key and certificate."""
    names = {"ca_file": "ca-file", "cert": "client.cert", "key": "client.key"}
    values = {"ca_file": str(file), "cert": str(file), "key": None} | changes
    return {f"distributed.comm.tls.{names[name]}": value for name, value in values.items()}


def variables(file: Path) -> dict[str, str]:
    """Return the same for all parts of a cluster, as environment variables."""
    names = ("CA_FILE", "SCHEDULER__CERT", "WORKER__CERT", "CLIENT__CERT")
    return {f"{PREFIX}{name}": str(file) for name in names}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("certificate") / "dask.pem")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("stranger") / "dask.pem")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, certificate) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"), protocol="tls", workers=("only",), **variables(certificate))
    yield made
    made.end()


@pytest.fixture(autouse=True)
def disconnected() -> Iterator[None]:
    yield
    client.cache_clear()


@pytest.fixture
def paths(tmp_path) -> TaskPaths:
    paths = TaskPaths(tmp_path / "dataset", tmp_path / "store")
    for path, content in ((paths.dataset, "images"), (paths.store / "ab/one", "kept")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return paths


def copied(paths: TaskPaths, scheduler: str, monkeypatch) -> list[str]:
    """Return what tasks on a cluster give, and check that their files come back."""
    monkeypatch.setenv("MLI_SCHEDULER", scheduler)
    reads = (paths.store / "ab/one",)
    done = sorted(name for name, _ in run_tasks([Task(copy_files, (name,), reads) for name in ("x", "y")], paths))
    assert (paths.store / "x").read_text() == "images kept"
    return done


def test_tasks_go_over_tls_between_all_parts(paths, cluster, certificate, monkeypatch):
    with dask.config.set(settings(certificate) | {"distributed.comm.require-encryption": True}):
        assert copied(paths, cluster.address, monkeypatch) == ["x", "y"]
        with client(cluster.address) as connected:
            assert [address.partition("://")[0] for address in connected.nthreads()] == ["tls"]


@pytest.mark.long
def test_certificates_are_set_by_environment_variables(cluster, certificate):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from stages.workers.cluster_client import worker_count; print(worker_count(sys.argv[1]))",
        ]
        + [cluster.address],
        env=os.environ | variables(certificate),
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "1", done.stderr


def refuse(scheduler: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as refused:
        client(scheduler)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ca_file": None}, f"wants certificates; set {PREFIX}CA_FILE to a file in PEM format"),
        ({"cert": None}, f"wants certificates; set {PREFIX}CLIENT__CERT to a file in PEM format"),
        ({"ca_file": "/no/such.pem"}, f"{PREFIX}CA_FILE: /no/such.pem is no file; name one in PEM format"),
        ({"cert": "/no/such.pem"}, f"{PREFIX}CLIENT__CERT: /no/such.pem is no file"),
        ({"key": "/no/such.pem"}, f"{PREFIX}CLIENT__KEY: /no/such.pem is no file"),
        ({"ca_file": __file__}, "the certificates for tls://127.0.0.1:9 cannot be used .*set .*PEM format"),
    ],
)
def test_certificates_that_are_missing_or_not_readable(certificate, changes, words):
    with dask.config.set(settings(certificate, **changes)):
        refuse("tls://127.0.0.1:9", words)


def test_encrypted_websockets_want_certificates_too():
    refuse("wss://127.0.0.1:9", f"wss://127.0.0.1:9 wants certificates; set {PREFIX}CA_FILE")


def test_a_key_of_another_certificate(certificate, stranger):
    with dask.config.set(settings(certificate, key=str(stranger))):
        refuse("tls://127.0.0.1:9", "cannot be used .*key values mismatch.* belong together")


def test_a_scheduler_that_is_not_trusted(cluster, certificate, stranger):
    with dask.config.set(settings(certificate, ca_file=str(stranger))):
        refuse(cluster.address, f"at {cluster.address} is not trusted .self-signed certificate.; set {PREFIX}CA_FILE")


def test_a_client_that_the_scheduler_does_not_trust(cluster, certificate, stranger):
    with dask.config.set(settings(stranger, ca_file=str(certificate))):
        refuse(cluster.address, f"refuses this machine's certificate; set {PREFIX}CLIENT__CERT to one that its auth")


def test_a_certificate_that_is_no_longer_valid(tmp_path):
    expired = write_certificate(tmp_path / "expired.pem", days=-1)
    cluster = Cluster(tmp_path, protocol="tls", workers=(), **variables(expired))
    try:
        with dask.config.set(settings(expired)):
            refuse(cluster.address, "is not trusted .certificate has expired.")
    finally:
        cluster.end()


def test_a_scheduler_with_tls_by_the_address_of_one_without(cluster):
    port = cluster.address.rpartition(":")[2]
    refuse(f"tcp://127.0.0.1:{port}", f"ends the connection, as a scheduler with TLS does; name it tls://.*:{port} and")


def test_a_scheduler_without_tls_by_the_address_of_one_with(tmp_path, certificate):
    cluster = Cluster(tmp_path, workers=())
    try:
        address = cluster.address.replace("tcp", "tls")
        with dask.config.set(settings(certificate)):
            refuse(address, "does not use TLS; start it with --protocol tls and certificates")
        with dask.config.set({"distributed.comm.require-encryption": True}):
            refuse(cluster.address, f"{re.escape(cluster.address)} is not encrypted, .*: name a tls:// address")
    finally:
        cluster.end()


def test_a_scheduler_with_tls_that_does_not_answer(certificate, monkeypatch):
    monkeypatch.setattr("stages.workers.cluster_client.CONNECT_SECONDS", 1)
    with dask.config.set(settings(certificate)):
        refuse("tls://127.0.0.1:9", "no scheduler answers at tls://127.0.0.1:9; start one with `dask scheduler`, or")
