"""Stages on a real Dask scheduler and real worker processes, over the loopback interface."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dask_cluster import Cluster, contents, copy_files, environment, wait
from small import HEADER

from stages.config import load
from stages.config.job import Job
from stages.download import download
from stages.interpolate import interpolate
from stages.shared.errors import UserError
from stages.shared.progress import bar
from stages.train_grid import train_grid
from stages.workers.cluster_client import client
from stages.workers.fill import run_tasks, worker_count
from stages.workers.task import Task, TaskPaths, Workload
from stages.workers.task_queue import TaskQueue

pytest.importorskip("distributed", reason="the optional extra of requirements-cluster.txt")

PARAMS = (
    HEADER
    + """claims: {}
plot: {}
suites:
  tiny:
    dataset: digits
    threshold: 0.5
    tolerance: 0.001
    gauss_examples: 8
    path_examples: 2
    lines:
      matched: {kind: pairs, start: final, end: final, matching: weights, among: {hidden: [[9]], batch_norm: [true]}}
      permuted: {kind: permuted, point: final, count: 1, among: {hidden: [[8]]}}
    planes:
      one:
        points:
          start: {point: initial, among: &here {hidden: [[9]], batch_norm: [true], optimizer: [sgd], lr: [0.1]}}
          end: {point: final, among: *here}
          other: {point: final, among: {hidden: [[9]], batch_norm: [true], optimizer: [adam], lr: [0.1]}}
        grid: 3
        margin: 0.1
    runs: {network: mlp, loss: cross_entropy, activation: tanh, epochs: 12, batch_size: 32, seed: 0, snapshots: [4]}
    grids:
      main: {hidden: [[8], [9], [7, 7]], batch_norm: [true, false], optimizer: [sgd, adam], lr: [0.01, 0.1]}
