"""A run that is killed at any moment, or disturbed by another, ends with the same bytes when it is run again."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.long
KILLS = 20
LONG = "batch_size: 128\n      seed: 0\n    grids:\n      main:\n        epochs: [2, 3000]\n        hidden: [[8, 8]]"


def start(project) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def seconds(sources, tmp_path_factory):
    """How long a whole run takes."""
    project = sources.copy(tmp_path_factory.mktemp("timed") / "project")
    began = time.monotonic()
    assert project.dvc("repro").returncode == 0
    return time.monotonic() - began


@pytest.mark.parametrize("number", range(KILLS))
def test_a_run_killed_at_a_random_moment_is_resumed_to_the_same_bytes(sources, finished, seconds, tmp_path, number):
    project = sources.copy(tmp_path / "project")
    process = start(project)
    time.sleep(random.Random(number).uniform(0.02, 0.98) * seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    again = project.dvc("repro")
    assert again.returncode == 0, again.stdout[-1500:] + again.stderr[-1500:]
    assert project.contents() == finished.contents()
    assert (project.folder / "dvc.lock").read_bytes() == (finished.folder / "dvc.lock").read_bytes()


def test_an_interrupt_ends_a_stage_at_once_and_it_goes_on_from_there(sources, finished, tmp_path):
    project = sources.copy(tmp_path / "project")
    project.edit(
        "epochs: 2\n      batch_size: 128\n      seed: 0\n    grids:\n      main:\n        hidden: [[8, 8]]", LONG
    )
    assert project.stage("download").returncode == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.train_grid", "--suite", "tiny"],
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    runs = project.folder / ".cells" / "runs"
    while not list(runs.rglob("*.safetensors")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 130, errors
    assert "interrupted; what was finished is kept" in errors
    kept = len(list(runs.rglob("*.safetensors")))
    assert 0 < kept < 10
    done = project.stage("train_grid")
    assert f"{kept} reused" in done.stdout, done.stderr
    assert project.leftovers() == []


def test_a_run_out_of_time_is_one_sentence_and_goes_on_to_the_same_bytes(sources, finished, tmp_path):
    project = sources.copy(tmp_path / "project")
    command = (sys.executable, "-m", "dvc", "repro")
    done = project.run(*command, MLI_TIME="0.001")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "error: train_grid tiny: 0 of 4 runs are done and kept, 4 are left" in done.stderr
    assert not any((project.folder / "data" / folder).exists() for folder in ("runs/tiny", "training/tiny"))
    assert project.leftovers() == []
    done = project.run(*command, MLI_TIME="600")
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    assert project.contents() == finished.contents()
    assert (project.folder / "dvc.lock").read_bytes() == (finished.folder / "dvc.lock").read_bytes()


def test_of_two_runs_at_once_one_waits_or_is_refused_and_the_result_is_that_of_one(sources, finished, tmp_path):
    project = sources.copy(tmp_path / "project")
    both = [start(project), start(project)]
    outputs = [process.communicate(timeout=300)[0] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes[0] == 0, outputs
    if codes[1]:
        [lost] = [text for process, text in zip(both, outputs, strict=True) if process.returncode]
        assert "lock" in lost.lower(), lost
    assert project.dvc("repro").returncode == 0
    assert project.contents() == finished.contents()
    assert project.leftovers() == []
