"""What DVC and the store cannot see by themselves: the environment, and networks, weights and texts of the user's."""

import json
import sys
from pathlib import Path

import pytest
import torch
import yaml
from small import HEADER
from small_project import Project, new_project

from stages.config import load
from stages.config.job import Job
from stages.inputs import ROOT, inputs
from stages.parameter_files import PARAMETERS, keys_by_file
from stages.shared.environment import environment
from stages.shared.source_files import source_digests

PIPELINES = {"dvc.yaml": "data"} | {f"{name}/dvc.yaml": f"data/{name}" for name in ("paper", "mnist", "mine")}

PARAMS = HEADER.replace(
    "datasets: {digits: {source: digits, test_fraction: 0.2, split_seed: 0}}",
    """datasets:
  digits: {source: digits, test_fraction: 0.2, split_seed: 0}
  words: {source: text, file: words.txt, vocabulary: 300, block: 8, test_fraction: 0.2, evaluation_examples: 4,
          evaluation_seed: 0}""",
)
PARAMS += """claims: {}
plot: {}
suites:
  own:
    dataset: digits
    threshold: 5.0
    tolerance: 0.0
    gauss_examples: 4
    path_examples: 0
    lines: {}
    planes: {}
    runs: {network: custom, factory: "nets.mine:network", loss: cross_entropy, optimizer: sgd, lr: 0.1, epochs: 1,
           batch_size: 64, seed: 0}
    grids:
      read: {weights: [[weights/a.pt, weights/b.pt]]}
      trained: {weights: [null]}
"""
NETWORK = """from torch import nn

from nets.activation import activation


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.out = nn.Linear(64, 32), nn.Linear(32, 10)

    def forward(self, x):
        return self.out(activation(self.body(x.flatten(1))))


network = Net
"""
ACTIVATION = """from torch.nn import functional as F


def activation(x):
    return F.silu(x)
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Project:
    project = new_project(tmp_path_factory.mktemp("inputs") / "project", PARAMS)
    write(project, "nets/mine.py", NETWORK)
    write(project, "nets/activation.py", ACTIVATION)
    write(project, "words.txt", "la hundo dormas\nla kato kuras\n" * 60)
    (project.folder / "weights").mkdir()
    for seed, name in enumerate("ab"):
        torch.manual_seed(seed)
        layers = torch.nn.Linear(64, 32), torch.nn.Linear(32, 10)
        state = {
            f"{place}.{key}": value
            for place, layer in zip(("body", "out"), layers, strict=True)
            for key, value in layer.state_dict().items()
        }
        torch.save(state, project.folder / "weights" / f"{name}.pt")
    return project


def write(project: Project, name: str, text: str) -> None:
    (project.folder / name).parent.mkdir(exist_ok=True)
    (project.folder / name).write_text(text, encoding="utf-8")


def stage(project: Project, name: str, *arguments: str, **variables: str) -> str:
    done = project.run(sys.executable, "-m", f"stages.{name}", *arguments, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def final_loss(project: Project) -> float:
    return float(
        (project.folder / "data/training/own/runs.csv").read_text(encoding="utf-8").splitlines()[1].split(",")[5]
    )


@pytest.fixture(scope="module")
def trained(sources, tmp_path_factory) -> Project:
    project = sources.copy(tmp_path_factory.mktemp("trained") / "project")
    stage(project, "download", "--dataset", "digits")
    assert "2 runs, 0 reused, 1 read from files, 1 trained" in stage(project, "train_grid", "--suite", "own")
    return project


@pytest.mark.long
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("nets/mine.py", "activation(self", "nn.functional.tanh(self"),
        ("nets/activation.py", "silu", "tanh"),
    ],
)
def test_another_network_in_the_source_is_another_result(trained, tmp_path, file, old, new):
    project = trained.copy(tmp_path / "project")
    before = final_loss(project)
    text = (project.folder / file).read_text(encoding="utf-8")
    write(project, file, text.replace(old, new))
    assert "2 runs, 0 reused, 1 read from files, 1 trained" in stage(project, "train_grid", "--suite", "own")
    assert final_loss(project) != before
    write(project, file, text)
    assert "2 runs, 2 reused" in stage(project, "train_grid", "--suite", "own")
    assert final_loss(project) == before


@pytest.mark.long
def test_another_environment_is_another_result(trained, tmp_path):
    project = trained.copy(tmp_path / "project")
    assert "2 runs, 0 reused" in stage(project, "train_grid", "--suite", "own", MLI_PRODUCTS="portable")
    done = project.run(sys.executable, "-m", "stages.interpolate", "--suite", "own")
    assert done.returncode == 1
    assert "suite own was not trained with these parameters in this environment" in done.stderr
    assert "2 runs, 2 reused" in stage(project, "train_grid", "--suite", "own")


def test_what_a_stage_depends_on_is_written_down(sources, tmp_path, monkeypatch):
    project = sources.copy(tmp_path / "project")
    monkeypatch.chdir(project.folder)
    monkeypatch.syspath_prepend(project.folder)
    monkeypatch.delenv("MLI_DEVICE", raising=False)
    job = Job(load(Path("params.yaml")), None, Path("data"), Path("reports"))

    def written() -> dict:
        inputs(job)
        files = {path.relative_to("data/inputs").as_posix(): path for path in Path("data/inputs").rglob("*.json")}
        return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in files.items()}

    first = written()
    datasets = {"datasets/digits.json", "datasets/words.json"}
    code = {f"code/{script}.json" for script in PARAMETERS}
    parameters = set(keys_by_file({"datasets": job.params.datasets, "suites": job.params.suites}))
    assert set(first) == {"environment.json", "suites/own.json"} | datasets | code | parameters
    assert first["environment.json"] == environment()
    assert first["datasets/digits.json"] == {}
    assert set(first["suites/own.json"]) == {"nets.mine:network", "weights/a.pt", "weights/b.pt"}
    assert written() == first
    changes = {
        "datasets/words.json": lambda: write(project, "words.txt", "alia\n" * 60),
        "suites/own.json": lambda: Path("weights/a.pt").write_bytes(b"other"),
        "environment.json": lambda: monkeypatch.setenv("MKL_CBWR", "COMPATIBLE"),
    }
    for file, change in changes.items():
        change()
        now = written()
        assert {name for name in first if now[name] != first[name]} == {file}
        first = now
    Path("weights/a.pt").unlink()
    assert written()["suites/own.json"]["weights/a.pt"] == "missing"


def test_every_stage_depends_on_its_code_and_its_parameters():
    for pipeline, data in PIPELINES.items():
        stages = yaml.safe_load((ROOT / pipeline).read_text(encoding="utf-8"))["stages"]
        for name, stage in stages.items():
            if name != "inputs":
                stage = stage.get("do", stage)
                assert f"python -m stages {name}" in stage["cmd"]
                assert f"{data}/inputs/code/{name}.json" in stage["deps"]
                assert any(dep.startswith(f"{data}/inputs/parameters/{name}") for dep in stage["deps"])


def test_every_stage_script_of_the_pipelines_is_written_down():
    for pipeline in PIPELINES:
        stages = yaml.safe_load((ROOT / pipeline).read_text(encoding="utf-8"))["stages"]
        assert set(stages) - {"inputs"} <= {*PARAMETERS}
    for script in PARAMETERS:
        assert f"stages/{script}.py" in source_digests(ROOT, f"stages.{script}")


@pytest.mark.long
def test_dvc_runs_again_what_depends_on_them(sources, tmp_path):
    project = sources.copy(tmp_path / "project")

    def repro(**variables: str) -> str:
        done = project.run(sys.executable, "-m", "dvc", "repro", "interpolate@own", "download@words", **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ran(output: str) -> set[str]:
        return {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")}

    everything = {"inputs", "download@digits", "download@words", "train_grid@own", "interpolate@own"}
    assert ran(repro()) == everything
    lock = (project.folder / "dvc.lock").read_bytes()
    assert ran(repro()) == {"inputs"}
    assert (project.folder / "dvc.lock").read_bytes() == lock
    write(project, "nets/activation.py", ACTIVATION.replace("silu", "tanh"))
    assert ran(repro()) == {"inputs", "train_grid@own", "interpolate@own"}
    write(project, "nets/activation.py", ACTIVATION)
    repro()
    assert (project.folder / "dvc.lock").read_bytes() == lock
    write(project, "words.txt", "la birdo flugas\n" * 120)
    assert ran(repro()) == {"inputs", "download@words"}
    changed = repro(MLI_PRODUCTS="portable")
    assert {"inputs", "train_grid@own", "interpolate@own"} <= ran(changed)
    assert "2 runs, 0 reused" in changed
    torch.save({}, project.folder / "weights" / "unused.pt")
    repro()
    assert ran(repro()) == {"inputs"}
    names = yaml.safe_load((project.folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    assert set(names) >= everything
