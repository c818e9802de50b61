"""Stratified differences of proportions, held to SciPy, to textbook formulas and to simulation."""

import numpy as np
import pytest
from scipy import stats

from stages.measures.stratified import (
    Strata,
    cmh_scores,
    design_effect,
    power,
    score_interval,
    smallest_difference,
    stratify,
)


def table(*cells):
    """Return strata of cells (events, trials) of both arms."""
    return Strata(*(np.array([[arm[i] for arm in cell] for cell in cells], float) for i in (0, 1)))


def test_strata_with_one_arm_are_left_out():
    events = np.array([1, 0, 1, 1, 0, 1])
    found = stratify(events, np.array([1, 1, 0, 1, 0, 0]), np.array(list("aabbba")))
    assert found.trials.tolist() == [[2, 1], [1, 2]]
    assert found.events.tolist() == [[1, 1], [1, 1]]
    alone = stratify(events, np.ones(6), np.array(list("aabbba")))
    assert alone.trials.shape == (0, 2)
    assert all(np.isnan(score_interval(alone, 0.95)))


def test_mantel_and_haenszel_worked_by_hand():
    # Weights 10 * 20 / 30 = 20/3 and 30 * 10 / 40 = 7.5; differences 0.4 - 0.1 = 0.3 and 0.5 - 0.4 = 0.1.
    found = table([(4, 10), (2, 20)], [(15, 30), (4, 10)])
    assert found.difference == pytest.approx((20 / 3 * 0.3 + 7.5 * 0.1) / (20 / 3 + 7.5))
    # (4 * 18 / 30 + 15 * 6 / 40) / (2 * 6 / 30 + 4 * 15 / 40)
    assert found.odds_ratio == pytest.approx((72 / 30 + 90 / 40) / (12 / 30 + 60 / 40))


def test_the_odds_ratio_is_infinite_or_unknown_without_events():
    assert table([(3, 10), (0, 10)]).odds_ratio == np.inf
    assert np.isnan(table([(0, 10), (0, 10)]).odds_ratio)


def test_the_statistic_at_no_difference_is_that_of_mcnemar_for_matched_pairs():
    b, c, same = 12, 4, 30
    pairs = table(*[[(1, 1), (0, 1)]] * b, *[[(0, 1), (1, 1)]] * c, *[[(0, 1), (0, 1)]] * same)
    score = cmh_scores(pairs.events[None], pairs.trials)[0]
    assert score**2 == pytest.approx((abs(b - c) - 1) ** 2 / (b + c))


def test_the_statistic_is_that_of_cochran_mantel_and_haenszel():
    found = table([(4, 10), (2, 20)], [(15, 30), (4, 10)])
    excess = variance = 0
    for (a, n), (c, m) in zip(found.events.tolist(), found.trials.tolist(), strict=True):
        risen, both, total = a + n, c, c + m
        hyper = stats.hypergeom(int(total), int(risen), int(both))
        excess, variance = excess + a - hyper.mean(), variance + hyper.var()
    expected = (abs(excess) - 0.5) / variance**0.5
    assert cmh_scores(found.events[None], found.trials)[0] == pytest.approx(expected)


PAIRS = [[(1, 1), (0, 1)]] * 5 + [[(0, 1), (0, 1)]] * 20


@pytest.mark.parametrize(
    "cells", [[[(4, 10), (2, 20)], [(15, 30), (4, 10)]], [[(9, 40), (1, 40)]], [[(0, 9), (0, 7)]], PAIRS]
)
def test_the_interval_excludes_zero_just_where_the_test_rejects(cells):
    found = table(*cells)
    score = cmh_scores(found.events[None], found.trials)[0]
    for confidence in (0.5, 0.8, 0.9, 0.95, 0.99):
        low, high = score_interval(found, confidence)
        assert low <= found.difference <= high
        assert (low > 0) == (score > stats.norm.ppf((1 + confidence) / 2))


def test_the_interval_is_close_to_that_of_scipy_in_one_large_stratum():
    found = table([(300, 1000), (200, 1000)])
    p, q = 0.3, 0.2
    error = 1.96 * np.sqrt(p * (1 - p) / 1000 + q * (1 - q) / 1000)
    assert score_interval(found, 0.95) == pytest.approx((0.1 - error, 0.1 + error), abs=0.002)


@pytest.mark.parametrize("cells", [[[(0, 5), (0, 5)]] * 6, [[(0, 1), (0, 1)]] * 30, [[(5, 5), (0, 5)]]])
def test_the_interval_is_wide_where_there_are_no_events_or_only_events(cells):
    low, high = score_interval(table(*cells), 0.95)
    assert -1 <= low < high <= 1
    assert high - low > 0.1


def test_proportions_under_a_difference_are_the_most_likely_ones():
    from stages.measures.stratified import _constrained_proportions

    draws = np.random.default_rng(0)
    for _ in range(100):
        trials = draws.integers(1, 12, (1, 2)).astype(float)
        events = np.array([[draws.integers(0, n + 1) for n in trials[0]]], float)
        delta = draws.uniform(-0.95, 0.95)
        first = np.linspace(max(0, delta), min(1, 1 + delta), 5001)
        second = np.clip(first - delta, 0, 1)
        likelihood = stats.binom.logpmf(events[0, 0], trials[0, 0], first)
        likelihood += stats.binom.logpmf(events[0, 1], trials[0, 1], second)
        found = _constrained_proportions(events, trials, delta)
        assert found[0][0] == pytest.approx(first[np.argmax(likelihood)], abs=1e-3)
        assert found[0][0] - found[1][0] == pytest.approx(delta, abs=1e-6)


def test_the_design_effect_is_one_for_independent_trials_and_the_size_of_clusters_that_agree():
    draws = np.random.default_rng(1)
    strata = np.zeros(4000)
    assert design_effect(draws.random(4000) < 0.3, strata, np.arange(4000)) == 1
    loose = design_effect(draws.random(4000) < 0.3, strata, np.repeat(np.arange(800), 5))
    assert loose == pytest.approx(1, abs=0.15)
    tight = design_effect(np.repeat(draws.random(800) < 0.3, 5), strata, np.repeat(np.arange(800), 5))
    assert tight == pytest.approx(5, abs=0.1)


def test_the_design_effect_is_the_largest_where_it_cannot_be_seen():
    assert design_effect(np.zeros(20), np.zeros(20), np.repeat(np.arange(4), 5)) == 5
    events = np.tile([True, False, False, False, False], 4)
    assert design_effect(events, np.repeat(np.arange(4), 5), np.repeat(np.arange(4), 5)) == pytest.approx(5)


def test_power_is_that_of_fishers_exact_test_or_a_little_more():
    trials = 40
    found = power(table([(10, trials), (10, trials)]), 0.3, 0.95)
    counts = np.arange(trials + 1)
    p, q = stats.binom.pmf(counts, trials, 0.4), stats.binom.pmf(counts, trials, 0.1)
    shown = [
        [stats.fisher_exact([[a, trials - a], [b, trials - b]], "greater").pvalue <= 0.025 for b in counts]
        for a in counts
    ]
    assert found == pytest.approx(p @ np.array(shown, float) @ q, abs=0.05)


def test_the_smallest_difference_has_the_power_that_it_is_stated_for():
    counts = table([(3, 40), (2, 40)], [(4, 30), (1, 60)])
    smallest = smallest_difference(counts, 0.95)
    assert power(counts, smallest, 0.95) >= 0.8 > power(counts, smallest - 0.01, 0.95)
    assert np.isnan(smallest_difference(table([(0, 1), (0, 2)]), 0.95))
