"""Evaluating the rows of planes through three points of weight space."""

from collections.abc import Sequence

import numpy as np
import torch

from stages.config import BatchNormStatistics, Run
from stages.lines.points import Points
from stages.lines.section import VALUES, Section
from stages.lines.sweep import walk
from stages.measures.projection import basis
from stages.networks.evaluation import task_of
from stages.shared.device import device
from stages.shared.store import Store
from stages.training.grid import cached_dataset
from stages.training.run_files import RunFolder
from stages.workers.shares import report_share
from stages.workers.tasks import Places


def plane_task(places: Places, plane: Section, rows: Sequence[int], run: Run, settings: BatchNormStatistics) -> int:
    """Evaluate rows of a plane and keep what was found.

    Args:
        places: Where the suite's data and its runs are, and the store to keep it in.
        plane: The plane.
        rows: Which rows.
        run: The run in whose network and on whose data.
        settings: How batch-norm statistics are estimated at each point.

    Returns:
        How many rows were evaluated.
    """
    dataset, place = cached_dataset(places.dataset), device()
    task, store = task_of(run, dataset, place), Store(places.store)
    points = Points(run, dataset, task, RunFolder(places.runs))
    first, second, third = (points.weights(point).numpy() for point in plane.points)
    axes = basis(first, second, third)
    alphas = torch.tensor(plane.alphas, dtype=torch.float32, device=place)
    for number, row in enumerate(rows):
        shift = plane.heights[row] * axes.y
        ends = (torch.from_numpy((end + shift).astype(np.float32)).to(place) for end in (first, second))
        with torch.no_grad():
            found = walk(
                task,
                *ends,
                alphas,
                settings,
                gauss_examples=0,
                path_examples=0,
                progress=lambda share, done=number: report_share((done + share) / len(rows)),
            )
        store.put("planes", plane.key(row, settings), {name: getattr(found, name) for name in VALUES}, {"row": row})
    return len(rows)
