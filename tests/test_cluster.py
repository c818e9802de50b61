"""Stages on a real Dask scheduler and real worker processes, over the loopback interface."""

import hashlib
import json
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
from small import HEADER

from stages.config import load
from stages.config.job import Job
from stages.download import download
from stages.interpolate import interpolate
from stages.shared.errors import UserError
from stages.shared.progress import bar
from stages.train_grid import train_grid
from stages.workers.cluster import client
from stages.workers.task_queue import Effort, TaskQueue
from stages.workers.tasks import Places, Task, room, run_tasks

pytest.importorskip("distributed", reason="the optional extra of requirements-cluster.txt")

ROOT = Path(__file__).parents[1]
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


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLI_")}
    return kept | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"} | more


def start(*arguments: str, **more: str) -> subprocess.Popen:
    """Start a part of Dask; its folder is this process's."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=environment(**more),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait(condition, seconds: float = 60):
    """Return what a condition gives once it is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return found


class Cluster:
    def __init__(
        self,
        folder: Path,
        threads: int = 1,
        protocol: str = "tcp",
        workers: tuple[str, ...] = ("first", "second"),
        **more: str,
    ) -> None:
        self.folder, self.threads, self.more = folder, threads, more
        file = folder / "scheduler.json"
        self.processes = [
            start(
                *("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"),
                *("--no-show", "--scheduler-file", str(file), "--protocol", protocol),
                **more,
            )
        ]
        wait(lambda: file.exists() and file.read_text())
        self.address = json.loads(file.read_text())["address"]
        for name in workers:
            self.add_worker(name)

    def add_worker(self, name: str) -> None:
        self.processes.append(
            start(
                *("distributed.cli.dask_worker", self.address, "--nthreads", str(self.threads), "--no-nanny"),
                *("--no-dashboard", "--name", name, "--local-directory", str(self.folder / name)),
                **self.more,
            )
        )

    def end(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


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


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


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
def places(tmp_path) -> Places:
    dataset = tmp_path / "dataset"
    dataset.write_bytes(b"images")
    return Places(dataset, tmp_path / "store", tmp_path / "runs")


def test_a_task_finds_what_it_reads_and_its_files_come_back(places, lasting, monkeypatch):
    monkeypatch.setenv("MLI_SCHEDULER", lasting.address)
    for folder, content in (("store", "kept"), ("runs", "weights")):
        (places.dataset.parent / folder / "ab").mkdir(parents=True)
        (places.dataset.parent / folder / "ab" / "one").write_text(content)
    reads = (places.store / "ab" / "one", places.runs / "ab" / "one", places.store / "ab" / "missing")
    done = list(run_tasks(copy_files, places, [Task((name,), reads) for name in ("x", "y")]))
    assert sorted(done) == [("x", ["ab/one"]), ("y", ["ab/one"])]
    assert (places.store / "x").read_text() == "images kept weights"
    assert stat.S_IMODE((places.store / "x").stat().st_mode) == 0o444
    assert (places.store / "ab" / "one").read_text() == "kept"
    client(lasting.address).wait_for_workers(2, timeout=60)
    assert room() == 2


def test_workers_are_counted_while_the_client_refreshes_what_it_knows(lasting, monkeypatch):
    import dask

    monkeypatch.setenv("MLI_SCHEDULER", lasting.address)
    with dask.config.set({"distributed.client.scheduler-info-interval": "1ms"}):
        client(lasting.address).wait_for_workers(2, timeout=60)
        assert {room() for _ in range(300)} == {2}


def copy_files(places: Places, name: str) -> tuple[str, list[str]]:
    """A task: put together what it finds."""
    found = sorted(path.relative_to(places.store).as_posix() for path in places.store.rglob("*") if path.is_file())
    parts = [places.dataset, places.store / "ab" / "one", places.runs / "ab" / "one"]
    (places.store / name).write_text(" ".join(path.read_text() for path in parts))
    return name, found


def nap(places: Places, number: int) -> int:
    time.sleep(0.05)
    return number


def test_with_a_limit_the_scheduler_gets_no_task_that_cannot_end_in_time(places, lasting, monkeypatch):
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
            run_tasks(nap, places, [Task((n,), effort=Effort(1, cost)) for n, cost in enumerate(costs)], shown)
        )
    assert sorted(found) == [0, 1, 3, 5]
    assert max(under_way) == 2
    assert shown.n == 4


