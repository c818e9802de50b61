"""How lines of a suite are evaluated, and what identifies a line so evaluated, computed without PyTorch."""

from dataclasses import dataclass

import numpy as np

from stages.config import Interpolate, Refinement
from stages.lines.line import Line
from stages.shared.environment import identity

NUMERICS = 8
"""Version of what a sweep computes: raise it with any change that moves a curve, so that no old line is reused."""


@dataclass(frozen=True)
class Request:
    """How the lines of a suite are evaluated."""

    interpolate: Interpolate
    gauss_examples: int
    path_examples: int

    def losses(self) -> "Request":
        """Return the same without all that is asked of a run's own line only."""
        none = {"refinement": Refinement(levels=0, points=1), "repeats": 0}
        return Request(self.interpolate.model_copy(update=none), 0, 0)

    def alphas(self) -> np.ndarray:
        """Return the grid of alpha, both ends exact."""
        grid = self.interpolate.alphas
        return np.linspace(grid.start, grid.stop, grid.points)

    def key(self, line: Line) -> str:
        """Return the identity of a line so evaluated; its runs' identities hold their weights and data."""
        content = {"interpolate": self.interpolate.model_dump(mode="json"), "numerics": NUMERICS}
        content |= {"gauss_examples": self.gauss_examples, "path_examples": self.path_examples}
        return identity(line.content() | content)
