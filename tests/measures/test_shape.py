"""Measures of a curve's shape against slow definitions: plateau, chord, convexity, refinement, noise, bias gap."""

import numpy as np
import pytest

from stages.measures.best_alpha import min_delta_to_best, rise_after_best
from stages.measures.bias_gap import bias_gap
from stages.measures.convexity import global_convexity, local_convexity
from stages.measures.excess_over_chord import excess_over_chord
from stages.measures.monotonicity import min_delta
from stages.measures.plateau_length import plateau_length
from stages.measures.refinement import between, largest_rise, refined_min_delta

ALPHAS = np.linspace(0, 1, 101)
RANDOM = np.random.default_rng(0).normal(size=(200, 12)).cumsum(axis=1)
UNEVEN = np.sort(np.random.default_rng(1).uniform(size=12))


def test_the_plateau_of_a_broken_line_ends_where_it_has_fallen_by_the_share():
    flat = np.interp(ALPHAS, [0, 0.4, 0.8, 1], [2.0, 2.0, 0.0, 0.0])
    assert plateau_length(flat[None], ALPHAS, 0.1)[0] == pytest.approx(0.4 + 0.1 * 0.4)
    assert plateau_length(flat[None], ALPHAS * 2 - 0.5, 0.1)[0] == pytest.approx(0.88)
    straight = np.linspace(1, 0, 101)
    assert plateau_length(straight[None], ALPHAS, 0.05)[0] == pytest.approx(0.05)


def test_a_plateau_is_left_for_the_first_time_and_may_be_above_the_start():
    values = np.interp(ALPHAS, [0, 0.2, 0.3, 0.6, 1], [1.0, 3.0, 0.0, 2.0, 0.0])
    assert plateau_length(values[None], ALPHAS, 0.5)[0] == pytest.approx(0.2 + 0.1 * 2.5 / 3)


def test_a_stretch_at_the_level_itself_belongs_to_the_plateau():
    assert plateau_length(np.array([[1.0, 0.5, 0.5, 0.0]]), np.array([0, 0.2, 0.6, 1.0]), 0.5)[0] == 0.6


def test_a_line_that_does_not_fall_has_no_plateau():
    rows = np.array([[1.0, 0.5, 1.0], [1.0, 0.0, 2.0], [1.0, np.nan, 0.0]])
    assert np.isnan(plateau_length(rows, np.array([0, 0.5, 1]), 0.1)).all()


def test_the_excess_over_the_chord_is_the_largest_of_all_points():
    for values in RANDOM:
        chord = [values[0] + (values[-1] - values[0]) * (a - UNEVEN[0]) / (UNEVEN[-1] - UNEVEN[0]) for a in UNEVEN]
        slow = max(0.0, *(value - level for value, level in zip(values[1:-1], chord[1:-1], strict=True)))
        assert excess_over_chord(values[None], UNEVEN)[0] == pytest.approx(slow, abs=1e-12)
    assert excess_over_chord(np.array([[3.0, 1.0, 2.0]]), np.array([0, 0.5, 1]))[0] == 0


def test_a_convex_curve_has_no_excess_not_even_by_rounding():
    scales = np.random.default_rng(2).uniform(0.1, 10, size=(300, 2))
    rows = scales[:, :1] * (ALPHAS - 1) ** 2 + scales[:, 1:]
    assert (excess_over_chord(rows, ALPHAS / 3 + 0.1) == 0).all()


def test_convexity_of_curves_that_are_convex_concave_or_half_of_each():
    rows = np.stack([(ALPHAS - 1) ** 2, -(ALPHAS**2), np.sin(2 * np.pi * ALPHAS), np.full(101, 0.5)])
    local, whole = local_convexity(rows, ALPHAS), global_convexity(rows, ALPHAS)
    assert local[:2].tolist() == [1, 0]
    assert whole[:2].tolist() == [1, 0]
    assert local[2] == pytest.approx(0.5, abs=0.02)
    assert whole[2] == pytest.approx(0.5, abs=0.02)
    assert (local[3], whole[3]) == (1, 1)


def test_local_convexity_is_by_slopes_where_steps_are_unequal():
    for values in RANDOM:
        slopes = np.diff(values) / np.diff(UNEVEN)
        assert local_convexity(values[None], UNEVEN)[0] == pytest.approx((np.diff(slopes) >= 0).mean())


