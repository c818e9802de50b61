"""Coordinates of points in weight space: in a plane through three of them, and along a line through two."""

from dataclasses import dataclass

import numpy as np

from stages.measures.distance import norm
from stages.shared.errors import UserError

FLAT = 1e-6
"""Smallest distance of the third point from the line through the other two, as a share of the larger length."""


# Shape letters: D = parameters, P = points.
@dataclass(frozen=True)
class Basis:
    """Orthonormal axes of a plane in weight space; x points from the first to the second point."""

    origin: np.ndarray
    """(D,) the first point of the plane, in double precision."""
    x: np.ndarray
    """(D,) unit vector."""
    y: np.ndarray
    """(D,) unit vector orthogonal to x."""
    length: float
    """Distance of the second point from the first, in the unit of the parameters."""

    def coordinates(self, points_PD: np.ndarray) -> np.ndarray:
        """Return the coordinates of points.

        Args:
            points_PD: Trainable parameters, shape (P, D).

        Returns:
            x, y and the distance off the plane, in the unit of the parameters, shape (P, 3).
        """
        found = []
        for point in points_PD:
            away = point.astype(np.float64) - self.origin
            x, y = dot(away, self.x), dot(away, self.y)
            found.append((x, y, norm(away - x * self.x - y * self.y)))
        return np.array(found).reshape(-1, 3)


def basis(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> Basis:
    """Return the axes of the plane through three points (Lucas et al. 2021, figure 1).

    Args:
        first: The origin, shape (D,): trainable parameters only.
        second: A point on the positive x axis, shape (D,).
        third: A point of positive y, shape (D,).

    Returns:
        The axes.

    Raises:
        UserError: If the three points are on one line.
    """
    origin = first.astype(np.float64)
    along, across = second - origin, third - origin
    length = norm(along)
    if length > 0:
        x = along / length
        off = across - dot(across, x) * x
        off -= dot(off, x) * x  # again: what rounding left along x
        if norm(off) > FLAT * max(length, norm(across)):
            return Basis(origin, x, off / norm(off), length)
    raise UserError("planes: its three points lie on one line, so that they span no plane; choose others")


def dot(a: np.ndarray, b: np.ndarray) -> float:
    """Return the inner product, by numpy's own sum: the bits of BLAS depend on its number of threads."""
    return float((a * b).sum())


@dataclass(frozen=True)
class Progress:
    """A trajectory relative to the line from its first to its last point (Goodfellow et al. 2014, section 4).

    All fields have the shape (P,); lengths are in units of the length of the line.
    """

    progress: np.ndarray
    """How far along the line the nearest point to theta_t is: 0 at the first, 1 at the last point."""
    residual: np.ndarray
    """Distance off the line."""
    remaining: np.ndarray
    """|theta_t - theta_T|, the distance to the last point."""
    cosine: np.ndarray
    """Cosine of the angle between theta_t - theta_0 and the line; NaN at the first point."""
    step_cosine: np.ndarray
    """Cosine of the angle between theta_t - theta_(t-1) and the line; NaN at the first point."""


def progress(points_PD: np.ndarray) -> Progress:
    """Return the coordinates of a trajectory relative to the line from its first to its last point.

    Args:
        points_PD: Weights in the order of training, shape (P, D), P at least 2.

    Returns:
        Coordinates of each point; NaN where all points are equal.
    """
    points = points_PD.astype(np.float64)
    line = points[-1] - points[0]
    length = norm(line)
    away, steps = points - points[0], np.diff(points, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        along = np.array([dot(one, line) for one in away]) / length**2
        off = np.array([norm(one - share * line) for one, share in zip(away, along, strict=True)]) / length
        remaining = np.array([norm(one - points[-1]) for one in points]) / length
        cosine = np.array([np.divide(dot(one, line), norm(one) * length) for one in away[1:]])
        turns = np.array([np.divide(dot(one, line), norm(one) * length) for one in steps])
    return Progress(along, off, remaining, np.append(np.nan, cosine), np.append(np.nan, turns))
