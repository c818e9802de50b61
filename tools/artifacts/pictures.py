"""Whether the figures and tables that params.yaml asks for are there in all formats and readable, and nothing else."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from PIL import Image

FORMATS = {"figure": {".png", ".csv"}, "table": {".csv", ".md"}}
REMEDY = "run `make repro`"


def check(reports: Path, keys: Sequence[str]) -> Iterator[str]:
    """Check reports/figures and reports/tables.

    Args:
        reports: The folder of reports.
        keys: Those of group `plot`: figure_05 is in files figure_05_WHAT.*, figure_05_mine in figure_05_WHAT_mine.*

    Yields:
        A line a fault.
    """
    for kind, formats in FORMATS.items():
        folder = reports / f"{kind}s"
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        mine = [key for key in keys if key.startswith(kind)]
        owners = {path: owner(path.stem, mine) if path.parent == folder else None for path in files}
        for path in files:
            if owners[path] is None or path.suffix not in formats:
                yield f"{path}: not asked for by group plot of the parameters; delete it"
            elif fault := _unreadable(path):
                yield f"{path}: {fault}; {REMEDY}"
        for key in mine:
            stems = {path.stem for path in files if owners[path] == key}
            if not stems:
                yield f"{folder}: nothing for plot.{key}; {REMEDY}"
            for stem in sorted(stems):
                for suffix in sorted(formats):
                    if folder / f"{stem}{suffix}" not in owners:
                        yield f"{folder / stem}{suffix}: missing; {REMEDY}"


def owner(stem: str, keys: Sequence[str]) -> str | None:
    """Return the key that a file belongs to: of those that fit, the one with the longest ending."""
    fitting = [key for key in keys if re.fullmatch(_pattern(key), stem)]
    return max(fitting, key=len, default=None)


def _pattern(key: str) -> str:
    number, ending = re.fullmatch(r"([a-z]+_\d+)(\w*)", key).groups()
    return rf"{number}(_\w+)?{ending}"


def _unreadable(path: Path) -> str | None:
    """Return what is wrong with a file by the rules of its format, if anything."""
    if not path.stat().st_size:
        return "empty"
    try:
        if path.suffix == ".png":
            with Image.open(path, formats=["PNG"]) as image:
                image.verify()
        if path.suffix == ".csv":
            pd.read_csv(path)
        if path.suffix == ".md":
            path.read_text(encoding="utf-8")
    except (OSError, SyntaxError, ValueError) as error:
        return f"cannot be read ({error})"
    return None
