"""Training that blows up and data of odd shapes: a row that says so, or one sentence; never a wrong number."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small_project import new_project, refused

pytestmark = pytest.mark.long
SUITE = """
  odd:
    dataset: DATASET
    threshold: 100.0
    tolerance: 0.0
    gauss_examples: 4
    path_examples: 1
    lines: {}
    planes: {}
    runs: {network: mlp, activation: relu, loss: cross_entropy, epochs: 2, seed: 0}
    grids:
      main: {hidden: [[8]], batch_norm: [NORM], optimizer: [sgd], lr: [RATE], batch_size: [BATCH]}
"""


def odd_project(folder, tiny_params, dataset="digits", norm="false", rate="0.1", batch="64", **changes):
    start = tiny_params.index("claims:")
    text = tiny_params[:start] + "claims: {}\nplot: {figure_05: [odd], table_1: [odd], figure_27: [odd]}\nsuites:"
    for name, value in {"DATASET": dataset, "NORM": norm, "RATE": rate, "BATCH": batch}.items():
        text += SUITE.replace(name, value) if name == "DATASET" else ""
        text = text.replace(name, value)
    for old, new in changes.items():
        text = text.replace(old, new)
    return new_project(folder, text)


def rows(project):
    return pd.read_csv(project.folder / "reports" / "measures.csv")


def repro(project):
    done = project.dvc("repro")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done


@pytest.mark.parametrize("rate", ["1.0e+30", "1.0e+6"])
def test_training_that_is_not_finite_is_a_row_that_says_so(tmp_path, tiny_params, rate):
    project = odd_project(tmp_path / "project", tiny_params, rate=rate)
    done = repro(project)
    [row] = rows(project).to_dict("records")
    if rate == "1.0e+30":
        assert "1 diverged" in done.stdout
        assert row["status"] == "diverged"
        assert np.isnan(row["min_delta"])
    assert row["status"] in ("diverged", "above threshold")
    metrics = json.loads((project.folder / "reports" / "metrics.json").read_text())["odd"]
    assert metrics["converged"] == metrics["non_monotone"] == 0
    assert metrics["non_monotone_proportion"] is None


def test_batches_of_one_example_train(tmp_path, tiny_params):
    project = odd_project(tmp_path / "project", tiny_params, rate="0.01", batch="1")
    repro(project)
    [row] = rows(project).to_dict("records")
    assert row["status"] == "converged"
    assert row["train_accuracy"] > 0.5


def test_batch_norm_on_batches_of_one_example_is_refused(tmp_path, tiny_params):
    project = odd_project(tmp_path / "project", tiny_params, norm="true", batch="1")
    done = project.stage("download")
    refused(done, "suites.odd.grids.main.batch_size", "got 1", "expected at least 2")


def test_an_empty_test_split_is_refused(tmp_path, tiny_params):
    project = odd_project(tmp_path / "project", tiny_params)
    project.edit("test_fraction: 0.2", "test_fraction: 0.0")
    refused(project.stage("download"), "datasets.digits.test_fraction", "got 0.0")


def images(folder, classes, count):
    random = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in classes:
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 255, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")


def image_project(tmp_path, tiny_params, classes, count=6):
    project = odd_project(tmp_path / "project", tiny_params, dataset="mine")
    source = "{source: image_folder, train: images/train, test: images/test, image_size: 8}"
    project.edit("datasets:\n", f"datasets:\n  mine: {source}\n")
    images(project.folder / "images", classes, count)
    return project


def test_images_of_one_class_only_go_through(tmp_path, tiny_params):
    project = image_project(tmp_path, tiny_params, ["cat"])
    repro(project)
    [row] = rows(project).to_dict("records")
    assert row["train_accuracy"] == 1.0
    assert row["min_delta"] == 0.0  # the loss of the only class there is is 0 everywhere


def test_a_class_without_images_or_images_that_are_none_are_refused(tmp_path, tiny_params):
    project = image_project(tmp_path, tiny_params, ["cat", "dog"])
    (project.folder / "images" / "test" / "dog" / "0.png").write_bytes(b"no image")
    done = project.run("python", "-m", "stages.download", "--dataset", "mine")
    refused(done, "0.png")
    for file in (project.folder / "images" / "test").rglob("*.png"):
        file.unlink()
    done = project.run("python", "-m", "stages.download", "--dataset", "mine")
    refused(done, "images/test")
    assert project.contents() == {}
