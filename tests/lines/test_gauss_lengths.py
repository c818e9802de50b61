"""Alphas that are added until Gauss lengths are resolved, on curves of known length."""

import numpy as np
import torch

from stages.config import GaussRefinement
from stages.lines.gauss_lengths import GaussPoints, resolve_gauss_lengths
from stages.lines.jets import Jet

GRID = torch.linspace(0, 1, 50, dtype=torch.float64)
WANTED = GaussRefinement(tolerance=0.02, most_alphas=400)


def steady(alphas):
    return 2.0 * alphas, 2.0 + 0 * alphas


def sharp(alphas, at=0.511, width=0.002):
    """Return the tangent's angle and its derivative: it turns by 2.5 near one alpha, and by 1 evenly."""
    up = 1 / (1 + np.exp(-np.clip((alphas - at) / width, -700, 700)))
    return 2.5 * up + alphas, 2.5 * up * (1 - up) / width + 1


def polygon(alphas):
    """Return the angle of a polygon's side; its smooth length is 0 and it turns by 0.7 at each of its corners."""
    return 0.7 * np.floor(alphas * 40 + 0.3), 0 * alphas


class Path:
    """A planar path with a tangent of length 1, whose points are evaluated when asked for."""

    def __init__(self, angle, examples=2):
        self.angle, self.examples, self.asked = angle, examples, []

    def __call__(self, alphas):
        self.asked += alphas.tolist()
        angle, speed = (torch.from_numpy(np.asarray(one)) for one in self.angle(alphas.numpy()))
        v = torch.stack([angle.cos(), angle.sin()], 1)
        a = torch.stack([-angle.sin(), angle.cos()], 1) * speed[:, None]
        each = [term[:, None].expand(-1, self.examples, -1) for term in (v, v, a)]
        return GaussPoints(alphas, Jet(*each), {})

    def resolve(self, wanted=WANTED, corners=None, smooth=True):
        """Return its lengths from the grid on."""
        first = self(GRID)
        self.asked = []
        return resolve_gauss_lengths(first, self, corners, smooth, wanted)


def test_a_curve_that_its_grid_resolves_gets_no_alphas():
    path = Path(steady)
    found = path.resolve()
    assert path.asked == []
    assert (found.alphas, found.smooth_grid.tolist()) == (50, found.smooth.tolist())
    np.testing.assert_allclose([found.smooth, found.turning, found.turning_grid], 2.0, rtol=1e-12)
    assert found.change < 1e-10


def test_a_sharp_turn_between_two_alphas_is_found_and_resolved():
    path = Path(sharp)
    found = path.resolve()
    assert found.smooth_grid[0] < 0.6 * 3.5 or found.smooth_grid[0] > 1.1 * 3.5
    np.testing.assert_allclose([found.smooth, found.turning], 3.5, rtol=0.02)
    assert found.change <= 0.02
    assert found.alphas == 50 + len(path.asked) < 100
    assert np.abs(np.array(path.asked) - 0.511).max() < 0.1  # none far from the turn


def test_a_turn_that_the_integral_does_not_see_at_all_is_found_by_angles():
    found = Path(lambda alphas: sharp(alphas, at=0.5, width=0.0005)).resolve()  # in the middle of an interval
    np.testing.assert_allclose(found.smooth_grid, 1.0, rtol=1e-6)
    np.testing.assert_allclose([found.smooth, found.turning], 3.5, rtol=0.02)


def test_no_more_alphas_are_taken_than_allowed_and_the_rest_is_told():
    found = Path(sharp).resolve(GaussRefinement(tolerance=1e-4, most_alphas=70))
    assert found.alphas == 70
    assert found.change > 1e-4
    assert Path(sharp).resolve(GaussRefinement(most_alphas=0)).alphas == 50


def corners_of(points):
    """Return the angles at a polygon's corners, counted exactly."""
    angle = torch.from_numpy(polygon(points.alphas.numpy())[0])
    near, pairs = angle[1:] - angle[:-1], angle[2:] - angle[:-2]
    return tuple(one[:, None].expand(-1, 2) for one in (near, pairs))


def test_corners_are_added_to_the_integral():
    found = Path(polygon).resolve(corners=corners_of, smooth=False)
    np.testing.assert_allclose(found.smooth, 0, atol=1e-12)
    np.testing.assert_allclose(found.turning, 0.7 * 40, rtol=1e-9)
    assert found.change < 0.02


def bends(alphas):
    """Return a polygon's angle with many corners near its middle."""
    return 0.7 * np.floor(300 * np.clip(alphas - 0.5, 0, 0.07) + 0.3), 0 * alphas


def test_corners_between_known_alphas_are_not_counted_again():
    def count(points):
        asked.append(points.alphas)
        angle = torch.from_numpy(bends(points.alphas.numpy())[0])
        intervals = (angle[1:] - angle[:-1]).sqrt()  # parts of an interval do not add up, so that alphas are added
        pairs = (angle[2:] - angle[:-2]).sqrt()
        return tuple(one[:, None].expand(-1, 2) for one in (intervals, pairs))

    asked = []
    path = Path(bends)
    found = path.resolve(GaussRefinement(most_alphas=150), count, smooth=False)
    alphas = torch.tensor(sorted({*GRID.tolist(), *path.asked}), dtype=torch.float64)
    assert len(asked) > 2
    assert all(again.min() > 0.4 and again.max() < 0.7 for again in asked[1:])
    np.testing.assert_allclose(found.turning, count(path(alphas))[0].sum(0), rtol=1e-12)


def test_without_a_count_of_corners_angles_between_tangents_are_taken_on_more_alphas():
    found = Path(polygon).resolve(smooth=False)
    np.testing.assert_allclose(found.turning, 0.7 * 40, rtol=0.02)


def test_a_curve_that_is_not_finite_gets_no_alphas():
    path = Path(lambda alphas: (np.where(alphas > 0.5, np.nan, alphas), 1 + 0 * alphas))
    found = path.resolve()
    assert path.asked == []
    assert np.isnan(found.smooth).all()
    assert np.isnan(found.change)
    empty = Path(steady, examples=0).resolve()
    assert empty.smooth.shape == (0,)
    assert np.isnan(empty.change)
