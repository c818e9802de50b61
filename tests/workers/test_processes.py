import gc
import multiprocessing
import os
import signal
import threading
import time
from functools import partial
from multiprocessing import forkserver
from pathlib import Path

import pytest
import torch

from stages.shared.device import device
from stages.shared.errors import UserError
from stages.shared.progress import bar
from stages.workers import fork_server
from stages.workers.fill import run_tasks
from stages.workers.fork_server import ENVIRONMENT
from stages.workers.processes import jobs, run_calls
from stages.workers.progress_report import report_progress
from stages.workers.task import Task, TaskPaths, Workload
from stages.workers.task_queue import TaskQueue


def square(number: int) -> tuple[int, int, int, dict, bool]:
    environment = {name: os.environ.get(name) for name in ENVIRONMENT}
    return number * number, os.getpid(), torch.get_num_threads(), environment, gc.isenabled()


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(_: int) -> None:
    raise UserError("digits.safetensors is damaged; delete it")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("MLI_JOBS", "MLI_DEVICE", "MLI_TIME", "MLI_SCHEDULER", *ENVIRONMENT):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module", autouse=True)
def own_server():
    """End the server of other files' tests in this process: it may lack PyTorch, which each fork then imports."""
    forkserver._forkserver._stop()


@pytest.fixture(params=["forked", pytest.param("spawned", marks=pytest.mark.long)])
def workers(request, monkeypatch, plain_environment):
    """Have workers forked from a server, which lives as long as this process, or spawned."""
    monkeypatch.setattr(fork_server, "_started", False)
    if request.param == "forked":
        fork_server.start("torch")
    assert fork_server.context().get_start_method() == {"forked": "forkserver", "spawned": "spawn"}[request.param]
    return request.param


@pytest.fixture
def forked(monkeypatch, plain_environment):
    """Have workers forked from a server."""
    monkeypatch.setattr(fork_server, "_started", False)
    fork_server.start("torch")


@pytest.mark.parametrize("workers", ["forked", "spawned"], indirect=True)
def test_tasks_are_done_in_processes_of_one_thread(monkeypatch, workers):
    monkeypatch.setenv("MLI_JOBS", "2" if workers == "forked" else "1")  # a spawned one imports PyTorch first
    before = dict(os.environ)
    found = list(run_calls([partial(square, n) for n in range(6)]))
    assert sorted(value for value, *_ in found) == [0, 1, 4, 9, 16, 25]
    assert os.getpid() not in {pid for _, pid, *_ in found}
    assert all(rest == [1, ENVIRONMENT, True] for _, _, *rest in found)
    assert dict(os.environ) == before


def test_no_task_starts_no_process(monkeypatch):
    monkeypatch.setenv("MLI_JOBS", "2")
    assert list(run_calls([])) == []


def test_a_killed_worker_is_one_sentence(monkeypatch, workers):
    monkeypatch.setenv("MLI_JOBS", "1")
    with pytest.raises(UserError, match="worker process was killed.*kept"):
        list(run_calls([partial(die, 0)]))


def test_what_a_worker_refuses_reaches_the_user_as_it_is(monkeypatch, workers):
    monkeypatch.setenv("MLI_JOBS", "1")
    with pytest.raises(UserError, match=r"^digits.safetensors is damaged; delete it$"):
        list(run_calls([partial(refuse, n) for n in (0, 1)]))


@pytest.mark.parametrize("text", ["two", "-1", "1.5"])
def test_a_number_of_jobs_that_is_none(monkeypatch, text):
    monkeypatch.setenv("MLI_JOBS", text)
    with pytest.raises(UserError, match=f"MLI_JOBS: got '{text}'"):
        jobs()


def test_one_job_a_core():
    assert jobs() == (1 if torch.cuda.is_available() else len(os.sched_getaffinity(0)))


def test_an_unknown_device(monkeypatch):
    monkeypatch.setenv("MLI_DEVICE", "tpu")
    with pytest.raises(UserError, match="MLI_DEVICE: got 'tpu'"):
        device()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_device_that_is_not_there(monkeypatch):
    monkeypatch.setenv("MLI_DEVICE", "cuda")
    with pytest.raises(UserError, match="no usable GPU"):
        device()
    monkeypatch.delenv("MLI_DEVICE")
    assert device() == torch.device("cpu")


def sleep_or_refuse(number: int) -> None:
    if number == 0:
        raise UserError("the disk is full")
    time.sleep(300)


def test_a_fault_does_not_wait_for_what_is_under_way(monkeypatch, workers):
    monkeypatch.setenv("MLI_JOBS", "2")
    started = time.monotonic()
    with pytest.raises(UserError, match="the disk is full"):
        list(run_calls([partial(sleep_or_refuse, n) for n in (1, 0, 2, 3)]))
    assert time.monotonic() - started < 60


