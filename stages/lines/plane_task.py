"""The task that evaluates rows of planes through three points of weight space."""

from collections.abc import Sequence

import numpy as np
import torch

from stages.config import BatchNormStatistics, Run
from stages.datasets.dataset import cached_dataset
from stages.lines.endpoint_weights import EndpointWeights
from stages.lines.plane_grid import SURFACE_VALUES, PlaneGrid
from stages.lines.sweep import sweep_line
from stages.measures.projection import basis
from stages.networks.evaluation import task_of
from stages.shared.device import device
from stages.shared.store import Store
from stages.training.stored_runs import StoredRuns
from stages.workers.progress_report import report_progress
from stages.workers.task import TaskPaths


def plane_task(
    paths: TaskPaths, plane: PlaneGrid, rows: Sequence[int], run: Run, settings: BatchNormStatistics
) -> None:
    """Evaluate rows of a plane and put their losses and accuracies into the store.

    Args:
        paths: Paths of the dataset, and of the store with the suite's runs.
        plane: The plane and its grid.
        rows: Numbers of the rows to evaluate.
        run: The run whose network and data are used.
        settings: How batch-norm statistics are estimated at each point.
    """
    dataset, place = cached_dataset(paths.dataset), device()
    task, store = task_of(run, dataset, place), Store(paths.store)
    points = EndpointWeights(run, dataset, task, StoredRuns(Store(paths.store)))
    first, second, third = (points.weights(point).numpy() for point in plane.points)
    axes = basis(first, second, third)
    alphas = torch.tensor(plane.alphas, dtype=torch.float32, device=place)
    for number, row in enumerate(rows):
        shift = plane.heights[row] * axes.y
        start, end = (torch.from_numpy((point + shift).astype(np.float32)).to(place) for point in (first, second))

        def report(share: float, done: int = number) -> None:
            report_progress((done + share) / len(rows))

        with torch.no_grad():
            found = sweep_line(
                task,
                start,
                end,
                alphas,
                settings,
                gauss_examples=0,
                path_examples=0,
                progress=report,
            )
        store.put(
            "planes", plane.key(row, settings), {name: getattr(found, name) for name in SURFACE_VALUES}, {"row": row}
        )
