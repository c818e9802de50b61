import numpy as np
import pytest

from stages.measures.barrier import barrier
from stages.measures.largest_bump import largest_bump
from stages.measures.monotonicity import min_delta
from stages.measures.relative_delta import relative_delta


def by_definition(values):
    """Return min Delta as definition 1 has it, pair by pair."""
    pairs = [values[j] - values[i] for i in range(len(values)) for j in range(i + 1, len(values))]
    return max(0.0, *pairs)


@pytest.mark.parametrize(
    ("losses", "delta"),
    [
        ([3.0, 2.0, 1.0], 0.0),  # never rises
        ([1.0, 1.0, 1.0], 0.0),  # level
        ([3.0, 1.0, 1.0], 0.0),  # level at the end
        ([2.0, 1.0, 1.5], 0.5),  # rises in the last interval only
        ([2.0, 2.5, 1.0], 0.5),  # in the first only
        ([1.0, 2.0, 3.0], 2.0),  # never falls
        ([1.0, 2.0, 0.0, 1.5], 1.5),  # two bumps, the later one higher
        ([1.0, 3.0, 0.0, 1.5], 2.0),  # two bumps, the earlier one higher
        ([3.0, 1.0, 2.0, 1.5, 2.5], 1.5),  # one rise with a dip
        ([3.0, 1.0, 1.0, 2.0, 2.0, 0.0], 1.0),  # plateaus
        ([2.0, 1.0], 0.0),
        ([1.0, 2.0], 1.0),
    ],
)
def test_min_delta_worked_by_hand(losses, delta):
    assert by_definition(losses) == delta
    np.testing.assert_array_equal(min_delta(np.array([losses])), [delta])


@pytest.mark.parametrize("points", [2, 3, 9, 50])
def test_min_delta_is_the_definition(points):
    rng = np.random.default_rng(points)
    curves = rng.exponential(size=(300, points))
    curves[100:200] = np.round(curves[100:200] * 2) / 2  # ties and plateaus
    curves[200:] = np.sort(curves[200:], axis=1)[:, ::-1]
    curves[250:, -1] = curves[250:, -2] + rng.exponential(size=50)  # a rise in the last interval only
    np.testing.assert_array_equal(min_delta(curves), [by_definition(curve) for curve in curves])


@pytest.mark.parametrize("measure", [min_delta, barrier, relative_delta])
@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("places", [[0], [1], [-1], [0, -1], [0, 1, 2]])
def test_a_line_that_is_not_finite_is_nan_and_leaves_the_others_alone(measure, lost, places):
    losses = np.array([[2.0, 1.0, 1.5], [3.0, 1.0, 2.0], [2.0, 1.0, 1.5]])
    whole = measure(losses)
    losses[1, places] = lost
    np.testing.assert_array_equal(measure(losses), [whole[0], np.nan, whole[2]])
    assert np.isfinite(whole).all()


def test_inputs_are_left_unchanged():
    losses = np.array([[3.0, 1.0, 2.0]])
    for measure in (min_delta, barrier, relative_delta, lambda values: largest_bump(values, np.arange(3.0))):
        measure(losses)
    np.testing.assert_array_equal(losses, [[3.0, 1.0, 2.0]])


@pytest.mark.parametrize(
    ("losses", "top", "width"),
    [
        ([3.0, 1.0, 2.0, 0.0, 0.0], 2.0, 1.5),  # from 1 to where it is at 1 again: half-way from 2 to 3
        ([3.0, 1.0, 2.0, 1.0, 0.0], 2.0, 2.0),  # back exactly at a sample
        ([3.0, 1.0, 2.0, 1.8, 1.5], 2.0, 3.0),  # never back: to the end of the line
        ([3.0, 2.0, 1.0, 0.0, 0.5], 4.0, 1.0),  # a rise in the last interval only
        ([1.0, 2.0, 0.0, 0.0, 0.0], 1.0, 1.5),  # a rise from the start
        ([1.0, 2.0, 0.0, 3.0, 2.0], 3.0, 2.0),  # the larger of two, the later
        ([0.0, 3.0, 0.0, 2.0, 0.0], 1.0, 2.0),  # the larger of two, the earlier
        ([3.0, 1.0, 1.0, 2.0, 1.0], 3.0, 2.0),  # from the last minimum
        ([3.0, 1.0, 2.0, 1.5, 2.5], 4.0, 3.0),  # a rise with a dip that stays above its start
        ([1.0, 3.0, 3.0, 0.0, 0.0], 1.0, 1 + 2 / 3 + 1),  # the first of equal tops
        ([0.0, 1.0, 2.0, 3.0, 4.0], 4.0, 4.0),
    ],
)
def test_the_largest_bump_worked_by_hand(losses, top, width):
    bump = largest_bump(np.array([losses]), np.arange(5.0))
    assert (bump.top[0], bump.width[0]) == (top, pytest.approx(width, rel=1e-14))