def refuse(places: Places, name: str) -> None:
    raise UserError(f"{name} is wrong; mend it")


def die_at_first(places: Places, mark: str) -> str:
    """A task: kill its worker unless a file says that this was done."""
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return mark


def test_what_a_killed_worker_was_at_is_done_by_another(places, lasting, tmp_path, monkeypatch):
    monkeypatch.setenv("MLI_SCHEDULER", lasting.address)
    client(lasting.address).wait_for_workers(2, timeout=60)
    (tmp_path / "harmless").touch()
    marks = sorted(str(tmp_path / name) for name in ("deadly", "harmless"))
    try:
        assert sorted(run_tasks(die_at_first, places, [Task((mark,)) for mark in marks])) == marks
        assert room() == 1
    finally:
        lasting.add_worker("third")


def test_what_a_worker_refuses_reaches_the_user_as_it_is(places, lasting, monkeypatch):
    monkeypatch.setenv("MLI_SCHEDULER", lasting.address)
    with pytest.raises(UserError, match=r"^x is wrong; mend it$"):
        list(run_tasks(refuse, places, [Task(("x",))]))


@pytest.mark.long
def test_a_worker_of_two_threads_is_refused(places, tmp_path, monkeypatch):
    (tmp_path / "two").mkdir()
    cluster = Cluster(tmp_path / "two", threads=2)
    try:
        monkeypatch.setenv("MLI_SCHEDULER", cluster.address)
        with pytest.raises(UserError, match="2 threads; start it with --nthreads 1"):
            list(run_tasks(refuse, places, [Task(("x",))]))
    finally:
        cluster.end()


def test_a_worker_with_other_code_is_refused(places, lasting, monkeypatch):
    monkeypatch.setenv("MLI_SCHEDULER", lasting.address)
    monkeypatch.setattr("stages.workers.cluster.fingerprint", lambda: "another")
    with pytest.raises(UserError, match="has other code of the stages"):
        list(run_tasks(refuse, places, [Task(("x",))]))


@pytest.mark.parametrize("scheduler", ["slrum", "127.0.0.1:8786"])
def test_a_scheduler_that_is_none(places, monkeypatch, scheduler):
    monkeypatch.setenv("MLI_SCHEDULER", scheduler)
    with pytest.raises(UserError, match=f"MLI_SCHEDULER: got '{scheduler}', expected an address"):
        list(run_tasks(refuse, places, [Task(("x",))]))


def test_a_scheduler_without_the_project(places, tmp_path, monkeypatch):
    (tmp_path / "bare").mkdir()
    cluster = Cluster(tmp_path / "bare", workers=("only",), PYTHONPATH="")
    try:
        monkeypatch.setenv("MLI_SCHEDULER", cluster.address)
        with pytest.raises(UserError, match=r"cannot import this project: start .* in a copy of it"):
            list(run_tasks(refuse, places, [Task(("x",))]))
    finally:
        cluster.end()


def test_a_scheduler_that_does_not_answer(places, monkeypatch):
    monkeypatch.setenv("MLI_SCHEDULER", "tcp://127.0.0.1:9")
    monkeypatch.setattr("stages.workers.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(UserError, match="no scheduler answers at tcp://127.0.0.1:9; start one"):
        list(run_tasks(refuse, places, [Task(("x",))]))


def test_dask_that_is_not_installed(places, monkeypatch):
    monkeypatch.setenv("MLI_SCHEDULER", "tcp://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match="requirements-cluster.txt"):
        list(run_tasks(refuse, places, [Task(("x",))]))
