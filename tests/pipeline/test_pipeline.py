"""The pipeline as DVC runs it, on a grid of a few seconds: what is cached, what survives, what an experiment sees."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from documents import commands
from dvc_commands import commit, dvc, run, started
from small import HEADER
from small_project import ROOT, Project, new_project

from stages.claims.finding import Verdict

PARAMS = (
    HEADER
    + """claims: {adaptive_optimizers_break_monotonicity: [tiny]}
plot: {figure_05: [tiny], figure_07: [tiny], figure_11: [tiny], figure_18: [tiny], table_1: [tiny]}
suites:
  tiny:
    dataset: digits
    threshold: 0.5
    tolerance: 0.001
    gauss_examples: 8
    path_examples: 0
    lines: {}
    planes: {}
    runs: {network: mlp, loss: cross_entropy, activation: tanh, epochs: 20, batch_size: 32, seed: 0, train_size: 600}
    grids:
      main: {hidden: [[8], [9], [7, 7]], batch_norm: [true, false], optimizer: [sgd, adam], lr: [0.01, 0.1]}
  another:
    dataset: digits
    threshold: 50.0
    tolerance: 0.0
    gauss_examples: 8
    path_examples: 0
    lines: {}
    planes: {}
    runs: {network: autoencoder, loss: squared_error, activation: relu, epochs: 1, batch_size: 128, seed: 0}
    grids:
      main: {hidden: [[4, 2, 4]], optimizer: [sgd, adam], lr: [0.01]}
