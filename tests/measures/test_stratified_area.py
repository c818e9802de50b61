"""Areas under the ROC curve within strata, held to pairs counted one by one, scikit-learn, DeLong and simulation."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from stages.measures.roc_area import newcombe_interval
from stages.measures.stratified_area import area_within_strata, interval_of_contrast

RANDOM = np.random.default_rng(0)
SCORE = RANDOM.normal(size=80).round(1)  # with ties
EVENT = RANDOM.random(80) < 0.3
STRATUM = RANDOM.integers(3, size=80)
ALONE = np.arange(80)


def test_without_strata_it_is_scikit_learns_area():
    assert area_within_strata(SCORE, EVENT).area == pytest.approx(roc_auc_score(EVENT, SCORE))


def test_within_strata_it_is_the_share_of_pairs_in_order():
    wins = [
        (SCORE[i] > SCORE[j]) + 0.5 * (SCORE[i] == SCORE[j])
        for i in np.flatnonzero(EVENT)
        for j in np.flatnonzero(~EVENT)
        if STRATUM[i] == STRATUM[j]
    ]
    found = area_within_strata(SCORE, EVENT, STRATUM)
    assert found.area == pytest.approx(np.mean(wins))
    assert found.pairs == len(wins)
    assert found.influence_N.sum() == pytest.approx(0)


def test_what_differs_between_strata_only_does_not_count():
    event = np.array([1, 1, 0, 1, 0, 0], dtype=bool)
    stratum = np.array([0, 0, 0, 1, 1, 1])
    assert area_within_strata(10.0 - 9 * stratum, event).area > 0.6
    assert area_within_strata(10.0 - 9 * stratum, event, stratum).area == 0.5


def test_runs_that_are_their_own_cluster_have_delongs_variance():
    up, down = SCORE[EVENT], SCORE[~EVENT]
    larger = (up[:, None] > down) + 0.5 * (up[:, None] == down)
    variance = larger.mean(1).var(ddof=1) / len(up) + larger.mean(0).var(ddof=1) / len(down)
    low, high = area_within_strata(SCORE, EVENT).interval(ALONE, 0.95)
    assert (high - low) / 2 == pytest.approx(1.959964 * np.sqrt(variance), rel=0.03)


def test_repeated_runs_in_a_cluster_add_nothing():
    twice = np.concatenate([ALONE, ALONE])
    once = area_within_strata(SCORE, EVENT).interval(ALONE, 0.95)
    again = area_within_strata(SCORE[twice], EVENT[twice])
    assert again.interval(twice, 0.95) == pytest.approx(once)
    low, high = again.interval(np.arange(160), 0.95)
    assert high - low < 0.75 * (once[1] - once[0])


def test_one_class_has_no_area_and_a_perfect_score_the_interval_of_newcombe():
    assert np.isnan(area_within_strata(SCORE, np.zeros(80)).area)
    assert np.isnan(area_within_strata(SCORE, np.zeros(80)).interval(ALONE, 0.95)).all()
    perfect = area_within_strata(EVENT.astype(float), EVENT)
    assert perfect.area == 1
    sizes = (float(EVENT.sum()), float((~EVENT).sum()))
    assert perfect.interval(ALONE, 0.95) == newcombe_interval(1.0, sizes, 0.95)
    stratum = np.where(ALONE < 40, 0, ALONE)  # only the first 40 are in pairs
    some = area_within_strata(EVENT.astype(float), EVENT, stratum)
    sizes = (float(EVENT[:40].sum()), float((~EVENT[:40]).sum()))
    assert some.interval(ALONE, 0.95) == newcombe_interval(1.0, sizes, 0.95)
    assert interval_of_contrast(0.9, np.array([1.0, -1.0]), np.arange(2), 0.95, (0.0, 1.0)) == (0, 1)


def test_the_difference_of_two_areas_is_narrower_than_that_of_independent_ones():
    first, second = area_within_strata(SCORE + EVENT, EVENT), area_within_strata(SCORE + 0.9 * EVENT, EVENT)
    low, high = first.interval_above(second, ALONE, 0.95)
    assert low < first.area - second.area < high
    assert high - low < 0.5 * np.diff(first.interval(ALONE, 0.95))[0]


def test_intervals_cover_the_truth_with_clusters_and_strata():
    random = np.random.default_rng(1)
    inside = 0
    for _ in range(300):
        cluster = np.repeat(np.arange(60), 3)
        stratum = cluster % 3
        shared = random.normal(size=60)[cluster]
        event = (shared + random.normal(size=180)) > 0.7 + 0.5 * stratum
        score = shared * 0.0 + random.normal(size=60)[cluster] + 2.0 * stratum  # no effect within strata
        low, high = area_within_strata(score, event, stratum).interval(cluster, 0.95)
        inside += low <= 0.5 <= high
    assert inside / 300 >= 0.91