"""
)


@pytest.fixture(autouse=True)
def disconnected(monkeypatch) -> Iterator[None]:
    """Leave the scheduler that a test of this process was connected to."""
    yield
    if client.cache_info().currsize:
        client(os.environ["MLI_SCHEDULER"]).close()
        client.cache_clear()


@pytest.fixture
def cluster(tmp_path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    yield made
    made.end()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory) -> Iterator[Cluster]:
    """A cluster for all tests that leave it as it was."""
    made = Cluster(tmp_path_factory.mktemp("lasting"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A project whose suite was trained and walked by processes of this machine, into the folder `here`."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "params.yaml").write_text(PARAMS)
    job = Job(load(folder / "params.yaml"), "tiny", folder / "here", folder / "reports")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLI_JOBS", "1")
        patch.setenv("MLI_STORE", str(folder / "here" / "cells"))
        download(replace(job, name="digits"))
        train_grid(job)
        interpolate(job)
    return folder


@pytest.fixture
def there(project) -> Iterator[Path]:
    """A folder of data with the dataset only."""
    shutil.copytree(project / "here" / "datasets", project / "there" / "datasets")
    yield project / "there"
    shutil.rmtree(project / "there")


def stage(project: Path, data: str, name: str, **more: str) -> subprocess.Popen:
    of = ("--dataset", "digits") if name == "download" else ("--suite", "tiny")
    return subprocess.Popen(
        [sys.executable, "-m", f"stages.{name}", *of, "--data", data],
        cwd=project,
        env=environment(MLI_STORE=f"{data}/cells", **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen) -> str:
    out = process.communicate(timeout=120)[0]
    assert process.returncode == 0, out[-3000:]
    return out


@pytest.mark.long
def test_a_worker_killed_in_the_middle_costs_its_task_and_no_byte(project, there, cluster):
    from distributed import Client

    with Client(cluster.address) as watcher:
        watcher.wait_for_workers(2, timeout=60)
        first, pid = next(iter(watcher.run(os.getpid).items()))
        training = stage(project, "there", "train_grid", MLI_SCHEDULER=cluster.address)
        wait(lambda: any("_execute" in key for key in watcher.processing([first])[first]))
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        out = finish(training)
        assert len(watcher.nthreads()) == 1
    assert "24 runs, 0 reused, 24 trained" in out
    assert "100%" in out
    finish(stage(project, "there", "interpolate", MLI_SCHEDULER=cluster.address))
    here = contents(project / "here")
    assert len(here) > 3 * 24
    assert contents(there) == here


@pytest.mark.long
def test_a_scheduler_that_is_lost_is_one_sentence(project, there, cluster):
    from distributed import Client

    with Client(cluster.address) as watcher:
        watcher.wait_for_workers(2, timeout=60)
        training = stage(project, "there", "train_grid", MLI_SCHEDULER=cluster.address)
        wait(lambda: any("_execute" in key for keys in watcher.processing().values() for key in keys))
    cluster.processes[0].kill()
    out = training.communicate(timeout=60)[0]
    assert training.returncode == 1
    assert "Traceback" not in out
    assert f"error: the scheduler {cluster.address} was lost; what was finished is kept" in out


@pytest.mark.long
def test_what_is_in_the_store_is_not_done_again(project, there, cluster):
    shutil.copytree(project / "here" / "cells", there / "cells")
    evaluations = sorted((there / "cells" / "evaluations").rglob("*.safetensors"))
    for path in evaluations[:5]:
        path.unlink()  # their runs travel to the workers
    out = finish(stage(project, "there", "train_grid", MLI_SCHEDULER=cluster.address))
    assert "24 reused, 0 trained" in out
    assert contents(there / "cells") == contents(project / "here" / "cells")


@pytest.mark.long
def test_a_batch_system_starts_the_workers(project, there, tmp_path):
    """`slurm` by dask-jobqueue: a stand-in for `sbatch` runs the job script as a process."""
    pytest.importorskip("dask_jobqueue")
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "sbatch").write_text(
        f'#!/bin/sh\njob=$(mktemp -p {tmp_path})\ncp "$1" $job\nsetsid bash $job >$job.log 2>&1 &\n'
        'echo "Submitted batch job $!"\n'
    )
    (commands / "scancel").write_text('#!/bin/sh\nkill -- "-$1"\n')
    for command in commands.iterdir():
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
    more = {
        "MLI_SCHEDULER": "slurm",
        "MLI_JOBS": "2",
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "DASK_JOBQUEUE__SLURM__MEMORY": "2GB",
        "DASK_JOBQUEUE__SLURM__INTERFACE": "lo",
        "DASK_JOBQUEUE__SLURM__LOCAL_DIRECTORY": str(tmp_path / "scratch"),
    }
    finish(stage(project, "there", "train_grid", **more))
    for folder in ("runs", "training"):
        assert contents(there / folder) == contents(project / "here" / folder)


@pytest.fixture
def paths(tmp_path) -> TaskPaths:
    dataset = tmp_path / "dataset"
    dataset.write_bytes(b"images")
    return TaskPaths(dataset, tmp_path / "store")


def test_a_task_finds_what_it_reads_and_its_files_come_back(paths, lasting, monkeypatch):
    monkeypatch.setenv("MLI_SCHEDULER", lasting.address)
    (paths.store / "ab").mkdir(parents=True)
    (paths.store / "ab" / "one").write_text("kept")
    reads = (paths.store / "ab" / "one", paths.store / "ab" / "missing")
    done = list(run_tasks([Task(copy_files, (name,), reads) for name in ("x", "y")], paths))
    assert sorted(done) == [("x", ["ab/one"]), ("y", ["ab/one"])]
    assert (paths.store / "x").read_text() == "images kept"
    assert stat.S_IMODE((paths.store / "x").stat().st_mode) == 0o444
    assert (paths.store / "ab" / "one").read_text() == "kept"
    client(lasting.address).wait_for_workers(2, timeout=60)
    assert worker_count() == 2


def test_workers_are_counted_while_the_client_refreshes_what_it_knows(lasting, monkeypatch):
    import dask

    monkeypatch.setenv("MLI_SCHEDULER", lasting.address)
    with dask.config.set({"distributed.client.scheduler-info-interval": "1ms"}):
        client(lasting.address).wait_for_workers(2, timeout=60)
        assert {worker_count() for _ in range(300)} == {2}


def nap(paths: TaskPaths, number: int) -> int:
    time.sleep(0.05)
    return number


def test_with_a_limit_the_scheduler_gets_no_task_that_cannot_end_in_time(paths, lasting, monkeypatch):
    monkeypatch.setenv("MLI_SCHEDULER", lasting.address)
    monkeypatch.setenv("MLI_TIME", "1000")
    monkeypatch.setattr("stages.workers.task_queue.STARTED", time.monotonic())
    connected = client(lasting.address)
    connected.wait_for_workers(2, timeout=60)
    under_way, take = [], TaskQueue.take

    def counted(queue: TaskQueue) -> int | None:
        task = take(queue)
        under_way.append(len(queue.under_way))
        return task

    monkeypatch.setattr(TaskQueue, "take", counted)
    costs = (1.0, 1.0, 1e6, 1.0, 1e6, 1.0)
    found = []
    with (
        bar("toy", "run", 6) as shown,
        pytest.raises(UserError, match="^toy: 4 of 6 runs are done and kept, 2 are left"),
    ):
        found.extend(
            run_tasks([Task(nap, (n,), workload=Workload(1, cost)) for n, cost in enumerate(costs)], paths, shown)
        )
    assert sorted(found) == [0, 1, 3, 5]
    assert max(under_way) == 2
    assert shown.n == 4


def refuse(paths: TaskPaths, name: str) -> None:
    raise UserError(f"{name} is wrong; mend it")


def die_at_first(paths: TaskPaths, mark: str) -> str:
    """A task: kill its worker unless a file says that this was done."""
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return mark


def test_what_a_killed_worker_was_at_is_done_by_another(paths, lasting, tmp_path, monkeypatch):
    monkeypatch.setenv("MLI_SCHEDULER", lasting.address)
    client(lasting.address).wait_for_workers(2, timeout=60)
    (tmp_path / "harmless").touch()
    marks = sorted(str(tmp_path / name) for name in ("deadly", "harmless"))
    try:
        assert sorted(run_tasks([Task(die_at_first, (mark,)) for mark in marks], paths)) == marks
        assert worker_count() == 1
    finally:
        lasting.add_worker("third")


def test_what_a_worker_refuses_reaches_the_user_as_it_is(paths, lasting, monkeypatch):
    monkeypatch.setenv("MLI_SCHEDULER", lasting.address)
    with pytest.raises(UserError, match=r"^x is wrong; mend it$"):
        list(run_tasks([Task(refuse, ("x",))], paths))


@pytest.mark.long
def test_a_worker_of_two_threads_is_refused(paths, tmp_path, monkeypatch):
    (tmp_path / "two").mkdir()
    cluster = Cluster(tmp_path / "two", threads=2)
    try:
        monkeypatch.setenv("MLI_SCHEDULER", cluster.address)
        with pytest.raises(UserError, match="2 threads; start it with --nthreads 1"):
            list(run_tasks([Task(refuse, ("x",))], paths))
    finally:
        cluster.end()


def test_a_worker_with_other_code_is_refused(paths, lasting, monkeypatch):
    monkeypatch.setenv("MLI_SCHEDULER", lasting.address)
    monkeypatch.setattr("stages.workers.agreement.fingerprint", lambda: "another")
    with pytest.raises(UserError, match="has other code of the stages"):
        list(run_tasks([Task(refuse, ("x",))], paths))


@pytest.mark.parametrize("scheduler", ["slrum", "127.0.0.1:8786"])
def test_a_scheduler_that_is_none(paths, monkeypatch, scheduler):
    monkeypatch.setenv("MLI_SCHEDULER", scheduler)
    with pytest.raises(UserError, match=f"MLI_SCHEDULER: got '{scheduler}', expected an address"):
        list(run_tasks([Task(refuse, ("x",))], paths))


def test_a_scheduler_without_the_project(paths, tmp_path, monkeypatch):
    (tmp_path / "bare").mkdir()
    cluster = Cluster(tmp_path / "bare", workers=("only",), PYTHONPATH="")
    try:
        monkeypatch.setenv("MLI_SCHEDULER", cluster.address)
        with pytest.raises(UserError, match=r"cannot import this project: start .* in a copy of it"):
            list(run_tasks([Task(refuse, ("x",))], paths))
    finally:
        cluster.end()


def test_a_scheduler_that_does_not_answer(paths, monkeypatch):
    monkeypatch.setenv("MLI_SCHEDULER", "tcp://127.0.0.1:9")
    monkeypatch.setattr("stages.workers.cluster_client.CONNECT_SECONDS", 1)
    with pytest.raises(UserError, match="no scheduler answers at tcp://127.0.0.1:9; start one"):
        list(run_tasks([Task(refuse, ("x",))], paths))


def test_dask_that_is_not_installed(paths, monkeypatch):
    monkeypatch.setenv("MLI_SCHEDULER", "tcp://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match="requirements-cluster.txt"):
        list(run_tasks([Task(refuse, ("x",))], paths))
