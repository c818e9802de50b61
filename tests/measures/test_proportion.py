import math

import numpy as np
import pytest

from stages.measures.proportion import agresti_min, newcombe, wilson

Z = {0.95: 1.959963984540054, 0.9: 1.6448536269514722}


def by_formula(successes, trials, confidence):
    p, n, z = successes / trials, trials, Z[confidence]
    centre, scale = p + z * z / (2 * n), 1 + z * z / n
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (centre - half) / scale, (centre + half) / scale


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (0, 20), (4, 24), (10, 20), (20, 20), (7, 1000)])
@pytest.mark.parametrize("confidence", Z)
def test_the_interval_is_wilsons(successes, trials, confidence):
    expected = by_formula(successes, trials, confidence)
    assert wilson(successes, trials, confidence) == pytest.approx(expected, abs=1e-12)


def test_no_success_and_no_failure_are_bounded():
    low, high = wilson(0, 20, 0.95)
    assert (low, high) == (0.0, pytest.approx(Z[0.95] ** 2 / (20 + Z[0.95] ** 2)))
    assert wilson(20, 20, 0.95)[1] == 1.0


def test_no_trials_have_no_interval():
    assert all(math.isnan(bound) for bound in wilson(0, 0, 0.95))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [  # Newcombe (1998), table II, method 10, of the first minus the second
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
        ((0, 10), (0, 10), (-0.2775, 0.2775)),
    ],
)
def test_the_interval_of_a_difference_is_newcombes(first, second, expected):
    assert newcombe(second, first, 0.95) == pytest.approx(expected, abs=6e-5)


def test_a_sample_without_trials_has_no_difference():
    assert all(math.isnan(bound) for bound in newcombe((0, 0), (1, 2), 0.95) + newcombe((1, 2), (0, 0), 0.95))


def test_the_interval_of_matched_pairs_is_agresti_and_mins():
    low, high = agresti_min(12, 3, 50, 0.95)  # by hand: 9 / 52 and sqrt(16 - 81 / 52) / 52
    assert (low + high) / 2 == pytest.approx(9 / 52)
    assert (high - low) / 2 == pytest.approx(1.959964 * (16 - 81 / 52) ** 0.5 / 52, rel=1e-6)
    low, high = agresti_min(0, 0, 30, 0.95)
    assert low == -high < 0


def test_the_interval_of_matched_pairs_covers_the_difference():
    draws = np.random.default_rng(0).multinomial(30, (0.25, 0.05, 0.7), size=2000)
    bounds = [agresti_min(gained, lost, 30, 0.95) for gained, lost, _ in draws]
    assert np.mean([low <= 0.2 <= high for low, high in bounds]) == pytest.approx(0.95, abs=0.02)
