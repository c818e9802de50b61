import numpy as np
import pytest

from stages.measures.distance import distance, norm


def test_three_four_five():
    assert distance(np.array([1.0, 1.0]), np.array([4.0, 5.0])) == 5.0
    assert norm(np.array([3.0, -4.0])) == 5.0


def test_a_point_has_no_distance_from_itself():
    point = np.random.default_rng(0).standard_normal(100).astype(np.float32)
    assert distance(point, point) == 0.0


def test_single_precision_is_computed_in_double():
    big, next_to_it = np.float32([1e20, 16777216.0]), np.float32([1e20, 16777218.0])
    assert distance(big, next_to_it) == 2.0
    assert distance(np.float32([1]), np.float32([2**25])) == 2**25 - 1  # which has no single-precision number
    assert norm(np.float32([3e20, 4e20])) == pytest.approx(5e20, rel=1e-7)  # its square is beyond single precision
    assert norm(np.float32([3e-30, 4e-30])) == pytest.approx(5e-30, rel=1e-7)
    many = np.full(10**6, 0.1, dtype=np.float32)
    assert norm(many) == pytest.approx(1000 * float(np.float32(0.1)), rel=1e-12)


def test_a_weight_that_is_not_finite_shows():
    assert np.isnan(distance(np.zeros(2), np.array([1.0, np.nan])))
    assert distance(np.zeros(2), np.array([1.0, np.inf])) == np.inf


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(2,\) and \(1,\)"):
        distance(np.zeros(2), np.zeros(1))
