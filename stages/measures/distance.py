"""How far the endpoints of a line are from each other in weight space."""

import numpy as np

from stages.measures.declare import PAPER, Needs, measure


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

    The sum is numpy's own, since the bits of `linalg.norm`, which calls BLAS, depend on its number of threads.

    Args:
        vector: Any shape.

    Returns:
        Norm in the unit of the vector.
    """
    return float(np.sqrt(np.square(vector, dtype=np.float64).sum()))


@measure(
    "distance",
    of=("distance",),
    unit="unit of the parameters",
    about="Euclidean distance between the ends over trainable parameters",
    source=PAPER,
    summarised=False,
    order=180,
)
def distance_of_the_ends(distances_L: np.ndarray) -> np.ndarray:
    """Return the `distance` between the ends of each line, shape (L,)."""
    return distances_L


@measure(
    "normalized_distance",
    of=("distance", "start_norm"),
    unit="ratio",
    about="distance over the norm of the starting point",
    source=PAPER,
    needs=(Needs.NONZERO_START,),
    summarised=False,
    order=190,
)
def normalized_distance(distances_L: np.ndarray, start_norms_L: np.ndarray) -> np.ndarray:
    """Return the distance between the ends of each line over the norm of its start, shape (L,)."""
    return distances_L / np.where(start_norms_L > 0, start_norms_L, np.nan)
