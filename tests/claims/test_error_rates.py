"""Simulations: how often verdicts come up under no effect, and under the paper's effect at the counts of our suites."""

from functools import cache
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from stages.claims import batch_norm, learning_rates, optimizers
from stages.claims.finding import Verdict, grade
from stages.claims.judgement_terms import ERROR_RATE
from stages.claims.judgements_of_numbers import (
    CHANCE,
    MARGIN_OF_AREA,
    judge_equal_means,
    judge_larger_if_non_monotone,
    judge_ratio,
)
from stages.claims.judgements_of_proportions import MARGIN_OF_DIFFERENCE, NEARLY_ALL, effective_counts, judge_share
from stages.config import Measure, load
from stages.measures.roc_area import area_under_curve, newcombe_interval
from stages.measures.stratified import cmh_scores, power, score_interval, stratify
from stages.measures.table import describe
from stages.results.rows import combined_labels, configurations

SETTINGS = Measure(confidence=0.95, bootstrap=200, bootstrap_seed=0, plateau_share=0.1)
NAMES = ("ours", "theirs")
LIMIT = NormalDist().inv_cdf(0.975)
POSITIVE = (Verdict.REPRODUCED, Verdict.WEAKER)


@cache
def runs_of(suite):
    """Return the runs of a suite of the default parameters, of those learning rates at which most of them converge."""
    params = load(Path(__file__).parents[2] / "params.yaml")
    rows = pd.DataFrame([describe(run) for run in params.runs(suite)])
    largest = np.where(rows["batch_norm"].astype(bool), 1.0, 0.3)
    return rows[(rows["lr"].astype(float) <= largest)].reset_index(drop=True)


COMPARISONS = {
    "batch norm": ("classifiers", lambda rows: rows["batch_norm"].astype(bool), ("optimizer", "lr")),
    "adaptive": ("classifiers", lambda rows: rows["optimizer"] != "sgd", learning_rates.ARCHITECTURE),
    "block identity": (
        "residual",
        lambda rows: rows["batch_norm"].astype(bool) & (rows["initialization"] == "standard"),
        ("optimizer", "lr"),
    ),
}
EFFECTS = {"batch norm": batch_norm.effect_in_table_1, "adaptive": optimizers.effect_in_table_1}


class Comparison:
    """Two arms of the runs of a suite, with events that are drawn."""

    def __init__(self, name, seeds=0):
        suite, arm_of, columns = COMPARISONS[name]
        rows = runs_of(suite)
        if seeds:
            rows = pd.concat([rows.assign(seed=seed) for seed in range(seeds)], ignore_index=True)
        self.arm = arm_of(rows).to_numpy(bool)
        self.strata, self.clusters = combined_labels(rows, columns), configurations(rows)
        self.base = np.where(rows["lr"].astype(float) >= 0.1, 0.25, 0.05)

    def draw(self, effect, rng, within=0.0):
        """Draw events, `effect` more in the first arm; `within` is the correlation of runs that differ in seeds."""
        shared = rng.random(self.clusters.max() + 1)[self.clusters]
        own = rng.random(len(self.arm))
        alike = rng.random(len(self.arm)) < np.sqrt(within)
        return np.where(alike, shared, own) < self.base + effect * self.arm

    def table(self, events):
        return effective_counts(self.arm, events, self.strata, self.clusters)

    def verdict(self, events, paper_effect):
        low, high = score_interval(self.table(events), SETTINGS.confidence)
        return grade(low, high, margin=MARGIN_OF_DIFFERENCE, paper_effect=paper_effect)


def share_of(verdicts, words):
    return np.mean([verdict in words for verdict in verdicts])


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize("within", [0.0, 0.6])
def test_no_difference_is_rarely_taken_for_one(name, within):
    made, rng = Comparison(name), np.random.default_rng(0)
    tables = [made.table(made.draw(0, rng, within)) for _ in range(400)]
    scores = np.array([cmh_scores(table.events[None], table.trials)[0] for table in tables])
    assert np.mean(scores > LIMIT) <= ERROR_RATE
    assert np.mean(scores < -LIMIT) <= ERROR_RATE


