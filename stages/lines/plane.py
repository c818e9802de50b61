"""Planes through three points of weight space, evaluated as lines that lie beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from stages.config import BatchNormStatistics, Run
from stages.environment import identity
from stages.lines.line import Endpoint
from stages.lines.points import Points
from stages.lines.sweep import NUMERICS, walk
from stages.measures.projection import Basis, basis
from stages.networks.evaluation import task_of
from stages.store import Store
from stages.training.grid import cached_dataset
from stages.training.run_files import RunFolder
from stages.workers.device import device
from stages.workers.shares import report_share
from stages.workers.tasks import Places

VALUES = ("loss_train", "loss_test", "accuracy_train", "accuracy_test")


@dataclass(frozen=True)
class Section:
    """A plane and the grid on it: rows are lines parallel to that through the first two points."""

    points: tuple[Endpoint, Endpoint, Endpoint]
    alphas: tuple[float, ...]
    """Along each row, in units of the distance between the first two points: 0 at the first, 1 at the second."""
    heights: tuple[float, ...]
    """Of each row, in weight distance."""

    def key(self, row: int, settings: BatchNormStatistics) -> str:
        """Return the identity of a row so evaluated."""
        content = {"points": [point.content() for point in self.points], "alphas": self.alphas}
        content |= {"height": self.heights[row], "batch_norm": settings.model_dump(mode="json"), "numerics": NUMERICS}
        return identity(content)

    def keys(self, settings: BatchNormStatistics) -> list[str]:
        """Return the identities of all rows."""
        return [self.key(row, settings) for row in range(len(self.heights))]


def section(
    points: tuple[Endpoint, Endpoint, Endpoint], axes: Basis, shown: np.ndarray, grid: int, margin: float
) -> Section:
    """Return the plane through three points with a grid around all that is to be seen on it.

    Args:
        points: The three.
        axes: The plane's.
        shown: Coordinates of what is to be seen, shape (P, 2) or more, in weight distance.
        grid: Points a side.
        margin: Around that, as a share of its extent.

    Returns:
        The section.
    """
    low, high = shown[:, :2].min(0), shown[:, :2].max(0)
    low, high = low - margin * (high - low), high + margin * (high - low)
    alphas = np.linspace(low[0] / axes.length, high[0] / axes.length, grid)
    return Section(points, tuple(alphas.tolist()), tuple(np.linspace(low[1], high[1], grid).tolist()))


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
