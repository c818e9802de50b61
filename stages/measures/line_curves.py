"""The curves along lines that measures are computed from."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np


# Shape letters: L = lines, A = alphas along each, G = examples of a line's Gauss lengths.
@dataclass(frozen=True)
class LineCurves:
    """Curves along L lines of one suite; NaN where a network is not finite or has no such value."""

    alphas: np.ndarray
    """(A,) increasing."""
    loss_train: np.ndarray
    """(L, A) mean loss of an example of the training split, without augmentation."""
    loss_test: np.ndarray
    """(L, A) mean loss of an example of the test split."""
    accuracy_train: np.ndarray
    """(L, A) proportion of training examples that are classified correctly."""
    accuracy_test: np.ndarray
    """(L, A) proportion of test examples that are classified correctly."""
    distance: np.ndarray
    """(L,) Euclidean distance between the ends over trainable parameters."""
    start_norm: np.ndarray
    """(L,) Euclidean norm of the trainable parameters at the start."""
    bias_gap: np.ndarray
    """(L,) largest less smallest bias of the last layer at the end of the line."""
    refined_alphas: np.ndarray
    """(L, R) alphas of the fine grid around the largest rise; NaN beyond those that a line has."""
    refined_loss: np.ndarray
    """(L, R) training loss at these alphas."""
    gauss_smooth: tuple[np.ndarray, ...]
    """L arrays of shape (G,): the paper's Gauss length of each example in radians; empty for a line without them."""
    gauss_turning: tuple[np.ndarray, ...]
    """L arrays of shape (G,): the total turning of each example in radians; empty for a line without them."""
    gauss_smooth_grid: tuple[np.ndarray, ...]
    """L arrays of shape (G,): the smooth Gauss length on `alphas` alone; empty for a line without them."""
    gauss_turning_grid: tuple[np.ndarray, ...]
    """L arrays of shape (G,): the angles between tangents at `alphas` alone; empty for a line without them."""
    gauss_alphas: np.ndarray
    """(L,) number of alphas that the Gauss lengths are computed from."""
    gauss_change: np.ndarray
    """(L,) relative change of the mean Gauss lengths when every second alpha is left out."""
    tolerance: float
    """min Delta in the unit of the loss up to which a line counts as monotone."""
    plateau_share: float
    """Share of a line's fall, between 0 and 1, after which it has left its plateau."""

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of all curves."""
        return [*(field.name for field in fields(cls)), "error_train"]

    @property
    def error_train(self) -> np.ndarray:
        """Proportion of training examples that are classified incorrectly, shape (L, A)."""
        return 1 - self.accuracy_train


def line_curves(curves, tolerance: float, plateau_share: float) -> LineCurves:
    """Return what measures need of the curves of a suite.

    Args:
        curves: The suite's `stages.lines.curves.Curves`.
        tolerance: min Delta up to which a line counts as monotone.
        plateau_share: Share of a line's fall after which it has left its plateau.

    Returns:
        The curves of all its lines.
    """
    of_examples = ("gauss_smooth", "gauss_turning", "gauss_smooth_grid", "gauss_turning_grid")
    lengths: dict[str, Any] = {name: _of_examples(getattr(curves, name), curves.examples) for name in of_examples}
    made = (*of_examples, "tolerance", "plateau_share")
    return LineCurves(
        **{field.name: getattr(curves, field.name) for field in fields(LineCurves) if field.name not in made},
        **lengths,
        tolerance=tolerance,
        plateau_share=plateau_share,
    )


def _of_examples(lengths_LG: np.ndarray, examples_L: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(lengths[:count] for lengths, count in zip(lengths_LG, examples_L, strict=True))
