"""The curves of a suite: loss, accuracy and Gauss lengths along every line, in one file."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from stages.files import read_arrays, write_arrays


# Shape letters: L = lines of the suite, A = alphas, G = examples of the Gauss lengths, K = examples of the paths,
# O = outputs of the network.
@dataclass(frozen=True)
class Curves:
    """What the sweep found along the lines of one suite; NaN where a network is not finite or has no accuracy."""

    run_ids: tuple[str, ...]
    """The run at the end of each line."""
    lines: tuple[str, ...]
    """The kind of each line, as in `Line.kind`."""
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
    gauss_smooth: np.ndarray
    """(L, G) radians; per example."""
    gauss_turning: np.ndarray
    """(L, G) radians; per example."""
    distance: np.ndarray
    """(L,) Euclidean distance of the endpoints over trainable parameters."""
    start_norm: np.ndarray
    """(L,) Euclidean norm of the starting point."""
    paths: np.ndarray
    """(L, A, K, O) outputs for the first K training examples; K = 0 where the suite keeps none."""
    path_labels: np.ndarray
    """(L, K) classes of those examples; -1 for a network that is not finite."""

    def where(self, keep: np.ndarray) -> "Curves":
        """Return the lines for which the boolean array `keep`, shape (L,), is true."""
        chosen = np.flatnonzero(keep)
        shared = {"alphas"}
        values = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("run_ids", "lines"):
                values[field.name] = tuple(value[i] for i in chosen)
            else:
                values[field.name] = value if field.name in shared else value[chosen]
        return Curves(**values)


def save_curves(path: Path, curves: Curves) -> None:
    """Write the curves of a suite."""
    arrays = {f.name: getattr(curves, f.name) for f in fields(curves) if f.name not in ("run_ids", "lines")}
    write_arrays(path, arrays, {"run_ids": curves.run_ids, "lines": curves.lines})


def load_curves(path: Path) -> Curves:
    """Read the curves of a suite.

    Args:
        path: The file.

    Returns:
        The curves.

    Raises:
        UserError: If the file is missing, damaged or changed.
    """
    arrays, about = read_arrays(path)
    return Curves(run_ids=tuple(about["run_ids"]), lines=tuple(about["lines"]), **arrays)
