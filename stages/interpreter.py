"""The Python that a stage runs in: the one with its requirements, in UTF-8, and able to print any character."""

import importlib.util
import io
import os
import sys
from itertools import pairwise
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


def use_utf8() -> None:
    """Restart a stage in Python's UTF-8 mode if the locale has another encoding.

    The names of files are UTF-8 in the parameters and on disk, but Python encodes them as the locale does. Output keeps
    the encoding of the locale, which is the one that the terminal shows.
    """
    is_stage = any(flag == "-m" and name.startswith("stages.") for flag, name in pairwise(sys.orig_argv))
    if sys.getfilesystemencoding() == "utf-8" or not is_stage:
        return
    if sys.stdout is not None:
        os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding)
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def print_any_character() -> None:
    """Escape characters that the encoding of the output lacks, where Python would raise an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
