"""Verdicts and their statistics, held to formulas worked by hand and to simulation."""

import numpy as np
import pandas as pd
import pytest

from stages.claims.finding import FAILS, FEW, HOLDS
from stages.claims.judgements import (
    ENOUGH_RUNS,
    judge_all_monotone,
    judge_equal_means,
    judge_larger,
    judge_larger_if_non_monotone,
    judge_more_non_monotone,
    judge_nearly_all,
)
from stages.config import Measure

SETTINGS = Measure(confidence=0.95, bootstrap=400, bootstrap_seed=0, plateau_share=0.1)
NAMES = ("ours", "theirs")


def lines(risen, of, **columns):
    return pd.DataFrame({"monotonic": [place >= risen for place in range(of)]} | columns)


@pytest.mark.parametrize(
    ("risen", "of", "verdict"), [(0, 100, HOLDS), (0, 10, FEW), (1, 100, FAILS), (1, 2, FAILS), (0, 0, FEW)]
)
def test_never_is_none_of_so_many(risen, of, verdict):
    found = judge_all_monotone(lines(risen, of), SETTINGS)
    assert found.verdict == verdict
    if of:
        assert found.ours.startswith(f"{risen} of {of} non-monotone")
        assert found.low <= found.effect <= found.high


@pytest.mark.parametrize(
    ("some", "of", "verdict"), [(100, 100, HOLDS), (95, 100, HOLDS), (80, 100, FEW), (50, 100, FAILS), (3, 3, FEW)]
)
def test_nearly_all_are_four_of_five_beyond_doubt(some, of, verdict):
    assert judge_nearly_all(some, of, "do", SETTINGS).verdict == verdict
    assert judge_nearly_all(0, 0, "do", SETTINGS).verdict == FEW


def test_the_interval_of_a_difference_is_newcombes():
    found = judge_more_non_monotone(lines(56, 70), lines(48, 80), NAMES, SETTINGS)  # his example: 56/70 and 48/80
    assert found.effect == pytest.approx(0.2)
    assert found.low == pytest.approx(0.0524, abs=5e-4)
    assert found.high == pytest.approx(0.3339, abs=5e-4)
    assert found.verdict == HOLDS
    assert found.counts == {"ours": 70, "theirs": 80}


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [((9, 10), (1, 40), HOLDS), ((0, 40), (20, 40), FAILS), ((1, 5), (0, 5), FEW), ((10, 40), (10, 40), FAILS)],
)
def test_a_difference_that_is_not_seen_in_many_runs_is_none(a, b, verdict):
    assert judge_more_non_monotone(lines(*a), lines(*b), NAMES, SETTINGS).verdict == verdict
    assert judge_more_non_monotone(lines(*a), lines(0, 0), NAMES, SETTINGS).verdict == FEW


def test_a_ratio_is_that_of_geometric_means():
    rng = np.random.default_rng(1)
    b = np.exp(rng.normal(0, 0.3, ENOUGH_RUNS))
    found = judge_larger(3 * b, b, NAMES, SETTINGS)
    assert found.effect == pytest.approx(3)
    assert found.low < 3 < found.high
    assert found.verdict == HOLDS
    assert judge_larger(b, 3 * b, NAMES, SETTINGS).verdict == FAILS
    assert judge_larger(b, b, NAMES, SETTINGS).verdict == FAILS
    assert judge_larger(b[:5], b[:5], NAMES, SETTINGS).verdict == FEW
    assert judge_larger(b[:1], b, NAMES, SETTINGS).verdict == FEW
    assert judge_larger([*b, np.nan], b, NAMES, SETTINGS).counts["ours"] == ENOUGH_RUNS


def test_ranks_are_the_share_of_pairs_in_order():
    rows = lines(2, 5, far=[4.0, 2.0, 1.0, 2.0, 3.0])
    pairs = [1, 1, 1, 1, 0.5, 0]  # 4 beside 1, 2, 3; 2 beside 1, 2, 3
    assert judge_larger_if_non_monotone(rows, "far", SETTINGS).effect == pytest.approx(np.mean(pairs))
    many = lines(40, 80, far=np.arange(80.0)[::-1])
    assert judge_larger_if_non_monotone(many, "far", SETTINGS).verdict == HOLDS
    assert judge_larger_if_non_monotone(many.assign(far=-many["far"]), "far", SETTINGS).verdict == FAILS
    assert judge_larger_if_non_monotone(lines(1, 50, far=np.arange(50.0)), "far", SETTINGS).verdict == FEW


def test_means_are_alike_within_a_margin():
    rng = np.random.default_rng(2)
    a = rng.normal(0.95, 0.005, 50)
    assert judge_equal_means(a, a + 0.001, 0.02, NAMES, SETTINGS).verdict == HOLDS
    assert judge_equal_means(a, a - 0.1, 0.02, NAMES, SETTINGS).verdict == FAILS
    assert judge_equal_means(a[:3], a[:3] + 0.02, 0.02, NAMES, SETTINGS).verdict == FEW
    assert judge_equal_means(a, a - 0.1, 0.02, NAMES, SETTINGS).effect == pytest.approx(0.1)


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(300):
        k, j = rng.binomial(60, 0.3), rng.binomial(40, 0.1)
        found = judge_more_non_monotone(lines(k, 60), lines(j, 40), NAMES, SETTINGS)
        inside += found.low <= 0.2 <= found.high
    assert 0.91 <= inside / 300 <= 0.99
