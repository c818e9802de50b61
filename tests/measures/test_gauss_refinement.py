import numpy as np
import pytest

from stages.measures.gauss_refinement import interval_changes, relative_change, select_intervals


def test_changes_are_those_of_leaving_out_every_second_alpha():
    random = np.random.default_rng(0)
    steps, doubled = random.uniform(size=8), random.uniform(size=7)
    changes = interval_changes(steps, doubled)
    gone = np.abs(steps[:-1] + steps[1:] - doubled)
    beside = [[gone[max(i - 1, 0)], gone[min(i, 6)]] for i in range(8)]
    np.testing.assert_allclose(changes, np.sum(beside, 1) / 4)
    assert relative_change(changes, 4.0) == pytest.approx(changes.sum() / 4)
    assert relative_change(changes, 0.0) == 0
    assert interval_changes(np.ones(1), np.zeros(0)).tolist() == [0]


def test_the_fewest_intervals_with_all_but_half_of_the_tolerated_change_are_chosen():
    changes = np.array([0.004, 0.0, 0.05, 0.003, 0.02])
    assert select_intervals([(changes, 1.0)], 0.02, 10).tolist() == [2, 4]  # 0.007 are left
    assert select_intervals([(changes, 1.0)], 0.01, 10).tolist() == [0, 2, 4]  # 0.003 are left
    assert select_intervals([(changes, 1.0)], 0.01, 2).tolist() == [2, 4]
    assert select_intervals([(changes, 1.0)], 0.01, 0).tolist() == []
    assert select_intervals([(changes, 1.0)], 0.08, 10).tolist() == []
    assert select_intervals([(changes, 0.0)], 0.01, 10).tolist() == []


def test_each_estimator_has_its_own_share():
    first, second = np.array([0.0, 0.0, 0.1]), np.array([0.0, 5.0, 0.0])
    assert select_intervals([(first, 1.0), (second, 10.0)], 0.02, 10).tolist() == [1, 2]
    assert select_intervals([(first, 1.0), (second, 10.0)], 0.02, 1).tolist() == [1]
    assert select_intervals([(first, 1.0), (second, 1000.0)], 0.02, 10).tolist() == [2]