def test_the_largest_rise_is_that_of_all_pairs():
    for values in RANDOM:
        i, j = largest_rise(values)
        assert i < j
        slow = max(values[b] - values[a] for a in range(12) for b in range(a + 1, 12))
        assert values[j] - values[i] == slow


def test_the_rise_starts_at_the_last_of_equal_minima():
    assert largest_rise(np.array([1.0, 1.0, 2.0, 2.0])) == (1, 2)


def test_new_alphas_lie_beside_the_start_and_the_top_of_the_rise():
    alphas = np.linspace(0, 1, 11)
    values = np.array([9, 8, 7, 6, 5, 5.5, 6.5, 6, 3, 2, 1.0])
    assert between(values, alphas, 1) == pytest.approx([0.35, 0.45, 0.55, 0.65])
    assert between(values, alphas, 2)[:2] == pytest.approx([0.3 + 0.1 / 3, 0.3 + 0.2 / 3])
    falling = np.array([9, 8, 7, 6.9, 5, 4, 3, 2, 1.5, 1, 0.0])  # slowest from 0.2 to 0.3
    assert between(falling, alphas, 1) == pytest.approx([0.15, 0.25, 0.35])
    assert between(falling[::-1], alphas, 1) == pytest.approx([0.05, 0.95])  # from end to end: no other side


def test_a_bump_between_samples_is_found_where_they_hint_at_it():
    def loss(alpha):
        return 1 - alpha + 0.2 * np.exp(-(((alpha - 0.4517) / 0.02) ** 2))

    alphas = np.linspace(0, 1, 11)
    where, values = alphas, loss(alphas)
    assert min_delta(values[None])[0] == 0
    for _ in range(2):
        new = between(values, where, 2)
        where = np.sort(np.concatenate([where, new]))
        values = loss(where)
    more = np.setdiff1d(where, alphas)
    found = refined_min_delta(
        loss(alphas)[None], alphas, np.append(loss(more), np.nan)[None], np.append(more, np.nan)[None]
    )
    fine = min_delta(loss(np.linspace(0, 1, 100_001))[None])[0]
    assert 0.9 * fine < found[0] <= fine


def test_a_line_without_further_samples_has_no_refined_min_delta():
    nothing = np.full((1, 2), np.nan)
    assert np.isnan(refined_min_delta(RANDOM[:1], UNEVEN, nothing, nothing))[0]
    assert np.isnan(refined_min_delta(RANDOM[:1], UNEVEN, nothing[:, :0], nothing[:, :0]))[0]


def test_the_bias_gap_is_the_range():
    assert bias_gap(np.array([0.5, -1.0, 2.0])) == 3.0
    assert bias_gap(np.array([4.0])) == 0.0
    with pytest.raises(ValueError, match="O >= 1"):
        bias_gap(np.zeros(0))


@pytest.mark.parametrize("measure", [excess_over_chord, local_convexity, global_convexity])
def test_what_is_no_curve_is_refused_and_what_is_not_finite_has_no_number(measure):
    with pytest.raises(ValueError, match="want 3 alphas"):
        measure(np.zeros((1, 3)), np.zeros(4))
    with pytest.raises(ValueError, match="A >= 2"):
        measure(np.zeros((1, 1)), np.zeros(1))
    assert np.isnan(measure(np.array([[1.0, np.inf, 0.0]]), np.array([0, 0.5, 1])))[0]


def test_a_line_cut_at_its_best_point_rises_no_more_after_it():
    for values in RANDOM:
        best = int(values.argmin())
        expected = min_delta(values[None, : best + 1])[0] if best else 0.0
        assert min_delta_to_best(values[None])[0] == expected
        assert rise_after_best(values[None])[0] == values[-1] - values[best]
    assert (min_delta(RANDOM) >= np.maximum(min_delta_to_best(RANDOM), rise_after_best(RANDOM))).all()


def test_a_barrier_at_the_start_and_a_climb_at_the_end_are_told_apart():
    rows = np.array([[1.0, 2.0, 0.5, 0.0], [1.0, 0.5, 0.0, 0.3], [1.0, np.nan, 0.0, 0.1], [1.0, 0.2, 0.2, 0.1]])
    np.testing.assert_array_equal(min_delta_to_best(rows), [1, 0, np.nan, 0])
    np.testing.assert_array_equal(rise_after_best(rows), [0, 0.3, np.nan, 0])