def test_a_bump_is_in_units_of_alpha():
    losses = np.array([[3.0, 1.0, 2.0, 0.0]])
    bump = largest_bump(losses, np.array([-0.5, 0.0, 0.2, 1.0]))
    assert (bump.top[0], bump.width[0]) == (0.2, pytest.approx(0.2 + 0.4))


def test_the_rise_of_the_largest_bump_is_min_delta():
    rng = np.random.default_rng(0)
    alphas = np.linspace(0, 1, 9)
    curves = np.round(rng.exponential(size=(200, 9)) * 4) / 4
    curves[100:] = np.sort(curves[100:], axis=1)[:, ::-1]
    curves[150:, -1] += 0.25
    bump = largest_bump(curves, alphas)
    risen = min_delta(curves) > 0
    assert risen.any()
    assert not risen.all()
    for curve, top, width in zip(curves[risen], bump.top[risen], bump.width[risen], strict=True):
        j = int(np.flatnonzero(alphas == top)[0])
        assert curve[j] - curve[:j].min() == by_definition(curve)
        assert 0 < width <= 1
    assert np.isnan(bump.top[~risen]).all()
    assert np.isnan(bump.width[~risen]).all()


def test_a_line_without_a_rise_or_not_finite_has_no_bump():
    losses = np.array([[3.0, 2.0, 1.0], [1.0, 1.0, 1.0], [1.0, np.nan, 3.0], [1.0, np.inf, 1.0], [1.0, 2.0, 0.0]])
    bump = largest_bump(losses, np.linspace(0, 1, 3))
    np.testing.assert_array_equal(np.isnan(bump.top), [True, True, True, True, False])
    np.testing.assert_array_equal(np.isnan(bump.width), [True, True, True, True, False])


@pytest.mark.parametrize(
    ("losses", "height"),
    [([3.0, 2.0, 1.0], 0.0), ([3.0, 5.0, 1.0], 2.0), ([1.0, 5.0, 3.0], 2.0), ([3.0, 1.0, 2.0], 0.0), ([1.0, 2.0], 0.0)],
)
def test_the_barrier_is_above_the_higher_endpoint(losses, height):
    np.testing.assert_array_equal(barrier(np.array([losses])), [height])


@pytest.mark.parametrize(
    ("losses", "ratio"),
    [
        ([4.0, 1.0, 2.0], 0.5),
        ([4.0, 6.0, 0.0], 0.5),
        ([4.0, 2.0, 0.0], 0.0),
        ([1.0, 3.0, 1.0], np.nan),  # ends where it began
        ([1.0, 0.5, 2.0], np.nan),  # ends higher
    ],
)
def test_relative_delta_is_over_the_fall_from_end_to_end(losses, ratio):
    np.testing.assert_array_equal(relative_delta(np.array([losses])), [ratio])


@pytest.mark.parametrize("measure", [min_delta, barrier, relative_delta, lambda v: largest_bump(v, np.arange(3.0))])
@pytest.mark.parametrize("shape", [(3,), (2, 1), (2, 3, 4), (2, 0)])
def test_other_shapes_are_refused(measure, shape):
    with pytest.raises(ValueError, match="want shape"):
        measure(np.zeros(shape))


def test_alphas_of_another_length_are_refused():
    with pytest.raises(ValueError, match="want 3 alphas, got shape"):
        largest_bump(np.zeros((2, 3)), np.arange(4.0))
