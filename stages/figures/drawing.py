"""Drawing one figure or making one table, from files to files: the task of stage `plot`."""

from pathlib import Path

import matplotlib as mpl
import numpy as np

from stages.config.job import Job
from stages.figures.names import known
from stages.figures.registry import FIGURES, TABLES
from stages.figures.style import THEME, render
from stages.results.results import Results
from stages.shared.csv_files import csv_bytes
from stages.shared.store import Store


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
    results = Results.of(job, pooled)
    if base in FIGURES:
        what, function = FIGURES[base]
        with mpl.rc_context(THEME):
            drawing = function(results)
        files, step = render(drawing)
        about = {"stem": key.replace(base, f"{base}_{what}"), "step": step}
    else:
        table = TABLES[base][1](results)
        files = {"csv": csv_bytes(table.data), "md": table.markdown.encode()}
        about = {"stem": key, "step": 1}
    arrays = {ending: np.frombuffer(content, dtype=np.uint8) for ending, content in files.items()}
    Store(store).put("figures", identity, arrays, about)
    return 1
