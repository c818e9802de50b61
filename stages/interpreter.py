"""Stages that were started by another Python than the one their requirements were installed for."""

import importlib.util
import os
import sys
from pathlib import Path


def use_environment() -> None:
    """Go on with the Python in .venv if this one lacks PyTorch.

    DVC runs `python -m stages.NAME` with whatever `python` is on the PATH, so `.venv/bin/dvc repro` without an
    activated environment would fail.
    """
    if importlib.util.find_spec("torch") is not None or "-m" not in sys.orig_argv:
        return
    environment = Path(os.environ.get("DVC_ROOT", ".")).resolve() / ".venv"
    python = environment / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != environment:
        os.execv(python, [str(python), *sys.orig_argv[1:]])
    sys.exit("error: this Python has no PyTorch; activate the environment (. .venv/bin/activate) or run `make repro`")
