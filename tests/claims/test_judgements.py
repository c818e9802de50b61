"""Verdicts and their statistics, held to formulas worked by hand, to SciPy and to simulation."""

import numpy as np
import pandas as pd
import pytest

from stages.claims.finding import Verdict, grade
from stages.claims.judgements_of_numbers import (
    judge_equal_means,
    judge_larger_if_non_monotone,
    judge_number,
    judge_ratio,
)
from stages.claims.judgements_of_proportions import (
    MOST,
    judge_all_monotone,
    judge_difference,
    judge_more_non_monotone,
    judge_no_difference,
    judge_share,
)
from stages.config import Measure

SETTINGS = Measure(confidence=0.95, bootstrap=400, bootstrap_seed=0, plateau_share=0.1)
NAMES = ("ours", "theirs")
REPRODUCED, WEAKER, OPPOSITE, ABSENT, UNDERPOWERED, NOT_TESTABLE = (
    Verdict.REPRODUCED,
    Verdict.WEAKER,
    Verdict.OPPOSITE,
    Verdict.ABSENT,
    Verdict.UNDERPOWERED,
    Verdict.NOT_TESTABLE,
)


@pytest.mark.parametrize(
    ("low", "high", "paper", "verdict"),
    [
        (0.2, 0.6, 0.5, REPRODUCED),
        (0.2, 0.6, None, REPRODUCED),
        (0.2, 0.4, 0.5, WEAKER),
        (-0.6, -0.2, 0.5, OPPOSITE),
        (-0.05, 0.05, 0.5, ABSENT),
        (0.01, 0.05, 0.5, ABSENT),
        (-0.2, 0.05, 0.5, UNDERPOWERED),
        (-0.05, 0.2, 0.5, UNDERPOWERED),
        (0.01, 0.2, None, REPRODUCED),
    ],
)
def test_a_verdict_follows_from_the_interval(low, high, paper, verdict):
    assert grade(low, high, margin=0.1, paper_effect=paper) == verdict
    assert grade(low + 3, high + 3, null=3, margin=0.1, paper_effect=paper and paper + 3) == verdict


@pytest.mark.parametrize(
    ("some", "of", "at_least", "verdict"),
    [
        (100, 100, 0.9, REPRODUCED),
        (119, 120, 0.9, REPRODUCED),
        (34, 34, 0.9, UNDERPOWERED),
        (35, 35, 0.9, REPRODUCED),
        (90, 100, 0.9, UNDERPOWERED),
        (60, 100, 0.9, ABSENT),
        (30, 100, 0.9, OPPOSITE),
        (5, 5, MOST, REPRODUCED),
        (4, 4, MOST, UNDERPOWERED),
        (90, 100, MOST, REPRODUCED),
        (700, 1000, MOST, WEAKER),
        (30, 100, MOST, OPPOSITE),
        (0, 0, 0.9, NOT_TESTABLE),
    ],
)
def test_never_and_nearly_all_are_one_rule(some, of, at_least, verdict):
    assert judge_share(some, of, "do", SETTINGS, at_least=at_least).verdict == verdict


def test_clusters_count_once():
    alone = judge_share(60, 60, "do", SETTINGS)
    clustered = judge_share(60, 60, "do", SETTINGS, clusters=4, noun="optima")
    assert (alone.verdict, clustered.verdict) == (REPRODUCED, UNDERPOWERED)
    assert clustered.low == pytest.approx(4 / (4 + 1.96**2), abs=1e-3)  # Wilson's lower bound of 4 of 4
    assert "optima, counted once each: 4" in clustered.ours


def lines(risen, of, **columns):
    return pd.DataFrame({"monotonic": [place >= risen for place in range(of)], "lr": np.arange(of) / 1.0} | columns)


def test_runs_that_differ_in_seeds_are_one_line_of_all():
    assert judge_all_monotone(lines(0, 40), SETTINGS).verdict == REPRODUCED
    seeds = judge_all_monotone(lines(0, 40, lr=np.repeat(np.arange(8.0), 5), seed=[0, 1, 2, 3, 4] * 8), SETTINGS)
    assert seeds.verdict == UNDERPOWERED
    assert seeds.counts == {"lines": 40, "clusters": 8}
    assert judge_all_monotone(lines(0, 0), SETTINGS).verdict == NOT_TESTABLE


