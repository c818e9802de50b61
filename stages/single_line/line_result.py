"""The result of one line: its curve, its measures as a table row, its figure, and what is said about it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from stages.measures.refinement import largest_rise

if TYPE_CHECKING:
    from matplotlib.figure import Figure  # takes a second to import


@dataclass(frozen=True)
class Rise:
    """A stretch of a line along which the loss rises."""

    start: float
    """alpha at its start."""
    top: float
    """alpha at its top."""
    height: float
    """Rise of the loss, in the unit of the loss."""


@dataclass(frozen=True)
class LineResult:
    """The curve and the measures of one line."""

    start: str
    """Name of the checkpoint at alpha = 0."""
    end: str
    """Name of the checkpoint at alpha = 1."""
    curve: pd.DataFrame
    """One row an alpha: `alpha`, `train_loss`, `train_accuracy`, `test_loss`, `test_accuracy`; NaN where there is no
    test split or accuracy has no meaning."""
    row: pd.DataFrame
    """One row, with names, numbers and settings of the line and all measures of the pipeline, by their names there."""
    remarks: tuple[str, ...]
    """Sentences about what was read and how it was computed."""

    @property
    def min_delta(self) -> float:
        """Largest rise of the training loss from one alpha of the grid to a later one, in the unit of the loss."""
        return float(self.row["min_delta"].iloc[0])

    @property
    def noise(self) -> float:
        """Standard error of min Delta over the choice of training examples, by the jackknife; NaN if not estimated."""
        return float(self.row["min_delta_standard_error"].iloc[0])

    def rises(self) -> list[Rise]:
        """Return the stretches of the grid along which the training loss rises, the highest first."""
        loss, alphas = (self.curve[name].to_numpy() for name in ("train_loss", "alpha"))
        if not np.isfinite(loss).all():
            return []
        up = np.flatnonzero(np.diff(loss) > 0)
        parts = np.split(up, np.flatnonzero(np.diff(up) > 1) + 1) if up.size else []
        found = [Rise(alphas[one[0]], alphas[one[-1] + 1], loss[one[-1] + 1] - loss[one[0]]) for one in parts]
        return sorted(found, key=lambda rise: -rise.height)

    def largest_rise(self) -> Rise | None:
        """Return the rise whose height is min Delta, from its start to its top; None if the line only falls."""
        loss, alphas = (self.curve[name].to_numpy() for name in ("train_loss", "alpha"))
        if not np.isfinite(loss).all() or not self.min_delta > 0:
            return None
        i, j = largest_rise(loss)
        return Rise(alphas[i], alphas[j], loss[j] - loss[i])

    def figure(self) -> "Figure":
        """Draw loss and accuracy along the line."""
        from stages.single_line.drawing import draw_curves  # takes a second to import

        return draw_curves([self])

    def _repr_png_(self) -> bytes:
        """Return the figure as PNG, by which a notebook shows a line."""
        from stages.single_line.drawing import png_of

        return png_of(self.figure())

    def __str__(self) -> str:
        """Return the numbers of the line in a few lines of text."""
        from stages.single_line.text import summarise

        return summarise(self)
