"""Gauss lengths along a line on alphas that are added until they are resolved."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from stages.config import GaussRefinement
from stages.lines.jets import Jet
from stages.measures.gauss_length import speeds, turning_angles
from stages.measures.gauss_refinement import interval_changes, relative_change, select_intervals
from stages.networks.batch_norm import Statistics
from stages.networks.evaluation import batches

GAUSS_NUMBERS = 2**20
"""Largest number of values of tangents whose Gauss lengths are computed at once, in double precision."""


# Shape letters: A = alphas, G = examples of the Gauss lengths, O = outputs.
@dataclass(frozen=True)
class GaussPoints:
    """Outputs along a line with their derivatives, from which Gauss lengths are computed."""

    alphas: Tensor
    """Increasing, shape (A,)."""
    outputs: Jet
    """Outputs of the G examples with their derivatives by alpha, shape (A, G, O) each."""
    statistics: Statistics
    """Batch-norm statistics by name, shape (A, C) each."""

    def among(self, some: slice) -> "GaussPoints":
        """Return some of the points."""
        statistics = {name: value[some] for name, value in self.statistics.items()}
        return GaussPoints(self.alphas[some], Jet(*(term[some] for term in self.outputs)), statistics)

    def merge(self, other: "GaussPoints") -> "GaussPoints":
        """Return the points of both in the order of alpha."""
        order = torch.cat([self.alphas, other.alphas]).argsort(stable=True)

        def both(a: Tensor, b: Tensor) -> Tensor:
            return torch.cat([a, b])[order]

        return GaussPoints(
            both(self.alphas, other.alphas),
            Jet(*(both(a, b) for a, b in zip(self.outputs, other.outputs, strict=True))),
            {name: both(value, other.statistics[name]) for name, value in self.statistics.items()},
        )


@dataclass(frozen=True)
class GaussLengths:
    """Gauss lengths of each example along a line, in radians, shape (G,)."""

    smooth: np.ndarray
    """By the paper's integral, on as many alphas as it needs."""
    turning: np.ndarray
    """Total turning: the integral plus the angles at corners, or angles between tangents."""
    smooth_grid: np.ndarray
    """By the integral on the line's own grid of alphas."""
    turning_grid: np.ndarray
    """By the angles between tangents on the line's own grid, which miss most corners."""
    alphas: int
    """Number of alphas."""
    change: float
    """Largest relative change of the two mean lengths when every second alpha is left out; NaN if not finite."""


Corners = Callable[[GaussPoints], tuple[Tensor, Tensor]]
"""Angles at corners by interval, shape (A - 1, G), and by pair of intervals, (A - 2, G)."""


def resolve_gauss_lengths(
    points: GaussPoints,
    evaluate: Callable[[Tensor], GaussPoints],
    corners: Corners | None,
    smooth: bool,
    wanted: GaussRefinement,
) -> GaussLengths:
    """Return Gauss lengths on alphas that are added where the lengths still change, until they are resolved.

    Args:
        points: The line's own grid.
        evaluate: From further alphas, shape (P,), to what is found there.
        corners: Angles at the corners of the paths; None for networks without corners and for those whose corners
            cannot be counted, whose turning is by the angles between tangents.
        smooth: Whether the network has no corners, so that angles exceed the integral only where it misses a turn.
        wanted: Tolerance, and the largest number of alphas.

    Returns:
        The lengths. A line with an example that is not finite has those of its own grid.
    """
    if not points.outputs.value.shape[1]:
        none = (np.zeros(0),) * 4
        return GaussLengths(*none, len(points.alphas), float("nan"))
    found = first = _parts(points)
    grid = first.lengths()
    if not first.finite:
        return GaussLengths(*grid, *grid, len(first), float("nan"))
    counted = None
    while True:
        room = max(0, wanted.most_alphas - len(found))
        changes = found.changes(by_angles=corners is None)
        chosen = select_intervals([*changes, found.missed()] if smooth else changes, wanted.tolerance, room)
        if corners is not None and not len(chosen):
            counted = _count_corners(counted, points, corners)
            found = replace(found, corners=counted.angles)
            changes = found.changes(by_angles=False)
            chosen = select_intervals([*changes, found.missed()], wanted.tolerance, room)
        where = points.alphas.double().cpu().numpy()
        new = torch.from_numpy((where[chosen] + where[chosen + 1]) / 2).to(points.alphas)
        if not len(new) or torch.isin(new, points.alphas).any():
            break
        further = points.merge(evaluate(new))
        parts = _parts(further)
        if not parts.finite:
            break
        points, found = further, parts
    if corners is not None and found.corners is None:
        found = replace(found, corners=_count_corners(counted, points, corners).angles)
        changes = found.changes(by_angles=False)
    change = max(relative_change(*part) for part in changes)
    return GaussLengths(*found.lengths(), *grid, len(found), change)


