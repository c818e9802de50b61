import hashlib
from pathlib import Path

import pytest

from stages.config import load
from stages.inputs import parameters_of
from stages.shared.files import json_bytes
from stages.shared.source_files import source_digests
from tools.artifacts import digests
from tools.artifacts.pipeline import Pipeline, Stage

STAGE = "train_grid@classifiers"


@pytest.fixture
def project(tmp_path, params_file):
    """A project whose stage ran with the code and the parameters that are there: its folder and its pipeline."""
    for name, text in {"__init__": "", "train_grid": "from stages import common", "common": "", "other": ""}.items():
        (tmp_path / "stages").mkdir(exist_ok=True)
        (tmp_path / "stages" / f"{name}.py").write_text(text)
    (tmp_path / "params.yaml").write_text(params_file.read_text())
    written = {"code/train_grid.json": source_digests(tmp_path, "stages.train_grid")}
    file = "parameters/train_grid/classifiers.json"
    written[file] = parameters_of(load(tmp_path / "params.yaml"))[file]
    locked = {
        Path("data/inputs", name): hashlib.md5(json_bytes(content)).hexdigest() for name, content in written.items()
    }
    locked |= {Path("data/inputs/environment.json"): "of another machine", Path("data/runs"): "not here"}
    stage = Stage(STAGE, STAGE, "python -m stages.train_grid", tuple(locked), ())
    return tmp_path, Pipeline(Path("dvc.yaml"), (stage,), {STAGE: locked}, {})


def faults(project):
    root, pipeline = project
    return list(digests.stale(root, pipeline, load(root / "params.yaml")))


def test_a_stage_that_ran_with_this_code_and_these_parameters_has_no_fault(project):
    assert faults(project) == []
    (project[0] / "stages" / "other.py").write_text("x = 1")
    assert faults(project) == []


@pytest.mark.parametrize("module", ["__init__", "train_grid", "common"])
def test_a_stage_that_ran_with_other_code_is_named(project, module):
    with (project[0] / "stages" / f"{module}.py").open("a") as file:
        file.write("\n# edited")
    [fault] = faults(project)
    assert fault == (
        "dvc.lock: stage train_grid@classifiers: its script or a module that it imports changed "
        "(data/inputs/code/train_grid.json); run `dvc repro train_grid@classifiers` and commit"
    )


def test_a_stage_that_ran_with_other_parameters_is_named(project):
    path = project[0] / "params.yaml"
    path.write_text(path.read_text().replace("tolerance: 0.001", "tolerance: 0.002"))
    assert faults(project) == []  # which no training reads
    path.write_text(path.read_text().replace("threshold: 3.0", "threshold: 3.5"))
    [fault] = faults(project)
    assert "stage train_grid@classifiers: a parameter changed (data/inputs/parameters/train_grid/classifiers" in fault
