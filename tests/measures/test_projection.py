"""Coordinates on planes and along lines, held to points put where they are known to be."""

import numpy as np
import pytest

from stages.measures.projection import basis, progress
from stages.shared.errors import UserError

RNG = np.random.default_rng(0)
AXES = np.linalg.qr(RNG.standard_normal((50, 3)))[0].T  # three orthonormal vectors
ORIGIN = RNG.standard_normal(50)


def at(x, y, z=0.0):
    return ORIGIN + np.array([x, y, z]) @ AXES


def test_points_put_at_known_coordinates_are_found_there():
    axes = basis(at(0, 0), at(4, 0), at(1, 3))
    places = np.array([[0, 0, 0], [4, 0, 0], [1, 3, 0], [-2.5, 0.5, 0], [2, -1, 7], [0, 0, -2]])
    found = axes.coordinates(np.array([at(*place) for place in places]))
    np.testing.assert_allclose(found, np.abs(places) * np.array([0, 0, 1]) + places * np.array([1, 1, 0]), atol=1e-12)
    assert axes.length == pytest.approx(4)


def test_the_axes_are_orthonormal_however_slanted_the_third_point():
    axes = basis(at(0, 0), at(1, 0), at(1000, 0.01))
    assert axes.x @ axes.x == pytest.approx(1, abs=1e-12)
    assert axes.y @ axes.y == pytest.approx(1, abs=1e-12)
    assert axes.x @ axes.y == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(axes.coordinates(at(1000, 0.01)[None])[0], [1000, 0.01, 0], atol=1e-9)


def test_float32_weights_are_placed_in_double_precision():
    first, second, third = (at(*place).astype(np.float32) for place in ((0, 0), (4, 0), (1, 3)))
    axes = basis(first, second, third)
    assert axes.coordinates(np.stack([first, second, third]))[:, 2].max() < 1e-12
    assert axes.x.dtype == np.float64


@pytest.mark.parametrize("third", [(2, 0), (0, 0), (4, 0), (-3, 0)])
def test_three_points_on_a_line_are_refused(third):
    with pytest.raises(UserError, match="one line"):
        basis(at(0, 0), at(4, 0), at(*third))


def test_two_equal_points_are_refused():
    with pytest.raises(UserError, match="one line"):
        basis(at(1, 1), at(1, 1), at(4, 0))


def test_a_path_has_the_coordinates_at_which_it_was_put():
    path = np.array([at(0, 0), at(1, 2), at(6, 0, 1), at(10, 0)])
    found = progress(path)
    np.testing.assert_allclose(found.progress, [0, 0.1, 0.6, 1], atol=1e-12)
    np.testing.assert_allclose(found.residual, [0, 0.2, 0.1, 0], atol=1e-12)
    np.testing.assert_allclose(found.remaining, [1, np.hypot(9, 2) / 10, np.hypot(4, 1) / 10, 0], atol=1e-12)
    np.testing.assert_allclose(found.cosine, [np.nan, 1 / np.sqrt(5), 6 / np.sqrt(37), 1])
    np.testing.assert_allclose(found.step_cosine, [np.nan, 1 / np.sqrt(5), 5 / np.sqrt(30), 4 / np.sqrt(17)])


def test_a_straight_path_is_on_its_line():
    found = progress(np.array([at(share, 0) for share in (0, 0.2, 0.5, 1)]))
    np.testing.assert_allclose(found.progress, [0, 0.2, 0.5, 1], atol=1e-12)
    np.testing.assert_allclose(found.residual, 0, atol=1e-12)
    np.testing.assert_allclose(found.cosine[1:], 1)
    np.testing.assert_allclose(found.step_cosine[1:], 1)


def test_a_path_that_does_not_move_has_no_coordinates():
    found = progress(np.array([at(0, 0), at(0, 0)]))
    assert np.isnan(found.progress).all()
    assert np.isnan(found.cosine).all()
