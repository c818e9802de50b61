"""Drawing one figure or making one table, from files to files: the task of stage `plot`."""

from functools import lru_cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

from stages.command import Job
from stages.figures.names import known
from stages.figures.registry import FIGURES, TABLES
from stages.figures.style import THEME, render
from stages.files import digest_file
from stages.lines.curves import Curves, load_curves
from stages.lines.landscape import Landscape, load_landscape
from stages.material import material_of, theory_of
from stages.store import Store
from stages.tables import csv_bytes, read_csv


def draw_task(job: Job, key: str, store: Path, identity: str) -> int:
    """Draw a figure or make a table, and keep its files.

    Args:
        job: The job of stage `plot`.
        key: The key of `plot` in the parameters.
        store: Folder of the run store.
        identity: What to keep the files under.

    Returns:
        1, the number of figures or tables.
    """
    pooled, base = job.params.plot[key], known(key)
    material = material_of(
        job,
        pooled,
        _table(*_version(job.reports / "measures.csv")),
        {suite: _curves(*_version(job.curves_file(suite))) for suite in pooled},
        {suite: _landscape(*_version(job.landscape_file(suite))) for suite in pooled},
        {suite: _table(*_version(job.training_folder(suite) / "epochs.csv")).assign(suite=suite) for suite in pooled},
        {} if pooled else theory_of(job),
    )
    if base in FIGURES:
        what, function = FIGURES[base]
        with mpl.rc_context(THEME):
            drawing = function(material)
        files, step = render(drawing)
        about = {"stem": key.replace(base, f"{base}_{what}"), "step": step}
    else:
        table = TABLES[base][1](material)
        files = {"csv": csv_bytes(table.data), "md": table.markdown.encode()}
        about = {"stem": key, "step": 1}
    arrays = {ending: np.frombuffer(content, dtype=np.uint8) for ending, content in files.items()}
    Store(store).put("figures", identity, arrays, about)
    return 1


def _version(path: Path) -> tuple[Path, str]:
    """Return a file and the digest of its content, which together say what was read; the digest of none is empty."""
    return path, digest_file(path) if path.exists() else ""


@lru_cache(maxsize=64)
def _curves(path: Path, digest: str) -> Curves:
    return load_curves(path)


@lru_cache(maxsize=64)
def _landscape(path: Path, digest: str) -> Landscape:
    return load_landscape(path)


@lru_cache(maxsize=64)
def _table(path: Path, digest: str) -> pd.DataFrame:
    return read_csv(path)
