"""Agreement, held to tests worked by hand and to simulations."""

from math import comb, isnan, nan

import numpy as np
import pytest

from stages.measures.agreement import means_agree, proportions_agree


def fisher(a, n, b, m):
    """The two-sided p: all tables with these margins that are no more likely than this one."""
    ways = [comb(n, i) * comb(m, a + b - i) if 0 <= a + b - i <= m else 0 for i in range(n + 1)]
    return sum(way for way in ways if way <= ways[a]) / comb(n + m, a + b)


@pytest.mark.parametrize("first", [(0, 2), (2, 2), (1, 3), (5, 11), (9, 9)])
@pytest.mark.parametrize("second", [(0, 24), (4, 24), (20, 24), (15, 22), (4, 4)])
def test_proportions_agree_by_fishers_exact_test(first, second):
    p = fisher(*first, *second)
    assert proportions_agree(first, second, 0.95) == (p > 0.05)


def test_two_of_two_against_four_of_24_is_a_difference():
    assert proportions_agree((2, 2), (4, 24), 0.95) is False
    assert proportions_agree((0, 2), (4, 24), 0.95) is True
    assert proportions_agree((0, 0), (4, 24), 0.95) is None
    assert proportions_agree((1, 2), (0, 0), 0.95) is None


def test_means_agree_where_the_interval_reaches():
    # Of five numbers the quantile is 2.776: 1.0 +- 0.2776, extended by 0.1 * 2.776.
    for other, expected in ((1.55, True), (1.56, False), (0.45, True), (0.44, False)):
        assert means_agree(1.0, 0.1, 5, other, 0.1, 5, 0.95) is expected
    assert means_agree(1.0, 0.1, 5, 1.3, nan, nan, 0.95) is False
    assert means_agree(1.0, 0.1, 5, 1.27, nan, nan, 0.95) is True
    assert means_agree(1.0, nan, 1, 1.0, 0.1, 5, 0.95) is None
    assert means_agree(nan, 0.1, 5, 1.0, 0.1, 5, 0.95) is None


def test_equal_means_agree_nearly_always_and_far_ones_never():
    random = np.random.default_rng(0)

    def share(shift: float) -> float:
        found = []
        for _ in range(400):
            ours, theirs = random.normal(size=5), random.normal(shift, size=5)
            errors = (sample.std(ddof=1) / 5**0.5 for sample in (ours, theirs))
            found.append(means_agree(ours.mean(), next(errors), 5, theirs.mean(), next(errors), 5, 0.95))
        assert not any(isnan(one) for one in found)
        return float(np.mean(found))

    assert share(0.0) > 0.95
    assert share(10.0) < 0.01
