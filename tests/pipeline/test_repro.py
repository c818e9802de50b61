"""`dvc repro` up to trained weights, on the smallest grid: what it leaves where, and that a second finds nothing to do.

The long tests of `test_pipeline.py` do the same with the whole pipeline.
"""

import hashlib
from pathlib import Path

import pytest
from dvc_commands import commit, dvc, run, started
from small import HEADER
from small_project import new_project

PARAMS = (
    HEADER
    + """claims: {}
plot: {}
suites:
  tiny:
    dataset: digits
    threshold: 5.0
    tolerance: 0.0
    gauss_examples: 8
    path_examples: 0
    lines: {}
    planes: {}
    runs: {network: mlp, loss: cross_entropy, activation: tanh, epochs: 1, batch_size: 32, seed: 0, train_size: 64}
    grids:
      main: {hidden: [[8]], optimizer: [sgd, adam], lr: [0.1]}
"""
)
TRAINING = "train_grid@tiny"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    project = new_project(tmp_path_factory.mktemp("finished") / "project", PARAMS).folder
    assert started(dvc(project, "repro", TRAINING, jobs=0)) == ["inputs", "download@digits", TRAINING]
    commit(project)
    return project


def test_a_second_repro_has_nothing_to_do(finished):
    assert started(dvc(finished, "repro", TRAINING)) == ["inputs"]
    assert run(finished, "git", "status", "--porcelain") == ""


def test_weights_lie_in_the_store_alone(finished):
    stored = list((finished / ".cells" / "runs").rglob("*.safetensors"))
    assert len(stored) == 2
    digests = {hashlib.md5(path.read_bytes()).hexdigest() for path in stored}
    files = [path for folder in ("data", ".dvc") for path in (finished / folder).rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not digests & {hashlib.md5(path.read_bytes()).hexdigest() for path in files}