def test_seeds_that_agree_would_be_taken_for_evidence_without_clusters():
    made, rng = Comparison("block identity", seeds=5), np.random.default_rng(0)
    draws = [made.draw(0, rng, within=0.9) for _ in range(300)]
    careless = [stratify(events, made.arm, made.strata) for events in draws]
    careful = [made.table(events) for events in draws]
    shown = [
        np.mean([cmh_scores(t.events[None], t.trials)[0] > LIMIT for t in tables]) for tables in (careful, careless)
    ]
    assert shown[0] <= ERROR_RATE < shown[1]


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("effect", [None, 0.1])
def test_an_effect_is_seen_as_often_as_the_power_says(name, effect):
    made, rng = Comparison(name), np.random.default_rng(1)
    true = EFFECTS[name]() if effect is None else effect
    draws = [made.draw(true, rng) for _ in range(60)]
    verdicts = [made.verdict(events, true) for events in draws]
    stated = np.mean([power(made.table(events), true, SETTINGS.confidence) for events in draws[:10]])
    seen = share_of(verdicts, POSITIVE)
    assert seen == pytest.approx(stated, abs=0.15)  # the standard error of 60 draws is at most 0.065
    assert share_of(verdicts, (Verdict.WEAKER,)) <= 0.1  # the interval is below the truth in one of forty draws


@pytest.mark.parametrize("size", [35, 42, 55, 120, 600])
def test_lines_of_which_one_in_ten_is_an_exception_are_rarely_nearly_all(size):
    from scipy.stats import binom

    counts = np.arange(size + 1)
    shown = [judge_share(int(k), size, "do", SETTINGS).verdict == Verdict.REPRODUCED for k in counts]
    assert binom.pmf(counts, size, NEARLY_ALL) @ np.array(shown, float) <= ERROR_RATE
    found = judge_share(size, size, "do", SETTINGS)
    seen = binom.pmf(counts, size, found.smallest_effect) @ np.array(shown, float)
    assert seen >= 0.8


@pytest.mark.parametrize("optima", [2, 4, 10, 20])
def test_lines_to_the_same_optimum_that_agree_by_chance_are_rarely_most(optima):
    rng, lines = np.random.default_rng(2), 15
    verdicts = []
    for _ in range(1000):
        agreeing = rng.random(optima) < 0.5  # all lines to an optimum agree or none does
        found = judge_share(lines * agreeing.sum(), lines * optima, "do", SETTINGS, at_least=0.5, clusters=optima)
        verdicts.append(found.verdict)
    assert share_of(verdicts, POSITIVE) <= ERROR_RATE


@pytest.mark.parametrize("sizes", [(2, 60), (20, 220), (45, 198)])
def test_a_measure_without_relation_is_rarely_taken_for_a_predictor(sizes):
    rng, shown = np.random.default_rng(3), []
    for _ in range(500):
        area = area_under_curve(rng.normal(size=sizes[0]), rng.normal(size=sizes[1]))
        low, high = newcombe_interval(area, sizes, 0.95)
        shown.append(grade(low, high, null=CHANCE, margin=MARGIN_OF_AREA) == Verdict.REPRODUCED)
    assert np.mean(shown) <= ERROR_RATE


def test_a_measure_that_seeds_share_is_rarely_taken_for_a_predictor():
    rng, verdicts = np.random.default_rng(4), []
    for _ in range(60):
        values, risen = rng.normal(size=20), rng.random(20) < 0.2
        rows = pd.DataFrame({"lr": np.repeat(np.arange(20.0), 5), "seed": np.tile(np.arange(5), 20)})
        rows = rows.assign(far=np.repeat(values, 5), monotonic=~np.repeat(risen, 5))
        verdicts.append(judge_larger_if_non_monotone(rows, "far", SETTINGS).verdict)
    assert share_of(verdicts, POSITIVE) <= 0.07  # 4 of 60


def test_equal_numbers_are_rarely_taken_for_a_ratio():
    rng, verdicts = np.random.default_rng(7), []
    rows = pd.DataFrame({"lr": np.tile(np.repeat([1.0, 2, 3], 5), 2), "seed": np.tile(np.arange(5), 6)})
    rows = rows.assign(arm=np.repeat([True, False], 15))
    for _ in range(100):
        made = rows.assign(distance=np.exp(rng.normal(0, 0.5, 30)))
        found = judge_ratio(made, made["arm"], "distance", NAMES, SETTINGS, matched_by=("lr", "seed"), paper_effect=3)
        verdicts.append(found.verdict)
    assert share_of(verdicts, POSITIVE) <= ERROR_RATE


def test_means_at_the_margin_are_rarely_taken_for_equal():
    rng, verdicts = np.random.default_rng(6), []
    arm = pd.Series(np.arange(240) < 20)
    for _ in range(100):
        values = pd.Series(rng.normal(0.96, np.where(arm, 0.02, 0.01)) - 0.02 * arm)
        found = judge_equal_means(values, arm, 0.02, NAMES, SETTINGS, strata=np.zeros(240))
        verdicts.append(found.verdict)
    assert share_of(verdicts, (Verdict.REPRODUCED,)) <= ERROR_RATE
