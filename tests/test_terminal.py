import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def started_without_packages(root: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-S", "-m", "stages", "download", "--dataset", "digits"]
    environment = os.environ | {"DVC_ROOT": str(root), "PYTHONPATH": ""}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_a_stage_goes_on_with_the_python_of_the_environment(tmp_path):
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "with $@"\n')
    python.chmod(0o755)
    assert started_without_packages(tmp_path).stdout == "with -S -m stages download --dataset digits\n"


def test_without_an_environment_the_remedy_is_named(tmp_path):
    done = started_without_packages(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: this Python has no PyTorch; activate the environment")
    assert done.stderr.count("\n") == 1


PRINTS = {
    "a program": r"from stages.shared.terminal import escape_unprintable; escape_unprintable(); print('ä\u2026\udcff')",
    "a worker": r"""
from functools import partial

from stages.workers.processes import run_calls
if __name__ == "__main__":
    list(run_calls([partial(print, 'ä\u2026\udcff')]))
""",
}


@pytest.mark.parametrize("who", PRINTS)
def test_what_the_output_cannot_encode_is_escaped(tmp_path, who):
    (tmp_path / "program.py").write_text(PRINTS[who], encoding="utf-8")
    environment = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "iso8859-1:strict", "MLI_JOBS": "1"}
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=os.environ | environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == b"\xe4\\u2026\\udcff\n"
