"""Theorem 3 of Lucas et al. (2021): outputs that turn by less than pi/2 on their way to z* lose squared error only."""

import numpy as np

from stages.measures.gauss_length import turning
from stages.measures.monotonicity import min_delta

POINTS = 801
T = np.linspace(0, 1, POINTS)
ROUNDING = 1e-12


def squared_error(positions, target):
    return ((positions - target) ** 2).sum(axis=1)


def random_curve(rng):
    """Return positions and tangents of a random curve: a straight line with waves and a polynomial, by formula."""
    dimensions, wildness = 5, rng.uniform(0, 2)
    drift = rng.standard_normal(dimensions)
    position = np.outer(T, drift)
    tangent = np.tile(drift, (POINTS, 1))
    for k in range(1, 5):
        sine, power = wildness * rng.standard_normal((2, dimensions)) / k**2
        phase = rng.uniform(0, 2 * np.pi)
        position += np.outer(np.sin(k * T + phase), sine) + np.outer(T ** (k + 1), power)
        tangent += np.outer(k * np.cos(k * T + phase), sine) + np.outer((k + 1) * T**k, power)
    return position, tangent


def broken_line(angle, first, second):
    """Return positions and tangents of two straight legs with a corner between them, each half of the grid."""
    legs = np.array([[first, 0.0], [second * np.cos(angle), second * np.sin(angle)]])
    tangent = np.repeat(2 * legs, POINTS // 2, axis=0)
    position = np.concatenate(
        [np.outer(2 * T[: POINTS // 2], legs[0]), legs[0] + np.outer(2 * T[: POINTS // 2], legs[1])]
    )
    return np.concatenate([position, [legs.sum(axis=0)]]), tangent


def test_the_tangents_of_the_random_curves_are_their_derivatives():
    position, tangent = random_curve(np.random.default_rng(0))
    np.testing.assert_allclose(np.gradient(position, T, axis=0)[1:-1], tangent[1:-1], atol=1e-4)


def test_curves_that_turn_by_less_than_half_pi_come_only_closer():
    rng = np.random.default_rng(1)
    curves = [random_curve(rng) for _ in range(600)]
    rises = min_delta(np.array([squared_error(position, position[-1]) for position, _ in curves]))
    turns = turning(np.stack([tangent for _, tangent in curves], axis=1))
    below = turns < np.pi / 2 - 1e-3  # turning on a grid is a lower bound
    assert 100 < below.sum() < 500
    assert (rises[below] < ROUNDING).all()
    assert (rises[~below] > 0.01).sum() > 20  # the condition is not idle


def test_just_above_half_pi_the_error_may_rise():
    for angle, rises in ((np.pi / 2 - 0.05, False), (np.pi / 2 + 0.05, True)):
        position, tangent = broken_line(angle, first=1.0, second=50.0)
        assert abs(turning(tangent[:, None])[0] - angle) < 1e-9
        assert (min_delta(squared_error(position, position[-1])[None])[0] > 0.1) == rises


def test_the_converse_fails_a_spiral_turns_without_end_and_comes_only_closer():
    angle = 20 * T[:, None]
    along, across = np.hstack([np.cos(angle), np.sin(angle)]), np.hstack([-np.sin(angle), np.cos(angle)])
    position = (1 - T[:, None]) * along
    tangent = -along + 20 * (1 - T[:, None]) * across
    assert turning(tangent[:, None])[0] > 6 * np.pi
    np.testing.assert_allclose(squared_error(position, position[-1]), (1 - T) ** 2, atol=1e-12)
    assert min_delta(squared_error(position, position[-1])[None])[0] == 0