@dataclass(frozen=True)
class _CountedCorners:
    """Angles at the corners between some alphas."""

    alphas: Tensor
    """Shape (A,)."""
    angles: tuple[np.ndarray, ...]
    """Sums in intervals, shape (A - 1, G), and in pairs of adjacent intervals, (A - 2, G)."""


def _count_corners(known: _CountedCorners | None, points: GaussPoints, corners: Corners) -> _CountedCorners:
    """Return the angles at corners between all alphas; those between alphas that are known are not computed again."""
    if known is None:
        return _CountedCorners(points.alphas, tuple(part.numpy() for part in corners(points)))
    old = torch.isin(points.alphas, known.alphas).cpu().numpy()
    near = np.convolve(~old, np.ones(5), "same") > 0  # a pair of intervals spans two alphas on either side
    angles = []
    for span, before in zip((1, 2), known.angles, strict=True):
        kept = np.all([old[step : len(old) - span + step] for step in range(span + 1)], axis=0)
        found = np.full((len(kept), before.shape[1]), np.nan)
        found[kept] = before[(np.cumsum(old) - 1)[:-span][kept]]
        angles.append(found)
    edges = np.flatnonzero(np.diff(near, prepend=False, append=False))
    for low, high in edges.reshape(-1, 2):
        for span, again in zip((1, 2), corners(points.among(slice(low, high))), strict=True):
            angles[span - 1][low : high - span] = again.numpy()
    return _CountedCorners(points.alphas, tuple(angles))


@dataclass(frozen=True)
class _Parts:
    """The parts of the intervals in both Gauss lengths: each interval's, and those of pairs of adjacent intervals."""

    examples_finite: tuple[np.ndarray, np.ndarray]
    """Whether each example has a smooth length and a turning, shape (G,)."""
    smooth: tuple[np.ndarray, np.ndarray]
    """Shapes (A - 1, G) and (A - 2, G)."""
    turning: tuple[np.ndarray, np.ndarray]
    """Angles between tangents, shapes (A - 1, G) and (A - 2, G)."""
    corners: tuple[np.ndarray, ...] | None = None
    """Angles at corners, shapes (A - 1, G) and (A - 2, G), where they are counted."""

    def __len__(self) -> int:
        """Return the number of alphas."""
        return len(self.smooth[0]) + 1

    @property
    def finite(self) -> bool:
        """Whether all examples are finite."""
        return all(one.all() for one in self.examples_finite)

    def lengths(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the smooth length and the turning of each example, shape (G,); NaN where they are not finite."""
        both = zip(self.examples_finite, (self.smooth, self._total()), strict=True)
        smooth, turning = (np.where(finite, parts[0].sum(axis=0), np.nan) for finite, parts in both)
        return smooth, turning

    def changes(self, by_angles: bool) -> list[tuple[np.ndarray, float]]:
        """Return the changes of the mean smooth length, and of the mean turning, with their lengths.

        Args:
            by_angles: Whether to include the turning although no corners have been counted.
        """
        some = (self.smooth, self._total()) if by_angles or self.corners else (self.smooth,)
        return [(interval_changes(*(part.mean(axis=1) for part in one)), one[0].sum(axis=0).mean()) for one in some]

    def missed(self) -> tuple[np.ndarray, float]:
        """Return by how much angles between tangents exceed the integral with its corners, and that: missed turns."""
        total = (self.smooth if self.corners is None else self._total())[0].mean(axis=1)
        return np.maximum(self.turning[0].mean(axis=1) - total, 0.0), total.sum()

    def _total(self) -> tuple[np.ndarray, ...]:
        """Return the parts of the turning: of the smooth length and the corners, or of the angles between tangents."""
        if self.corners is None:
            return self.turning
        return tuple(smooth + corner for smooth, corner in zip(self.smooth, self.corners, strict=True))


def _parts(points: GaussPoints) -> _Parts:
    """Compute the parts of the intervals, some examples at a time."""
    _, v, a = (term.cpu().numpy() for term in points.outputs)
    alphas = points.alphas.double().cpu().numpy()[:, None]
    found = []
    for some in batches(v.shape[1], max(1, GAUSS_NUMBERS // v[:, 0].size)):
        smooth_finite, speed = speeds(v[:, some], a[:, some])
        turning_finite, near = turning_angles(v[:, some])
        smooth = [(speed[d:] + speed[:-d]) / 2 * (alphas[d:] - alphas[:-d]) for d in (1, 2)]
        found.append((smooth_finite, turning_finite, *smooth, near, turning_angles(v[:, some], apart=2)[1]))
    joined = [np.concatenate(part, axis=-1) for part in zip(*found, strict=True)]
    return _Parts((joined[0], joined[1]), (joined[2], joined[3]), (joined[4], joined[5]))
