"""Single examples along lines: how much their output turns, and whether it moves away from a target."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.results.results import Results

TURNING_LIMIT = np.pi / 2
"""Total turning in radians below which theorem 3 says that an output never moves away from where it ends."""
ROUNDING = 1e-5
"""Rise, over the value at the start, up to which it counts as a rounding error of single precision."""


# Shape letters: N = examples of all lines.
@dataclass(frozen=True)
class Examples:
    """Examples of several lines, and the squared distance of their outputs to a target."""

    turning: np.ndarray
    """(N,) total turning of each output in radians."""
    rise: np.ndarray
    """(N,) min Delta of the squared distance, over the squared distance at the start of the line."""
    fit: np.ndarray
    """(N,) squared distance at the end of the line, over that at its start."""
    missing: int
    """Number of examples left out: those without a turning, and those at their target from the start."""

    @property
    def below(self) -> np.ndarray:
        """True for each output that turns by less than pi / 2, shape (N,)."""
        return self.turning < TURNING_LIMIT

    @property
    def rising(self) -> np.ndarray:
        """True for each squared distance that rises by more than rounding, shape (N,)."""
        return self.rise > ROUNDING


def collect_examples(results: Results, rows: pd.DataFrame, rise: str, start: str, end: str | None = None) -> Examples:
    """Collect the examples of some lines.

    Args:
        results: The pooled suites.
        rows: Rows of `Results.lines`.
        rise: Field of `Curves` that holds min Delta of the squared distance to a target.
        start: Field of `Curves` that holds the squared distance at the first alpha.
        end: Field of `Curves` that holds it at the last alpha; None if it is 0.

    Returns:
        The examples that have a turning and a squared distance above 0 at the start.
    """
    counts = [int(count) for _, count in results.values(rows, "examples")]

    def joined(field: str) -> np.ndarray:
        parts = [values[:count] for (_, values), count in zip(results.values(rows, field), counts, strict=True)]
        return np.concatenate(parts).astype(float) if parts else np.empty(0)

    turning, rises, starts = joined("gauss_turning"), joined(rise), joined(start)
    ends = np.zeros_like(starts) if end is None else joined(end)
    kept = np.isfinite([turning, rises, starts, ends]).all(0) & (starts > 0)
    starts = starts[kept]
    return Examples(turning[kept], rises[kept] / starts, ends[kept] / starts, int((~kept).sum()))