def difference(a, b, **keywords):
    arm = np.repeat([True, False], [a[1], b[1]])
    event = np.concatenate([np.arange(n) < k for k, n in (a, b)])
    return judge_difference(arm, event, NAMES, SETTINGS, what="risen", **keywords)


@pytest.mark.parametrize(
    ("a", "b", "paper", "verdict"),
    [
        ((9, 10), (1, 40), 0.8, REPRODUCED),
        ((30, 100), (2, 100), 0.8, WEAKER),
        ((0, 40), (20, 40), 0.8, OPPOSITE),
        ((1, 5), (0, 5), 0.8, UNDERPOWERED),
        ((10, 40), (10, 40), 0.8, UNDERPOWERED),
        ((100, 1000), (100, 1000), 0.8, ABSENT),
        ((0, 0), (1, 5), 0.8, NOT_TESTABLE),
    ],
)
def test_a_difference_is_graded(a, b, paper, verdict):
    found = difference(a, b, paper_effect=paper)
    assert found.verdict == verdict
    assert found.counts["ours"] == a[1]


def test_a_difference_says_its_power_and_the_smallest_effect_it_could_show():
    found = difference((5, 50), (5, 50), paper_effect=0.3)
    assert found.power > 0.85
    assert 0.15 < found.smallest_effect < 0.3
    assert difference((5, 200), (5, 200), paper_effect=0.3).smallest_effect < found.smallest_effect


def test_no_difference_is_shown_by_an_interval_within_the_margin():
    assert judge_no_difference(difference((100, 1000), (100, 1000)), SETTINGS).verdict == REPRODUCED
    assert judge_no_difference(difference((10, 40), (10, 40)), SETTINGS).verdict == UNDERPOWERED
    assert judge_no_difference(difference((10, 1000), (500, 1000)), SETTINGS).verdict == OPPOSITE
    assert judge_no_difference(difference((0, 0), (5, 10)), SETTINGS).verdict == NOT_TESTABLE


def test_strata_remove_what_arms_differ_in():
    # The first arm has more of the stratum in which everything rises.
    arm = np.repeat([True, True, False, False], [40, 10, 10, 40])
    stratum = np.repeat([1, 0, 1, 0], [40, 10, 10, 40])
    rows = pd.DataFrame({"monotonic": stratum == 0, "lr": stratum})
    assert judge_more_non_monotone(rows, pd.Series(arm), NAMES, SETTINGS).verdict == UNDERPOWERED  # two configurations
    crude = judge_difference(arm, stratum == 1, NAMES, SETTINGS, what="risen")
    assert (crude.effect, crude.verdict) == (pytest.approx(0.6), REPRODUCED)
    matched = judge_more_non_monotone(rows, pd.Series(arm), NAMES, SETTINGS, strata=("lr",))
    assert matched.effect == pytest.approx(0)


def switched(ratio, sets=10, noise=0.1):
    rng = np.random.default_rng(1)
    base = np.exp(rng.normal(0, 1, sets))
    rows = pd.DataFrame({"seed": np.tile(np.arange(sets), 2), "arm": np.repeat([True, False], sets)})
    values = np.concatenate([base * ratio * np.exp(rng.normal(0, noise, sets)), base])
    return rows.assign(distance=values)


@pytest.mark.parametrize(
    ("ratio", "paper", "verdict"),
    [(3, 3, REPRODUCED), (3, 20, WEAKER), (1 / 3, 3, OPPOSITE), (1.0, 3, ABSENT)],
)
def test_a_ratio_is_that_of_matched_sets(ratio, paper, verdict):
    rows = switched(ratio)
    found = judge_ratio(rows, rows["arm"], "distance", NAMES, SETTINGS, matched_by=("seed",), paper_effect=paper)
    assert found.effect == pytest.approx(ratio, rel=0.1)
    assert found.low < ratio < found.high
    assert found.verdict == verdict
    assert found.counts["matched sets"] == 10
    few = rows[rows["seed"] == 0]
    one = judge_ratio(few, few["arm"], "distance", NAMES, SETTINGS, matched_by=("seed",), paper_effect=paper)
    assert one.verdict == NOT_TESTABLE


