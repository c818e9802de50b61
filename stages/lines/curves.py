"""The curves of a suite: loss, accuracy and Gauss lengths along every line, in one file."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from stages.shared.errors import UserError
from stages.shared.files import read_arrays, write_arrays

HEADER_FIELDS = ("run_ids", "lines", "starts", "draws", "parts")
"""Fields that are kept in the header of the file."""
EXAMPLE_FIELDS = (
    "gauss_smooth",
    "gauss_turning",
    "gauss_smooth_grid",
    "gauss_turning_grid",
    "example_start_loss",
    "example_final_loss",
    "example_rise",
    "example_start_to_end",
    "example_rise_to_end",
)
"""Fields with a value for each example of the Gauss lengths."""


# Shape letters: L = lines of the suite, A = alphas, G = examples of the Gauss lengths, K = examples of the paths,
# O = outputs of the network.
@dataclass(frozen=True)
class Curves:
    """Values along the lines of one suite; NaN where a network is not finite or has no accuracy."""

    run_ids: tuple[str, ...]
    """The run at the end of each line."""
    lines: tuple[str, ...]
    """The kind of each line, as in `Line.kind`."""
    starts: tuple[str, ...]
    """The run at the start of each line: the run at its end, except for lines between two runs."""
    draws: tuple[int | None, ...]
    """`Line.draw` of each line."""
    parts: tuple[str | None, ...]
    """`Line.part` of each line."""
    alphas: np.ndarray
    """Positions along the lines, shape (A,)."""
    loss_train: np.ndarray
    """Mean loss over the un-augmented training split, shape (L, A), in nats per example for cross-entropy."""
    loss_test: np.ndarray
    """Mean loss over the test split, shape (L, A)."""
    accuracy_train: np.ndarray
    """Proportion of training examples whose largest output is their class, shape (L, A)."""
    accuracy_test: np.ndarray
    """The proportion on the test split, shape (L, A)."""
    examples: np.ndarray
    """Number of the G examples that each line has, shape (L,): fewer if its run was trained on fewer, 0 if the line is
    not finite or the suite wants no Gauss lengths. Values per example are NaN beyond this number."""
    gauss_smooth: np.ndarray
    """Gauss length of each example by the paper's integral, shape (L, G), in radians."""
    gauss_turning: np.ndarray
    """Total turning of each example, corners included, shape (L, G), in radians."""
    gauss_smooth_grid: np.ndarray
    """Gauss length of each example by the paper's integral on `alphas` alone, shape (L, G), in radians."""
    gauss_turning_grid: np.ndarray
    """Total turning of each example by the angles between tangents at `alphas` alone, shape (L, G), in radians."""
    gauss_alphas: np.ndarray
    """Number of alphas that the Gauss lengths are computed from, shape (L,); NaN for a line without them."""
    gauss_change: np.ndarray
    """Largest relative change of the mean Gauss lengths when every second alpha is left out, shape (L,); NaN for a line
    without them, or where it is not known."""
    example_start_loss: np.ndarray
    """Loss of each example at the first alpha, shape (L, G)."""
    example_final_loss: np.ndarray
    """Loss of each example at the last alpha, shape (L, G)."""
    example_rise: np.ndarray
    """min Delta of each example's loss along the line, shape (L, G)."""
    example_start_to_end: np.ndarray
    """Squared distance of each example's outputs at the first alpha from those at the last, shape (L, G)."""
    example_rise_to_end: np.ndarray
    """min Delta of the squared distance to the outputs at the last alpha, shape (L, G)."""
    distance: np.ndarray
    """Euclidean distance of the endpoints over trainable parameters, shape (L,)."""
    start_norm: np.ndarray
    """Euclidean norm of the start over trainable parameters, shape (L,)."""
    bias_gap: np.ndarray
    """Largest minus smallest bias of the last layer at the end of the line, shape (L,); NaN without biases."""
    refined_alphas: np.ndarray
    """Fine grid of alphas around the largest rise of the training loss, shape (L, R), padded with NaN."""
    refined_loss: np.ndarray
    """Training loss on the fine grid, shape (L, R), padded with NaN."""
    paths: np.ndarray
    """Outputs for the first K training examples, shape (L, A, K, O), padded with NaN; K may be 0."""
    path_labels: np.ndarray
    """Classes of those examples, shape (L, K), padded with -1."""


def save_curves(path: Path, curves: Curves) -> None:
    """Write the curves of a suite."""
    arrays = {f.name: getattr(curves, f.name) for f in fields(curves) if f.name not in HEADER_FIELDS}
    write_arrays(path, arrays, {name: getattr(curves, name) for name in HEADER_FIELDS})


def load_curves(path: Path) -> Curves:
    """Read the curves of a suite.

    Args:
        path: The file.

    Returns:
        The curves.

    Raises:
        UserError: If the file is missing, damaged, changed, or of another kind.
    """
    arrays, about = read_arrays(path)
    try:
        header: dict[str, Any] = {name: tuple(about[name]) for name in HEADER_FIELDS}
        return Curves(**header | arrays)
    except (KeyError, TypeError) as error:
        raise UserError(f"{path} holds no curves; delete it and run `dvc repro`") from error
