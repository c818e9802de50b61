"""Bootstrap intervals against a loop over resamples."""

import numpy as np
import pytest

from stages.measures.bootstrap import percentile_interval

SETTINGS = {"confidence": 0.9, "resamples": 300, "seed": 5}
RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=40), RANDOM.exponential(size=25)


def difference(a, b, axis=-1):
    return a.mean(axis) - b.mean(axis)


def test_two_samples_are_resampled_each_by_itself():
    draws = np.random.default_rng(5)
    a, b = (some[draws.integers(len(some), size=(300, len(some)))] for some in (X, Y))
    slow = [x.mean() - y.mean() for x, y in zip(a, b, strict=True)]
    assert percentile_interval((X, Y), difference, **SETTINGS) == pytest.approx(np.quantile(slow, [0.05, 0.95]))


def test_paired_samples_are_resampled_row_by_row():
    pairs = np.stack([X[:25], Y])
    draws = np.random.default_rng(5)
    slow = [np.corrcoef(pairs[:, draws_of_one])[0, 1] for draws_of_one in draws.integers(25, size=(300, 25))]

    def correlation(a, b, axis):
        a, b = (some - some.mean(axis, keepdims=True) for some in (a, b))
        return (a * b).sum(axis) / np.sqrt((a * a).sum(axis) * (b * b).sum(axis))

    found = percentile_interval(pairs, correlation, paired=True, **SETTINGS)
    assert found == pytest.approx(np.quantile(slow, [0.05, 0.95]))


def test_several_numbers_have_an_interval_each_and_those_undefined_in_a_resample_are_left_out():
    def numbers(a, axis):
        mean = a.mean(axis)
        return np.stack([mean, np.where(mean > 0, mean, np.nan)])

    low, high = percentile_interval((X,), numbers, **SETTINGS)
    draws = np.random.default_rng(5)
    means = X[draws.integers(40, size=(300, 40))].mean(1)
    assert (means <= 0).any()
    np.testing.assert_allclose([low[0], high[0]], np.quantile(means, [0.05, 0.95]))
    np.testing.assert_allclose([low[1], high[1]], np.quantile(means[means > 0], [0.05, 0.95]))


def test_an_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for seed in range(200):
        low, high = percentile_interval(
            (rng.normal(1, 1, 60),), lambda a, axis: a.mean(axis), confidence=0.9, resamples=200, seed=seed
        )
        hits += low <= 1 <= high
    assert 0.82 <= hits / 200 <= 0.96
