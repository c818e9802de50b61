import hashlib
from pathlib import Path

import pytest

from stages.config import load
from stages.files import json_bytes
from stages.inputs import committed
from tools.artifacts import digests
from tools.artifacts.pipeline import Pipeline, Stage

NAMES = ("code/train.json", "suites.json", "order.json")


@pytest.fixture
def project(tmp_path, params_file):
    """A project whose stage ran with the code and the parameters that are there: its folder and its pipeline."""
    for name, text in {"__init__": "", "train": "from stages import common", "common": "", "other": ""}.items():
        (tmp_path / "stages").mkdir(exist_ok=True)
        (tmp_path / "stages" / f"{name}.py").write_text(text)
    (tmp_path / "params.yaml").write_text(params_file.read_text())
    params = load(tmp_path / "params.yaml")
    locked = {
        Path("data/inputs", name): hashlib.md5(json_bytes(committed(name, tmp_path, params))).hexdigest()
        for name in NAMES
    }
    locked |= {Path("data/inputs/environment.json"): "of another machine", Path("data/runs"): "not here"}
    stage = Stage("train@a", "train@a", "python -m stages.train", tuple(locked), ())
    return tmp_path, Pipeline(Path("dvc.yaml"), (stage,), {"train@a": locked}, {})


def faults(project):
    root, pipeline = project
    return list(digests.stale(root, pipeline, load(root / "params.yaml")))


def test_a_stage_that_ran_with_this_code_and_these_parameters_has_no_fault(project):
    assert faults(project) == []
    (project[0] / "stages" / "other.py").write_text("x = 1")
    assert faults(project) == []


@pytest.mark.parametrize("module", ["__init__", "train", "common"])
def test_a_stage_that_ran_with_other_code_is_named(project, module):
    with (project[0] / "stages" / f"{module}.py").open("a") as file:
        file.write("\n# edited")
    [fault] = faults(project)
    assert fault == (
        "dvc.lock: stage train@a: its script or a module that it imports changed (data/inputs/code/train.json); "
        "run `dvc repro train@a` and commit"
    )


def test_a_stage_that_ran_with_other_suites_is_named(project):
    path = project[0] / "params.yaml"
    path.write_text(path.read_text().replace("tolerance: 0.001", "tolerance: 0.002", 1))
    [fault] = faults(project)
    assert "stage train@a: a suite of the parameters changed (data/inputs/suites.json)" in fault
