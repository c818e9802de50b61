"""The examples at the head of `python -m stages.line --help`, run as they stand in a copy of the project."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from stages.line import EXAMPLES

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = [
    line.partition("#")[0].strip()
    for line in EXAMPLES.replace("\\\n", "").splitlines()
    if line.strip().startswith("python -m ")
]


def run(command, folder):
    """Run a command of the help by a shell, with this interpreter."""
    environment = {name: value for name, value in os.environ.items() if name not in ("MLI_PRODUCTS", "PYTHONPATH")}
    environment["OMP_NUM_THREADS"] = "1"  # beside other tests
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of what is in git of the packages that the examples need, with the weights that they need."""
    copy = tmp_path_factory.mktemp("clone")
    for name in ("stages", "examples"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "weights"))
    run(COMMANDS[0], copy)
    return copy


def test_the_help_has_a_training_and_three_lines():
    assert [command.split()[2] for command in COMMANDS] == ["examples.digits", *["stages.line"] * 3]


@pytest.mark.long
@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_example_of_the_help_works(folder, number):
    printed = run(f"{COMMANDS[number]} --out result_{number}", folder)
    assert "min Δ" in printed
    curve = pd.read_csv(folder / f"result_{number}" / "curve.csv")
    lines = 6 if "*" in COMMANDS[number] else 1
    assert len(curve) == 50 * lines
    assert curve["train_loss"].notna().all()
    assert (folder / f"result_{number}" / "index.html").stat().st_size > 1000


@pytest.mark.long
def test_the_lines_of_the_notebook_work(folder):
    assert "min Δ" in run("python -m examples.notebook", folder)
    assert (folder / "examples/weights/line.png").exists()