def test_the_interval_of_a_ratio_is_that_of_a_paired_t_test():
    from scipy.stats import ttest_rel

    rows = switched(2)
    found = judge_ratio(rows, rows["arm"], "distance", NAMES, SETTINGS, matched_by=("seed",))
    logs = [np.log(rows.loc[rows["arm"] == side, "distance"].to_numpy()) for side in (True, False)]
    interval = ttest_rel(*logs).confidence_interval(0.95)
    assert (np.log(found.low), np.log(found.high)) == pytest.approx((interval.low, interval.high))


def test_ranks_are_the_share_of_pairs_in_order():
    rows = lines(2, 5, far=[4.0, 2.0, 1.0, 2.0, 3.0])
    pairs = [1, 1, 1, 1, 0.5, 0]  # 4 beside 1, 2, 3; 2 beside 1, 2, 3
    assert judge_larger_if_non_monotone(rows, "far", SETTINGS).effect == pytest.approx(np.mean(pairs))
    many = lines(40, 80, far=np.arange(80.0)[::-1])
    assert judge_larger_if_non_monotone(many, "far", SETTINGS).verdict == REPRODUCED
    assert judge_larger_if_non_monotone(many.assign(far=-many["far"]), "far", SETTINGS).verdict == OPPOSITE
    assert judge_larger_if_non_monotone(lines(1, 50, far=np.arange(50.0) % 7), "far", SETTINGS).verdict == UNDERPOWERED
    assert judge_larger_if_non_monotone(lines(0, 50, far=np.arange(50.0)), "far", SETTINGS).verdict == NOT_TESTABLE
    seeds = many.assign(lr=np.repeat(np.arange(8.0), 10), seed=np.tile(np.arange(10), 8))
    assert judge_larger_if_non_monotone(seeds, "far", SETTINGS).low < 0.75  # eight configurations


def means(a, b, **columns):
    values, arm = np.concatenate([a, b]), np.repeat([True, False], [len(a), len(b)])
    strata = columns.get("strata", np.zeros(len(values)))
    return judge_equal_means(pd.Series(values), pd.Series(arm), 0.02, NAMES, SETTINGS, strata=strata)


def test_means_are_alike_within_a_margin():
    rng = np.random.default_rng(2)
    a = rng.normal(0.95, 0.005, 50)
    assert means(a, a + 0.001).verdict == REPRODUCED
    assert means(a, a - 0.1).verdict == OPPOSITE
    assert means(a[:3], a[:3] + 0.02).verdict == UNDERPOWERED
    assert means(a, a - 0.1).effect == pytest.approx(0.1)
    assert means(a[:1], []).verdict == NOT_TESTABLE


def test_means_are_compared_within_problems():
    rng = np.random.default_rng(4)
    easy, hard = rng.normal(0.97, 0.002, 40), rng.normal(0.60, 0.002, 40)
    # Most runs of the first arm are of the hard problem.
    first, second = np.concatenate([easy[:5], hard[:35]]), np.concatenate([easy[5:], hard[35:]])
    strata = np.array(["easy"] * 5 + ["hard"] * 35 + ["easy"] * 35 + ["hard"] * 5)
    assert means(first, second).verdict == OPPOSITE
    assert means(first, second, strata=strata).verdict == REPRODUCED


def test_a_number_has_the_power_of_a_normal_estimate():
    found = judge_number(0.5, 0.1, 0.9, kind="slope", words="", counts={}, settings=SETTINGS, paper_effect=0.4)
    error = 0.4 / 1.96
    assert found.verdict == REPRODUCED
    assert found.power == pytest.approx(0.5, abs=0.001)  # an effect as large as half the interval is seen half the time
    assert found.smallest_effect == pytest.approx((1.96 + 0.8416) * error, abs=0.001)
    unknown = judge_number(np.nan, np.nan, np.nan, kind="slope", words="", counts={}, settings=SETTINGS)
    assert unknown.verdict == NOT_TESTABLE