def report_and_wait(_: TaskPaths, folder: Path, number: int) -> int:
    """A task: report half, and end once the file that allows it is there."""
    report_progress(0.5)
    last = time.monotonic() + 20
    while not (folder / f"end-{number}").exists():
        assert time.monotonic() < last, "waited in vain"
        time.sleep(0.01)
    return number


class EndsTasks:
    """Allows the tasks to end, one after the other, once the bar has shown that both are half done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen = []

    def __call__(self, done: float) -> None:
        self.seen.append(done)
        if done == 6:  # 2 units were there before, and half of 2 and of 6 are done
            (self.folder / "end-0").touch()
        if done == 7:
            (self.folder / "end-1").touch()


def test_a_bar_counts_shares_of_tasks_under_way(monkeypatch, workers, tmp_path):
    monkeypatch.setenv("MLI_JOBS", "2")
    work = [Task(report_and_wait, (tmp_path, number), workload=Workload(units)) for number, units in enumerate((2, 6))]
    watcher = EndsTasks(tmp_path)
    with bar("train_grid toy", "run", 10, 2) as shown:
        reach = shown.reach
        monkeypatch.setattr(shown, "reach", lambda done: [reach(done), watcher(shown.n)])
        assert list(run_tasks(work, TaskPaths(tmp_path, tmp_path), shown)) == [0, 1]
        assert shown.n == 10
        assert "10/10" in str(shown)
    assert watcher.seen == sorted(watcher.seen)
    assert {6, 7} <= set(watcher.seen)


def test_a_bar_counts_shares_of_a_task_of_this_process(monkeypatch, tmp_path):
    monkeypatch.setenv("MLI_JOBS", "0")
    (tmp_path / "end-0").touch()
    seen = []
    with bar("train_grid toy", "run", 5, 1) as shown:
        reach = shown.reach
        monkeypatch.setattr(shown, "reach", lambda done: [reach(done), seen.append(shown.n)])
        work = [Task(report_and_wait, (tmp_path, 0), workload=Workload(4))]
        assert list(run_tasks(work, TaskPaths(tmp_path, tmp_path), shown)) == [0]
    assert seen[0] == 3
    assert seen[-1] == 5


def half_then_die(_: TaskPaths) -> None:
    report_progress(0.5)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed_after_a_report_leaves_nothing(monkeypatch, forked, tmp_path):
    monkeypatch.setenv("MLI_JOBS", "2")
    threads = threading.active_count()
    with pytest.raises(UserError, match="worker process was killed"):
        list(run_tasks([Task(half_then_die, ())] * 3, TaskPaths(tmp_path, tmp_path)))
    assert not multiprocessing.active_children()
    assert threading.active_count() == threads


def nap(number: int) -> int:
    time.sleep(0.05)
    return number


@pytest.mark.parametrize("jobs_text", ["0", "1", "2"])
def test_with_a_limit_no_more_tasks_begin_than_workers_are_free(monkeypatch, forked, jobs_text):
    monkeypatch.setenv("MLI_JOBS", jobs_text)
    queue = TaskQueue([Workload()] * 5, limit=1e6)
    most, take = [], queue.take

    def counted() -> int | None:
        task = take()
        most.append(len(queue.under_way))
        return task

    monkeypatch.setattr(queue, "take", counted)
    assert sorted(run_calls([partial(nap, n) for n in range(5)], queue)) == list(range(5))
    assert max(most) == max(int(jobs_text), 1)


@pytest.mark.parametrize("jobs_text", ["0", "1"])
def test_a_limit_ends_with_what_is_finished_and_says_what_is_left(monkeypatch, forked, tmp_path, jobs_text):
    monkeypatch.setenv("MLI_JOBS", jobs_text)
    monkeypatch.setenv("MLI_TIME", "1000")
    monkeypatch.setattr("stages.workers.task_queue.STARTED", time.monotonic())
    # After 0.05 s for a cost of 1 no task of cost 10^6 can end in 1000 s; the last one can.
    work = [Task(nap_in, (n,), workload=Workload(2, cost)) for n, cost in enumerate((1.0, 1e6, 1e6, 1.0))]
    found = []
    told = r"^train_grid toy: 5 of 9 runs are done and kept, 4 are left.*run the same"
    with bar("train_grid toy", "run", 9, 1) as shown, pytest.raises(UserError, match=told):
        found.extend(run_tasks(work, TaskPaths(tmp_path, tmp_path), shown))
    assert found == [0, 3]
    monkeypatch.setattr("stages.workers.task_queue.STARTED", time.monotonic() - 1001)
    with pytest.raises(UserError, match=r"^0 of 4 tasks are done .* MLI_TIME=1000 s; run again with more time$"):
        list(run_tasks([Task(nap_in, (n,)) for n in range(4)], TaskPaths(tmp_path, tmp_path)))
    assert list(run_tasks([], TaskPaths(tmp_path, tmp_path))) == []


def nap_in(_: TaskPaths, number: int) -> int:
    return nap(number)