"""
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    project = new_project(tmp_path_factory.mktemp("finished") / "project", PARAMS).folder
    dvc(project, "repro")
    commit(project)
    return project


@pytest.mark.long
def test_a_second_repro_has_nothing_to_do(finished):
    assert started(dvc(finished, "repro")) == ["inputs"]
    assert run(finished, "git", "status", "--porcelain") == ""


@pytest.mark.long
def test_weights_that_are_gone_are_trained_again_before_new_lines(finished, tmp_path):
    project = Project(finished).copy(tmp_path / "emptied")
    shutil.rmtree(project.folder / ".cells")
    lock = (project.folder / "dvc.lock").read_bytes()
    assert started(dvc(project.folder, "repro")) == ["inputs"]  # whose results are all there
    project.edit("levels: 1", "levels: 2")
    done = project.dvc("repro", "interpolate@another")
    assert done.returncode != 0
    assert "is missing, the weights of a run of suite another; run stage train_grid" in done.stdout + done.stderr
    again = dvc(project.folder, "repro", "--force", "--single-item", "train_grid@another")
    assert "train_grid another: 2 runs, 0 reused, 2 trained" in again
    assert started(dvc(project.folder, "repro", "interpolate@another")) == ["inputs", "interpolate@another"]
    project.edit("levels: 2", "levels: 1")
    dvc(project.folder, "repro", "interpolate@another")
    assert (project.folder / "dvc.lock").read_bytes() == lock


def killed(project: Path, *command: str) -> int:
    """Kill a command once three runs are stored, and return how many are."""
    process = subprocess.Popen(
        command,
        cwd=project,
        env=Project(project).environment(1),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    store = project / ".cells" / "runs"
    deadline = time.monotonic() + 120
    while len(list(store.glob("*/*.safetensors"))) < 3:  # more than the other suite has
        assert process.poll() is None, "finished before it could be killed"
        assert time.monotonic() < deadline, "no run was stored in two minutes"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    stored = len(list(store.glob("*/*.safetensors")))
    assert stored < 24
    return stored


def assert_resumed(output: str, stored: int) -> None:
    """Assert that a command trained only what a killed one had not stored, or not completely."""
    reused = int(output.split("train_grid tiny: 24 runs, ")[1].split(" reused")[0])
    assert stored - 2 <= reused < 24
    assert reused > 0


@pytest.mark.long
def test_a_stage_that_was_killed_ends_with_the_same_bytes(finished, tmp_path):
    project = Project(finished).copy(tmp_path / "killed")
    (project.folder / "data/runs/another.json").unlink()
    folders = ("data/runs", "data/training/tiny")
    expected = project.contents(*folders)
    for folder in (*folders, ".cells"):
        shutil.rmtree(project.folder / folder)
    command = (sys.executable, "-m", "stages.train_grid", "--suite", "tiny")
    stored = killed(project.folder, *command)
    assert project.contents(*folders) == {}
    assert_resumed(run(project.folder, *command), stored)
    assert project.contents(*folders) == expected


@pytest.mark.long
def test_a_grid_that_was_killed_ends_with_the_same_lock(finished, tmp_path):
    project = new_project(tmp_path / "killed", PARAMS).folder
    stored = killed(project, sys.executable, "-m", "dvc", "repro")
    assert not (project / "dvc.lock").exists() or "train_grid@tiny" not in (project / "dvc.lock").read_text()
    assert_resumed(dvc(project, "repro"), stored)
    assert (project / "dvc.lock").read_bytes() == (finished / "dvc.lock").read_bytes()
    for name in ("measures.csv", "metrics.json", "tables/table_1.md"):
        assert (project / "reports" / name).read_bytes() == (finished / "reports" / name).read_bytes()


WIDER = ("-S", "suites.tiny.grids.main.lr=[0.01,0.1,0.03]")


@pytest.mark.long
def test_the_training_of_an_experiment_elsewhere_is_only_what_is_new(finished):
    output = dvc(finished, "exp", "run", "--temp", "-n", "trained", *WIDER, "train_grid@tiny")
    assert "train_grid tiny: 36 runs, 24 reused, 12 trained" in output
    assert started(output) == ["inputs", "train_grid@tiny"]
    assert yaml.safe_load((finished / "params.yaml").read_text()) == yaml.safe_load(PARAMS)
    assert run(finished, "git", "status", "--porcelain") == ""


@pytest.fixture(scope="module")
def experiments(finished):
    """Two experiments beside the finished project: what the first printed."""
    output = dvc(finished, "exp", "run", "--temp", "-n", "wider", *WIDER)
    dvc(finished, "exp", "run", "--temp", "-n", "slow", "-S", "suites.tiny.grids.main.lr=[0.01]")
    return output


@pytest.mark.long
def test_an_experiment_elsewhere_computes_only_what_is_new(finished, experiments):
    assert "train_grid tiny: 36 runs, 24 reused, 12 trained" in experiments
    assert "interpolate tiny: 36 lines, 24 reused, 12 evaluated" in experiments
    assert yaml.safe_load((finished / "params.yaml").read_text()) == yaml.safe_load(PARAMS)
    assert run(finished, "git", "status", "--porcelain") == ""


@pytest.mark.long
def test_experiments_are_compared_by_parameters_metrics_and_claims(finished, experiments):
    table = dvc(finished, "exp", "show", "--only-changed", "--sort-by", "suite.tiny.converged", "--csv")
    rows = {row["Experiment"]: row for row in csv.DictReader(io.StringIO(table))}
    assert rows["wider"]["suites.tiny.grids.main.lr"] == "[0.01, 0.1, 0.03]"
    wide, slow = (int(rows[name]["suite.tiny.converged"]) for name in ("wider", "slow"))
    assert wide > slow
    changes = dvc(finished, "metrics", "diff", "wider", "slow", "--md")
    assert re.search(
        rf"reports/headlines.json +\| suite.tiny.converged +\| {wide} +\| {slow} +\| {slow - wide}", changes
    )
    shown = list(csv.reader(io.StringIO(dvc(finished, "exp", "show", "--csv"))))
    columns = ["claim.adaptive_optimizers_break_monotonicity"]
    numbers = ("non_monotone", "converged", "mean_normalized_distance")
    columns += [f"suite.{suite}.{number}" for suite in ("tiny", "another") for number in numbers]
    first = shown[0].index("parent") + 1
    assert shown[0][first : first + len(columns)] == columns
    verdicts = [row[first] for row in shown if row[0] in ("wider", "slow")]
    assert len(verdicts) == 2
    assert set(verdicts) <= set(Verdict)


@pytest.mark.long
def test_plots_of_experiments_lie_beside_each_other(finished, experiments):
    dvc(finished, "plots", "diff", "wider", "slow")
    page = (finished / "dvc_plots" / "index.html").read_text()
    specs = [json.JSONDecoder().raw_decode(part)[0] for part in page.split("var spec = ")[1:]]
    fields = ("min_delta", "train_loss", "gauss_length_smooth")
    assert len(specs) == len(fields)
    for spec, field in zip(specs, fields, strict=True):
        assert "<DVC" not in json.dumps(spec)
        assert {point["rev"] for point in spec["data"]["values"]} == {"wider", "slow"}
        assert all(field in point and "run_id" in point for point in spec["data"]["values"])
    runs = {(point["rev"], point["run_id"]) for point in specs[1]["data"]["values"]}
    assert sum(rev == "wider" for rev, _ in runs) > sum(rev == "slow" for rev, _ in runs) > 0
    images = [path.name for path in (finished / "dvc_plots" / "static").iterdir()]
    assert sum("figure_05" in name for name in images) == 2
    shutil.rmtree(finished / "dvc_plots")


@pytest.mark.long
def test_the_tutorial_on_weights_of_ones_own_goes_through(tmp_path):
    project = new_project(tmp_path / "project", PARAMS).folder
    shutil.copytree(
        ROOT / "mine", project / "mine", ignore=shutil.ignore_patterns("__pycache__", "weights", "dvc.lock")
    )
    for command in commands("docs/own-checkpoints.md"):
        run(project, *command.text.split())
    row = pd.read_csv(project / "reports/mine/measures.csv").iloc[0]
    assert row["factory"] == "mine.networks:shufflenet"
    assert row["status"] == "converged"
    assert row["test_accuracy"] > 0.9
    assert len(list((project / "reports/mine/figures").glob("*.png"))) == 3
    assert "figure_05" in (project / "reports/mine/README.md").read_text()
    assert started(dvc(project, "repro", "mine/dvc.yaml")) == ["mine/dvc.yaml:inputs"]
    checked = run(project, sys.executable, str(ROOT / "tools" / "check_artifacts.py"), "--pipeline", "mine/dvc.yaml")
    assert checked == ""
