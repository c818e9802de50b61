"""Drawing one figure or making one table, from files to files: the task of stage `plot`."""

import matplotlib as mpl
import numpy as np

from stages.config.declared import item_of
from stages.config.job import Job
from stages.figures.outputs import Drawing
from stages.figures.registry import item
from stages.figures.style import THEME, render
from stages.results.results import Results
from stages.shared.csv_files import csv_bytes
from stages.shared.store import Store
from stages.workers.task import TaskPaths


def draw_task(paths: TaskPaths, job: Job, key: str, identity: str) -> None:
    """Draw a figure or make a table, and keep its files.

    Args:
        paths: Where the store is.
        job: The job of stage `plot`.
        key: The key of `plot` in the parameters.
        identity: The key under which the store keeps the files.
    """
    declared = item(item_of(key))
    with mpl.rc_context(THEME):
        made = declared.make(Results.of(job, job.params.plot[key]))
    about = {"stem": key.replace(declared.name, f"{declared.name}_{declared.slug}"), "step": 1}
    if isinstance(made, Drawing):
        files, about["step"] = render(made)
    else:
        files, about["stem"] = {"csv": csv_bytes(made.data), "md": made.markdown.encode()}, key
    about["finding"] = declared.sentence(files["csv"])
    arrays = {ending: np.frombuffer(content, dtype=np.uint8) for ending, content in files.items()}
    Store(paths.store).put("figures", identity, arrays, about)
