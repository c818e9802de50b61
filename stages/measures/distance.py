"""How far the endpoints of a line are from each other in weight space."""

import numpy as np


def distance(start: np.ndarray, end: np.ndarray) -> float:
    """Return the Euclidean distance |theta_T - theta_0| of two vectors of trainable parameters.

    Args:
        start: theta_0, shape (D,): trainable parameters only, no batch-norm statistics or counters.
        end: theta_T, shape (D,).

    Returns:
        Distance in the unit of the parameters.

    Raises:
        ValueError: If the shapes differ.
    """
    if start.shape != end.shape:
        raise ValueError(f"want equal shapes, got {start.shape} and {end.shape}")
    return norm(end.astype(np.float64) - start.astype(np.float64))


def norm(vector: np.ndarray) -> float:
    """Return the Euclidean norm of a vector, in double precision.

    By numpy's own sum: its `linalg.norm` asks BLAS, whose bits depend on its number of threads.
    """
    return float(np.sqrt(np.square(vector, dtype=np.float64).sum()))
