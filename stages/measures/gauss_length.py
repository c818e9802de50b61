"""Length under the Gauss map: how much a network's output turns along a line, by two estimators."""

from collections.abc import Sequence

import numpy as np

from stages.measures.declare import PAPER, Needs, measure

TINY = np.finfo(np.float64).tiny


# Shape letters: A = alphas, G = examples, O = outputs of the network.
def smooth(tangents_AGO: np.ndarray, accelerations_AGO: np.ndarray, alphas_A: np.ndarray) -> np.ndarray:
    """Return the Gauss length of each curve by the trapezoid rule over the norm of the unit tangent's derivative.

    With v = dz/dalpha and a = d2z/dalpha2, the unit tangent moves at the speed |a - (a.v)v / (v.v)| / |v| (Lucas et al.
    2021, definition 2; the explicit form in their appendix A lacks one factor v.v). The derivative is taken at fixed
    alpha, so the corners of piecewise smooth curves, as of ReLU networks, are not seen: `turning` sees them.

    Args:
        tangents_AGO: v, shape (A, G, O).
        accelerations_AGO: a, shape (A, G, O).
        alphas_A: Increasing alphas, shape (A,).

    Returns:
        Radians, shape (G,). Where the tangent is zero the unit tangent is undefined and counts as at rest. NaN for a
        curve with a value that is not finite.

    Raises:
        ValueError: If the shapes do not agree or there are fewer than two alphas.
    """
    if tangents_AGO.shape != accelerations_AGO.shape or tangents_AGO.ndim != 3:
        raise ValueError(f"want equal shapes (A, G, O), got {tangents_AGO.shape} and {accelerations_AGO.shape}")
    if alphas_A.shape != tangents_AGO.shape[:1] or len(alphas_A) < 2:
        raise ValueError(f"want {len(tangents_AGO)} >= 2 alphas, got shape {alphas_A.shape}")
    finite, speed_AG = speeds(tangents_AGO, accelerations_AGO)
    return np.where(finite, np.trapezoid(speed_AG, alphas_A, axis=0), np.nan)


def speeds(tangents_AGO: np.ndarray, accelerations_AGO: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which curves are finite, shape (G,), and how fast their unit tangents turn by alpha, shape (A, G).

    Args:
        tangents_AGO: v, shape (A, G, O).
        accelerations_AGO: a, shape (A, G, O).

    Returns:
        True for each finite curve; radians per unit of alpha, 0 where the tangent is zero or the curve is not finite.
    """
    v = tangents_AGO.astype(np.float64)
    a = accelerations_AGO.astype(np.float64)
    finite = np.isfinite(v).all(axis=(0, 2)) & np.isfinite(a).all(axis=(0, 2))
    unit, length = _unit(np.where(finite[:, None], v, 0.0))
    a = np.where(finite[:, None], a, 0.0)
    across = a - (a * unit).sum(axis=2, keepdims=True) * unit
    return finite, np.where(length > 0, np.linalg.norm(across, axis=2) / np.maximum(length, TINY), 0.0)


def turning(tangents_AGO: np.ndarray) -> np.ndarray:
    """Return the total turning of each curve: the sum of the angles between consecutive unit tangents.

    A lower bound of the Gauss length that converges to it from below as the grid gets finer, corners included; a corner
    of angle phi adds phi. Theorem 3 of Lucas et al. (2021) is about this total.

    Args:
        tangents_AGO: dz/dalpha, shape (A, G, O), in the order of alpha.

    Returns:
        Radians, shape (G,). A zero tangent has no direction and is passed over; a curve with fewer than two others
        turns by 0. NaN for a curve with a value that is not finite.

    Raises:
        ValueError: If `tangents_AGO` is not 3-D or has fewer than two alphas.
    """
    if tangents_AGO.ndim != 3 or len(tangents_AGO) < 2:
        raise ValueError(f"want shape (A >= 2, G, O), got {tangents_AGO.shape}")
    finite, angles = turning_angles(tangents_AGO)
    return np.where(finite, angles.sum(axis=0), np.nan)


def turning_angles(tangents_AGO: np.ndarray, apart: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return which curves are finite, shape (G,), and the angles between tangents some alphas apart.

    Args:
        tangents_AGO: dz/dalpha, shape (A, G, O), in the order of alpha.
        apart: Number of steps from one tangent to the other.

    Returns:
        True for each finite curve; radians, shape (A - apart, G). A zero tangent counts as the one before it, or, at
        the start, as the first that is not zero. 0 for a curve that is not finite.
    """
    v = tangents_AGO.astype(np.float64)
    finite = np.isfinite(v).all(axis=(0, 2))
    unit_AGO, length_AG = _unit(np.where(finite[:, None], v, 0.0))
    first = (length_AG > 0).argmax(axis=0)
    unit_AGO[0] = unit_AGO[first, np.arange(len(first))]
    for row in range(1, len(unit_AGO)):
        unit_AGO[row] = np.where(length_AG[row, :, None] > 0, unit_AGO[row], unit_AGO[row - 1])
    moving = length_AG.any(axis=0)
    # Twice the arc tangent of half-chords keeps its digits at small angles, where the arc cosine loses them.
    return finite, np.where(moving, 2 * _half_angle(unit_AGO[apart:], unit_AGO[:-apart]), 0.0)


def _half_angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return half the angle between unit vectors, by PyTorch's arc tangent: its bits are the same on all processors."""
    import torch  # seconds, which the stages that only read Gauss lengths need not spend

    chord, middle = np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1)
    return torch.atan2(torch.from_numpy(chord), torch.from_numpy(middle)).numpy()


