"""How the lines of a suite are evaluated, and the key of an evaluated line, computed without PyTorch."""

from dataclasses import dataclass, replace

import numpy as np

from stages.config import GaussRefinement, Interpolate, Refinement
from stages.lines.line import Line
from stages.shared.environment import identity

NUMERICS = 12
"""Version of the sweep: raise it with any change that moves a curve, so that no old line is reused."""
LARGEST_THRESHOLD_FACTOR = 2.0
"""Largest multiple of its suite's threshold up to which a run counts as converged in a variant of a verdict."""
ON_THE_GRID = GaussRefinement(most_alphas=0)
"""No alphas beyond a line's own grid."""


@dataclass(frozen=True)
class LineEvaluation:
    """How the lines of a suite are evaluated."""

    interpolate: Interpolate
    """Grid of alphas, batch-norm statistics, and refinement."""
    gauss_examples: int
    """Number of training examples with a Gauss length."""
    path_examples: int
    """Number of training examples whose outputs are kept."""

    def losses_only(self) -> "LineEvaluation":
        """Return an evaluation of losses and accuracies alone, as for lines that are not a run's own line."""
        none = {"refinement": Refinement(levels=0, points=1), "gauss_refinement": ON_THE_GRID}
        return LineEvaluation(self.interpolate.model_copy(update=none), 0, 0)

    def of_own_line(self, final_loss: float, threshold: float) -> "LineEvaluation":
        """Return the evaluation of a run's own line, without further alphas if the run is far from converged.

        Such runs are in no table, power law or variant of a verdict, and their lines would take most of these alphas.

        Args:
            final_loss: The run's final training loss.
            threshold: Largest final training loss at which a run of its suite has converged.
        """
        if final_loss <= LARGEST_THRESHOLD_FACTOR * threshold:
            return self
        return replace(self, interpolate=self.interpolate.model_copy(update={"gauss_refinement": ON_THE_GRID}))

    def alphas(self) -> np.ndarray:
        """Return the grid of alphas, shape (A,), with both ends exact."""
        grid = self.interpolate.alphas
        return np.linspace(grid.start, grid.stop, grid.points)

    def key(self, line: Line) -> str:
        """Return the key under which the store keeps an evaluated line; keys of its runs stand for weights and data."""
        replaced = {"batch_norm"} if line.statistics else None
        interpolate = self.interpolate.model_dump(mode="json", exclude=replaced)
        content = {"interpolate": interpolate, "numerics": NUMERICS}
        content |= {"gauss_examples": self.gauss_examples, "path_examples": self.path_examples}
        return identity(line.content() | content)
