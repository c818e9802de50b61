"""`python -m stages NAME ...`: run a stage script in the project's environment, whichever Python was called.

DVC runs commands with whatever `python` is on the PATH, so `.venv/bin/dvc repro` without an activated environment would
find none of the requirements.
"""

import os
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path


def use_environment() -> None:
    """Go on with the Python in .venv if this one lacks PyTorch; exit with the remedy if there is none."""
    if find_spec("torch") is not None:
        return
    environment = Path(os.environ.get("DVC_ROOT", ".")).resolve() / ".venv"
    python = environment / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != environment:
        os.execv(python, [str(python), *sys.orig_argv[1:]])
    sys.exit("error: this Python has no PyTorch; activate the environment (. .venv/bin/activate) or run `make repro`")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("error: name a stage, such as python -m stages measure")
    use_environment()
    name = sys.argv.pop(1)
    runpy.run_module(f"stages.{name}", run_name="__main__", alter_sys=True)
