"""The area under the ROC curve and its interval, held to slow definitions and to simulation."""

import numpy as np
import pytest

from stages.measures.roc_area import area_under_curve, newcombe_interval, smallest_area, standard_error


def test_the_area_is_the_share_of_pairs_in_order():
    a, b = np.array([4.0, 2.0]), np.array([1.0, 2.0, 3.0])
    assert area_under_curve(a, b) == pytest.approx(np.mean([1, 1, 1, 1, 0.5, 0]))


@pytest.mark.parametrize("area", [0.0, 0.5, 0.93, 1.0])
def test_the_bounds_are_where_the_area_is_so_many_standard_errors_away(area):
    low, high = newcombe_interval(area, (20, 200), 0.95)
    assert 0 <= low <= area <= high <= 1
    for bound in (low, high):
        if 1e-6 < bound < 1 - 1e-6:
            assert abs(area - bound) == pytest.approx(1.96 * standard_error(bound, (20, 200)), rel=1e-3)
    assert low > 0.8 if area == 1 else low < area or area == 0


@pytest.mark.parametrize(("sizes", "shift"), [((3, 60), 0.0), ((20, 200), 0.0), ((20, 60), 1.0)])
def test_the_interval_covers_the_truth_at_least_as_often_as_it_says(sizes, shift):
    from scipy.stats import norm

    draws, truth = np.random.default_rng(0), norm.cdf(shift / np.sqrt(2))
    inside = 0
    for _ in range(300):
        area = area_under_curve(draws.normal(shift, 1, sizes[0]), draws.normal(0, 1, sizes[1]))
        low, high = newcombe_interval(area, sizes, 0.95)
        inside += low <= truth <= high
    assert inside / 300 > 0.92


def test_the_smallest_area_is_shown_with_its_power():
    draws, sizes = np.random.default_rng(1), (20, 200)
    from scipy.stats import norm

    shift = np.sqrt(2) * norm.ppf(smallest_area(sizes, 0.95))
    shown = 0
    for _ in range(300):
        area = area_under_curve(draws.normal(shift, 1, sizes[0]), draws.normal(0, 1, sizes[1]))
        shown += newcombe_interval(area, sizes, 0.95)[0] > 0.5
    assert shown / 300 == pytest.approx(0.8, abs=0.08)
    assert np.isnan(smallest_area((1, 2), 0.95))
