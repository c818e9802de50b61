"""The curves of a suite: loss, accuracy and Gauss lengths along every line, in one file."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from stages.shared.errors import UserError
from stages.shared.files import read_arrays, write_arrays

OF_HEADER = ("run_ids", "lines", "starts", "draws", "parts")
OF_EXAMPLES = ("gauss_smooth", "gauss_turning", "example_start_loss", "example_final_loss", "example_rise")
OF_EXAMPLES += ("example_start_to_end", "example_rise_to_end")


# Shape letters: L = lines of the suite, A = alphas, G = examples of the Gauss lengths, K = examples of the paths,
# O = outputs of the network.
@dataclass(frozen=True)
class Curves:
    """What the sweep found along the lines of one suite; NaN where a network is not finite or has no accuracy."""

    run_ids: tuple[str, ...]
    """The run at the end of each line."""
    lines: tuple[str, ...]
    """The kind of each line, as in `Line.kind`."""
    starts: tuple[str, ...]
    """The run at the start of each line; that at its end, but for lines between runs."""
    draws: tuple[int | None, ...]
    """`Line.draw` of each line."""
    parts: tuple[str | None, ...]
    """`Line.part` of each line."""
    alphas: np.ndarray
    """(A,)"""
    loss_train: np.ndarray
    """(L, A) mean loss an example over the un-augmented training split."""
    loss_test: np.ndarray
    """(L, A)"""
    accuracy_train: np.ndarray
    """(L, A) proportion of examples whose largest output is their class."""
    accuracy_test: np.ndarray
    """(L, A)"""
    examples: np.ndarray
    """(L,) how many of the G examples a line has: all its run was trained on, if fewer; 0 if it is not finite
    or Gauss lengths were not asked for."""
    gauss_smooth: np.ndarray
    """(L, G) radians; per example, NaN beyond those it has."""
    gauss_turning: np.ndarray
    """(L, G) radians; per example, NaN beyond those it has."""
    example_start_loss: np.ndarray
    """(L, G) each example's own loss at the first alpha; these five are NaN beyond the examples that a line has."""
    example_final_loss: np.ndarray
    """(L, G) the same at the last alpha."""
    example_rise: np.ndarray
    """(L, G) min Delta of the example's own loss along the line."""
    example_start_to_end: np.ndarray
    """(L, G) squared distance of the example's outputs at the first alpha from those at the last."""
    example_rise_to_end: np.ndarray
    """(L, G) min Delta of the squared distance to the outputs at the last alpha."""
    distance: np.ndarray
    """(L,) Euclidean distance of the endpoints over trainable parameters."""
    start_norm: np.ndarray
    """(L,) Euclidean norm of the starting point."""
    bias_gap: np.ndarray
    """(L,) largest less smallest bias of the last layer at the end of the line; NaN without biases."""
    refined_alphas: np.ndarray
    """(L, R) further alphas around the largest rise of the training loss, NaN beyond those a line has."""
    refined_loss: np.ndarray
    """(L, R) the training loss there."""
    repeated_loss: np.ndarray
    """(L, repeats, A) the training loss again, with batch-norm statistics of other batches; NaN without batch norm."""
    paths: np.ndarray
    """(L, A, K, O) outputs for the first K training examples, NaN beyond those it has; K may be 0."""
    path_labels: np.ndarray
    """(L, K) classes of those examples; -1 beyond those it has."""


def save_curves(path: Path, curves: Curves) -> None:
    """Write the curves of a suite."""
    arrays = {f.name: getattr(curves, f.name) for f in fields(curves) if f.name not in OF_HEADER}
    write_arrays(path, arrays, {name: getattr(curves, name) for name in OF_HEADER})


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
        return Curves(**{name: tuple(about[name]) for name in OF_HEADER}, **arrays)
    except (KeyError, TypeError) as error:
        raise UserError(f"{path} holds no curves; delete it and run `dvc repro`") from error
