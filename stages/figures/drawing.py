"""Drawing one figure or making one table, from files to files: the task of stage `plot`."""

from pathlib import Path

import matplotlib as mpl
import numpy as np

from stages.config.declared import item_of
from stages.config.job import Job
from stages.figures.base import Drawing
from stages.figures.registry import item
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
    declared = item(item_of(key))
    with mpl.rc_context(THEME):
        made = declared.make(Results.of(job, job.params.plot[key]))
    about = {"stem": key.replace(declared.name, f"{declared.name}_{declared.slug}"), "step": 1}
    if isinstance(made, Drawing):
        files, about["step"] = render(made)
    else:
        files, about["stem"] = {"csv": csv_bytes(made.data), "md": made.markdown.encode()}, key
    arrays = {ending: np.frombuffer(content, dtype=np.uint8) for ending, content in files.items()}
    Store(store).put("figures", identity, arrays, about)
    return 1