def _unit(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors along the last axis (zero for zero vectors), and their lengths."""
    scale = np.abs(vectors).max(axis=-1, keepdims=True)  # keeps squares from under- and overflow
    scaled = vectors / np.where(scale > 0, scale, 1.0)
    length = np.linalg.norm(scaled, axis=-1, keepdims=True)
    return scaled / np.where(length > 0, length, 1.0), (length * scale)[..., 0]


@measure(
    "gauss_length_smooth",
    of=("gauss_smooth",),
    unit="radians",
    about="Gauss length by the paper's integral, which misses corners",
    source=PAPER,
    needs=(Needs.GAUSS_LENGTHS,),
    order=200,
)
@measure(
    "gauss_length_turning",
    of=("gauss_turning",),
    unit="radians",
    about="Gauss length as total turning, corners included",
    needs=(Needs.GAUSS_LENGTHS,),
    order=210,
)
@measure(
    "gauss_length_smooth_grid",
    of=("gauss_smooth_grid",),
    unit="radians",
    about="Gauss length by the paper's integral on the suite's own grid of α, 50 in the paper",
    source=PAPER,
    needs=(Needs.GAUSS_LENGTHS,),
    summarised=False,
    order=212,
)
@measure(
    "gauss_length_turning_grid",
    of=("gauss_turning_grid",),
    unit="radians",
    about="sum of the angles between tangents on the suite's own grid of α, which misses most corners",
    needs=(Needs.GAUSS_LENGTHS,),
    summarised=False,
    order=213,
)
def mean_length(lengths: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean over the examples of each line.

    Args:
        lengths: L arrays of shape (G,), Gauss lengths in radians.

    Returns:
        Radians, shape (L,); NaN for a line without examples.
    """
    return np.array([one.mean() if one.size else np.nan for one in lengths])


@measure(
    "gauss_alphas",
    of=("gauss_alphas", "gauss_smooth"),
    unit="number of α",
    about="number of α that the Gauss lengths are computed from",
    needs=(Needs.GAUSS_LENGTHS,),
    summarised=False,
    order=214,
)
@measure(
    "gauss_change",
    of=("gauss_change", "gauss_smooth"),
    unit="proportion of the Gauss length",
    about="largest relative change of the two Gauss lengths when every second α is left out",
    needs=(Needs.GAUSS_LENGTHS,),
    summarised=False,
    order=215,
)
def of_lines_with_lengths(values_L: np.ndarray, lengths: Sequence[np.ndarray]) -> np.ndarray:
    """Return a value of each line that has Gauss lengths.

    Args:
        values_L: The values, shape (L,).
        lengths: L arrays of shape (G,), Gauss lengths; empty for a line without them.

    Returns:
        The values, shape (L,); NaN for a line without examples.
    """
    return np.where([one.size > 0 for one in lengths], values_L, np.nan)


@measure(
    "gauss_length_kinks",
    of=("gauss_turning", "gauss_smooth"),
    unit="radians",
    about="turning at corners: total turning less the smooth Gauss length",
    needs=(Needs.GAUSS_LENGTHS,),
    order=220,
)
def mean_turning_at_corners(turning: Sequence[np.ndarray], smooth: Sequence[np.ndarray]) -> np.ndarray:
    """Return how much of the mean turning of each line is at corners, in radians, shape (L,)."""
    return mean_length(turning) - mean_length(smooth)


@measure(
    "fraction_below_half_pi",
    of=("gauss_turning",),
    unit="proportion of examples",
    about="share of examples that turn by less than π/2",
    needs=(Needs.GAUSS_LENGTHS,),
    summarised=False,
    order=230,
)
def fraction_below_half_pi(lengths: Sequence[np.ndarray]) -> np.ndarray:
    """Return the proportion of examples of each line with a Gauss length below pi/2, the limit of theorem 3.

    Args:
        lengths: L arrays of shape (G,), Gauss lengths in radians.

    Returns:
        The proportion, shape (L,); NaN for a line without examples or with a length that is not finite.
    """
    known = [one.size > 0 and np.isfinite(one).all() for one in lengths]
    return np.array([np.mean(one < np.pi / 2) if good else np.nan for one, good in zip(lengths, known, strict=True)])
