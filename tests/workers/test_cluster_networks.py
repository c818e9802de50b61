"""Networks and weights of the user's on a Dask cluster: what has to agree, and what travels with a task."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from dask_cluster import Cluster, contents
from small import HEADER
from test_cluster import disconnected  # noqa: F401 (a fixture)

from stages.config import BatchNormStatistics, Run, load
from stages.config.job import Job
from stages.download import download
from stages.interpolate import interpolate
from stages.networks.user_factory import call_factory
from stages.shared.environment import environment
from stages.shared.errors import UserError
from stages.train_grid import train_grid
from stages.training.train_task import train_task
from stages.workers.fill import run_tasks
from stages.workers.task import Task, TaskPaths

pytest.importorskip("distributed", reason="the optional extra of requirements-cluster.txt")

FACTORY = "tools.digests:users_network"
PARAMS = f"""{HEADER}claims: {{}}
plot: {{}}
suites:
  own:
    dataset: digits
    threshold: 5.0
    tolerance: 0.0
    gauss_examples: 4
    path_examples: 0
    lines: {{}}
    planes: {{}}
    runs: {{network: custom, factory: "{FACTORY}", batch_norm: true, loss: cross_entropy, optimizer: sgd, lr: 0.1,
           epochs: 1, batch_size: 64, seed: 0}}
    grids:
      read: {{weights: [[a.pt, b.pt]]}}
      trained: {{weights: [null]}}
"""


@pytest.fixture(scope="module")
def lasting(tmp_path_factory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("lasting"), workers=("only",))
    yield made
    made.end()


@pytest.fixture
def task(tmp_path) -> tuple[TaskPaths, Task]:
    dataset = tmp_path / "dataset"
    dataset.write_bytes(b"images")
    return TaskPaths(dataset, tmp_path / "store"), Task(nothing, (), factories=(FACTORY,))


def nothing(paths: TaskPaths) -> int:
    return 1


def test_runs_and_lines_of_the_users_networks_are_the_same_bytes_as_here(tmp_path, lasting, monkeypatch):
    (tmp_path / "params.yaml").write_text(PARAMS, encoding="utf-8")
    for seed, name in enumerate("ab"):
        torch.manual_seed(seed)
        torch.save(call_factory(FACTORY).state_dict(), tmp_path / f"{name}.pt")
    monkeypatch.chdir(tmp_path)  # the weights are named from here; workers work elsewhere and have no such files
    for folder, scheduler in (("here", ""), ("there", lasting.address)):
        job = Job(load(Path("params.yaml")), "own", Path(folder), Path("reports"))
        monkeypatch.setenv("MLI_STORE", str(tmp_path / folder / "cells"))
        monkeypatch.setenv("MLI_JOBS", "0")
        monkeypatch.setenv("MLI_SCHEDULER", scheduler)
        download(Job(job.params, "digits", job.data, job.reports))
        train_grid(job)
        interpolate(job)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_a_worker_with_other_source_of_the_users_network_is_refused(task, lasting, monkeypatch):
    monkeypatch.setenv("MLI_SCHEDULER", lasting.address)
    assert list(run_tasks([task[1]], task[0])) == [1]
    monkeypatch.setattr(
        "stages.workers.agreement.factory_source", lambda factory: {"source": "another", "packages": {}}
    )
    with pytest.raises(UserError, match=f"has other source of '{FACTORY}'; bring its copy of your networks up to date"):
        list(run_tasks([task[1]], task[0]))


def test_a_worker_without_the_users_network_is_refused(task, lasting, monkeypatch):
    monkeypatch.setenv("MLI_SCHEDULER", lasting.address)
    monkeypatch.setattr("stages.workers.agreement.factory_source", lambda factory: {})
    with pytest.raises(UserError, match="cannot use 'not.there:network' .*cannot import"):
        list(run_tasks([Task(nothing, (), factories=("not.there:network",))], task[0]))


def test_a_worker_in_another_environment_is_refused(task, lasting, monkeypatch):
    monkeypatch.setenv("MLI_SCHEDULER", lasting.address)
    monkeypatch.setattr("stages.workers.agreement.environment", lambda: environment() | {"device": "a card"})
    with pytest.raises(UserError, match="computes in another environment: device is 'cpu', expected 'a card'"):
        list(run_tasks([task[1]], task[0]))


def test_a_run_with_weights_is_never_trained(tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text(PARAMS, encoding="utf-8")
    job = Job(load(tmp_path / "params.yaml"), "digits", tmp_path / "data", tmp_path / "reports")
    download(job)
    run: Run = next(run for run in job.params.runs("own") if run.weights)
    paths = TaskPaths(job.dataset_file("digits"), tmp_path / "store")
    settings: BatchNormStatistics = job.params.interpolate.batch_norm
    with pytest.raises(UserError, match=r"the run whose weights are b\.pt was trained elsewhere and is never trained"):
        train_task(paths, [("0" * 12, run)], settings)
    assert not paths.store.exists()
