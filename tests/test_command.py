import os
import subprocess
import sys
from pathlib import Path

import pytest

from stages.config import load
from stages.config.job import Job
from stages.download import download

PROJECT = Path(__file__).resolve().parents[1]


def outcome(root, *command):
    """Run a stage as DVC does, in the project at `root`."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def files(root):
    return {str(path.relative_to(root)): path.stat().st_mtime_ns for path in root.rglob("*")}


def edit(root, old, new):
    text = (root / "params.yaml").read_text()
    assert old in text
    (root / "params.yaml").write_text(text.replace(old, new))


def put(root, path, content):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)


CASES = {
    "unknown dataset": (
        lambda root: None,
        ["stages.download", "--dataset", "nope"],
        "error: datasets.nope: no such dataset, expected one of digits",
    ),
    "unknown suite": (
        lambda root: None,
        ["stages.train_grid", "--suite", "nope"],
        "error: suites.nope: no such suite, expected one of tiny, small_autoencoders",
    ),
    "no dataset yet": (
        lambda root: None,
        ["stages.interpolate", "--suite", "tiny"],
        "error: {root}/data/datasets/digits.safetensors is missing; run the stage that makes it (`dvc repro`)",
    ),
    "no training yet": (
        lambda root: None,
        ["stages.measure"],
        "error: data/training/tiny/runs.csv is missing; run the stage that makes it (`dvc repro`)",
    ),
    "another place": (
        lambda root: None,
        ["stages.measure", "--data", "elsewhere"],
        "error: elsewhere/training/tiny/runs.csv is missing; run the stage that makes it (`dvc repro`)",
    ),
    "wrong parameter": (
        lambda root: edit(root, "lr: [0.1]", "lr: [fast]"),
        ["stages.measure"],
        "error: suites.tiny.grids.main.lr: got 'fast', expected a valid number",
    ),
    "no parameters": (
        lambda root: (root / "params.yaml").unlink(),
        ["stages.measure"],
        "error: params.yaml is missing; run from the project's root",
    ),
    "folder for parameters": (
        lambda root: None,
        ["stages.measure", "--params", "data"],
        "error: cannot use the file data: ",
    ),
    "file for a folder": (
        lambda root: put(root, "data/datasets", b""),
        ["stages.download", "--dataset", "digits"],
        "error: cannot write data/datasets/digits.safetensors: ",
    ),
    "number of workers": (
        lambda root: download(Job(load(root / "params.yaml"), "digits", root / "data", root / "reports")),
        ["stages.train_grid", "--suite", "tiny"],
        "error: MLI_JOBS: got 'many', expected a whole number from 0",
    ),
}  # fmt: skip
LIKE_OTHERS = ("unknown dataset", "no dataset yet", "another place", "no parameters", "folder for parameters")


@pytest.mark.parametrize(
    ("prepare", "command", "message"),
    [
        pytest.param(*case, id=name, marks=pytest.mark.long if name in LIKE_OTHERS else ())
        for name, case in CASES.items()
    ],
)
def test_what_is_wrong_is_one_sentence_and_nothing_is_written(tiny_project, monkeypatch, prepare, command, message):
    prepare(tiny_project)
    if "MLI_JOBS" in message:
        monkeypatch.setenv("MLI_JOBS", "many")
    before = files(tiny_project)
    ended = outcome(tiny_project, *command)
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, ended.stderr
    assert ended.stderr.count("error: ") == 1
    assert lines[0].startswith(message.format(root=tiny_project))
    assert files(tiny_project) == before


def test_a_stage_that_goes_well_exits_with_0_and_tells_in_one_line(tiny_project):
    ended = outcome(tiny_project, "stages.download", "--dataset", "digits")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("download digits: 1437 training and 360 test examples")
    assert ended.stdout.count("\n") == 1


def test_a_missing_option_is_a_usage_error(tiny_project):
    ended = outcome(tiny_project, "stages.download")
    assert ended.returncode == 2
    assert "--dataset" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_whose_name_is_no_text_is_named_all_the_same(tiny_project):
    images = "{source: image_folder, train: images, test: images, image_size: 4}"
    edit(tiny_project, "datasets:\n", f"datasets:\n  mine: {images}\n")
    put(tiny_project, Path("images", "Größe", os.fsdecode(b"gr\xf6\xdfe.png")), b"no image")
    ended = outcome(tiny_project, "stages.download", "--dataset", "mine")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(r"error: images/Größe/gr\udcf6\udcdfe.png is no readable image")
    assert ended.stderr.count("\n") == 1
