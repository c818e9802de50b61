"""Planes through three points of weight space, as lines that lie beside each other, and what identifies each line."""

from dataclasses import dataclass

import numpy as np

from stages.config import BatchNormStatistics
from stages.lines.line import Endpoint
from stages.lines.request import NUMERICS
from stages.measures.projection import Basis
from stages.shared.environment import identity

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
