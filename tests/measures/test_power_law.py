import numpy as np
import pytest
from scipy.stats import linregress

from stages.measures.power_law import fit

X = np.geomspace(0.1, 30, 25)


def noisy(seed=0, size=60):
    rng = np.random.default_rng(seed)
    x = np.exp(rng.normal(size=size))
    return x, 2 * x**0.7 * np.exp(0.4 * rng.normal(size=size))


@pytest.mark.parametrize("exponent", [-1.5, 0.5, 1.0, 2.25])
@pytest.mark.parametrize("prefactor", [1e-3, 1.0, 40.0])
def test_an_exact_law_is_recovered(exponent, prefactor):
    law = fit(X, prefactor * X**exponent, 0.95, 200, 0)
    assert law.exponent == pytest.approx(exponent, rel=1e-10)
    assert law.prefactor == pytest.approx(prefactor, rel=1e-10)
    assert law.r_squared == pytest.approx(1.0, abs=1e-12)
    assert law.points == 25
    intervals = [law.exponent_low, law.exponent_high, law.r_squared_low, law.r_squared_high]
    np.testing.assert_allclose(intervals, [exponent, exponent, 1.0, 1.0], rtol=1e-9)


def test_a_constant_has_exponent_0():
    law = fit(X, np.full_like(X, 2.0), 0.95, 100, 0)
    assert (law.exponent, law.prefactor) == (pytest.approx(0, abs=1e-12), pytest.approx(2.0))


def test_the_fit_is_that_of_scipy_on_logarithms():
    x, y = noisy()
    law = fit(x, y, 0.95, 500, 0)
    expected = linregress(np.log(x), np.log(y))
    assert law.exponent == pytest.approx(expected.slope, rel=1e-12)
    assert np.log(law.prefactor) == pytest.approx(expected.intercept, rel=1e-12)
    assert law.r_squared == pytest.approx(expected.rvalue**2, rel=1e-12)


def test_the_intervals_hold_the_estimate_and_are_about_as_wide_as_theory_has_them():
    x, y = noisy()
    law = fit(x, y, 0.95, 2000, 0)
    assert law.exponent_low < law.exponent < law.exponent_high
    assert law.r_squared_low < law.r_squared < law.r_squared_high <= 1
    width = law.exponent_high - law.exponent_low
    assert width == pytest.approx(2 * 1.96 * linregress(np.log(x), np.log(y)).stderr, rel=0.3)


def test_the_intervals_cover_the_true_exponent_as_often_as_they_say():
    laws = [fit(*noisy(seed, 40), 0.9, 200, seed) for seed in range(200)]
    covered = np.mean([law.exponent_low <= 0.7 <= law.exponent_high for law in laws])
    assert 0.8 < covered < 0.96  # four standard deviations of 200 trials around 0.9, less what resampling loses


def test_more_confidence_is_a_wider_interval():
    widths = [law.exponent_high - law.exponent_low for law in (fit(*noisy(), c, 500, 0) for c in (0.5, 0.9, 0.99))]
    assert widths == sorted(widths)
    assert widths[0] < widths[2]


def test_the_bootstrap_depends_on_its_seed_alone():
    np.random.seed(1)  # noqa: NPY002
    first = fit(*noisy(), 0.95, 100, 3)
    np.random.seed(2)  # noqa: NPY002
    assert fit(*noisy(), 0.95, 100, 3) == first
    other = fit(*noisy(), 0.95, 100, 4)
    assert other.exponent == first.exponent
    assert other.exponent_low != first.exponent_low


def test_what_has_no_logarithm_is_left_out_and_the_rest_counted():
    x, y = noisy()
    lost_x = np.concatenate([x, [0.0, 1.0, np.nan, 1.0, np.inf, 1.0, -1.0, 1.0]])
    lost_y = np.concatenate([y, [1.0, 0.0, 1.0, np.nan, 1.0, np.inf, 1.0, -1.0]])
    assert fit(lost_x, lost_y, 0.95, 100, 0) == fit(x, y, 0.95, 100, 0)
    assert fit(lost_x, lost_y, 0.95, 100, 0).points == len(x)


@pytest.mark.parametrize(
    ("x", "y", "points"),
    [
        ([], [], 0),
        ([1.0, 2.0], [1.0, 2.0], 2),
        ([1.0, 2.0, np.nan], [1.0, 2.0, 3.0], 2),
        ([2.0] * 4, [1.0, 2, 3, 4], 4),
    ],
)
def test_without_three_points_and_two_distances_there_is_no_law(x, y, points):
    law = vars(fit(np.array(x), np.array(y), 0.95, 100, 0))
    assert law.pop("points") == points
    assert np.isnan(list(law.values())).all()


@pytest.mark.parametrize("points", [3, 4])
@pytest.mark.parametrize("first", [0.1, 0.5, 2.0])
def test_resamples_of_one_point_have_no_slope_and_stay_out_of_the_interval(points, first):
    x = first * 3.0 ** np.arange(points)
    law = fit(x, 2 * x**0.5, 0.95, 1000, 0)
    np.testing.assert_allclose([law.exponent_low, law.exponent_high], 0.5, rtol=1e-9)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        fit(np.ones(2), np.ones(3), 0.95, 10, 0)
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        fit(np.ones((2, 2)), np.ones((2, 2)), 0.95, 10, 0)
