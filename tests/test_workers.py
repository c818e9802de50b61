import gc
import os
import signal
import time

import pytest
import torch

from stages.errors import UserError
from stages.workers import server
from stages.workers.device import device
from stages.workers.local import jobs, run_tasks
from stages.workers.server import ENVIRONMENT


def square(number: int) -> tuple[int, int, int, dict, bool]:
    environment = {name: os.environ.get(name) for name in ENVIRONMENT}
    return number * number, os.getpid(), torch.get_num_threads(), environment, gc.isenabled()


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(_: int) -> None:
    raise UserError("digits.safetensors is damaged; delete it")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("MLI_JOBS", "MLI_DEVICE", *ENVIRONMENT):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["forked", "spawned"])
def workers(request, monkeypatch, plain_environment):
    """Have workers forked from a server, which lives as long as this process, or spawned."""
    monkeypatch.setattr(server, "_started", False)
    if request.param == "forked":
        server.start("torch")
    assert server.context().get_start_method() == {"forked": "forkserver", "spawned": "spawn"}[request.param]
    return request.param


def test_tasks_are_done_in_processes_of_one_thread(monkeypatch, workers):
    monkeypatch.setenv("MLI_JOBS", "2")
    before = dict(os.environ)
    found = list(run_tasks(square, [(n,) for n in range(6)]))
    assert sorted(value for value, *_ in found) == [0, 1, 4, 9, 16, 25]
    assert os.getpid() not in {pid for _, pid, *_ in found}
    assert all(rest == [1, ENVIRONMENT, True] for _, _, *rest in found)
    assert dict(os.environ) == before


def test_no_task_starts_no_process(monkeypatch):
    monkeypatch.setenv("MLI_JOBS", "2")
    assert list(run_tasks(die, [])) == []


def test_a_killed_worker_is_one_sentence(monkeypatch, workers):
    monkeypatch.setenv("MLI_JOBS", "1")
    with pytest.raises(UserError, match="worker process was killed.*kept"):
        list(run_tasks(die, [(0,)]))


def test_what_a_worker_refuses_reaches_the_user_as_it_is(monkeypatch, workers):
    monkeypatch.setenv("MLI_JOBS", "1")
    with pytest.raises(UserError, match=r"^digits.safetensors is damaged; delete it$"):
        list(run_tasks(refuse, [(0,), (1,)]))


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
        list(run_tasks(sleep_or_refuse, [(1,), (0,), (2,), (3,)]))
    assert time.monotonic() - started < 60
