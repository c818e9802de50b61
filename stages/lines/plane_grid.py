"""Grids on planes through three points of weight space, and the key of each evaluated row."""

from dataclasses import dataclass

import numpy as np

from stages.config import BatchNormStatistics
from stages.lines.line import Endpoint
from stages.lines.line_evaluation import NUMERICS
from stages.measures.projection import Basis
from stages.shared.environment import identity

SURFACE_VALUES = ("loss_train", "loss_test", "accuracy_train", "accuracy_test")
"""Fields of `Surface` that have a value at each point of the grid."""


@dataclass(frozen=True)
class PlaneGrid:
    """A plane and the grid on it, whose rows are parallel to the line through the first two points."""

    points: tuple[Endpoint, Endpoint, Endpoint]
    """The three points that span the plane."""
    alphas: tuple[float, ...]
    """Positions along each row: 0 at the first point, 1 at the second."""
    heights: tuple[float, ...]
    """Distances of the rows from the line through the first two points."""

    def key(self, row: int, settings: BatchNormStatistics) -> str:
        """Return the key under which the store keeps an evaluated row."""
        content = {
            "points": [point.content() for point in self.points],
            "alphas": self.alphas,
            "height": self.heights[row],
            "batch_norm": settings.model_dump(mode="json"),
            "numerics": NUMERICS,
        }
        return identity(content)

    def keys(self, settings: BatchNormStatistics) -> list[str]:
        """Return the keys of all rows."""
        return [self.key(row, settings) for row in range(len(self.heights))]


def make_plane_grid(
    points: tuple[Endpoint, Endpoint, Endpoint], axes: Basis, shown: np.ndarray, grid: int, margin: float
) -> PlaneGrid:
    """Return the plane through three points, with a grid that covers everything to be shown on it.

    Args:
        points: The three points.
        axes: Coordinate axes of the plane.
        shown: Coordinates of the points to be shown, shape (P, 2) or more, as distances of weights.
        grid: Number of grid points per side.
        margin: Margin around the points shown, as a share of their extent.

    Returns:
        The plane and its grid.
    """
    low, high = shown[:, :2].min(0), shown[:, :2].max(0)
    low, high = low - margin * (high - low), high + margin * (high - low)
    alphas = np.linspace(low[0] / axes.length, high[0] / axes.length, grid)
    return PlaneGrid(points, tuple(alphas.tolist()), tuple(np.linspace(low[1], high[1], grid).tolist()))
