"""The noisy quadratic model, held to steps taken one by one and to lines sampled finely."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from stages.measures.monotonicity import min_delta
from stages.theory import noisy_quadratic as model

RATES = [0.01, 0.3, 1.0, 1.7]


def trained_by_steps(start, rate, steps, random):
    """Take every step of stochastic gradient descent."""
    curvature = 1 / np.arange(1, start.shape[1] + 1)
    theta = start.copy()
    for _ in range(steps):
        noise = np.sqrt(curvature) * random.standard_normal(theta.shape)
        theta -= rate * (curvature * theta + noise)
    return theta


@pytest.fixture(scope="module")
def table():
    return model.simulate_lines(dimension=20, learning_rates=(0.02, 0.2, 1.5), steps=300, samples=400, seed=3)


def ends(end, rate, lines, steps=7, start=None):
    random = np.random.default_rng(0)
    start = random.standard_normal((lines, 6)) if start is None else start
    curvature = model.curvatures(start.shape[1])
    return (
        start,
        model.draw_end_points(end, start, random.standard_normal(start.shape), curvature, rate, steps),
        curvature,
    )


def test_the_curvatures_are_one_over_the_coordinate():
    np.testing.assert_array_equal(model.curvatures(4), [1, 1 / 2, 1 / 3, 1 / 4])


@pytest.mark.parametrize("rate", RATES)
def test_the_variance_is_that_of_the_recursion(rate):
    curvature = model.curvatures(10)
    variance = np.zeros(10)
    for steps in range(1, 400):
        variance = (1 - rate * curvature) ** 2 * variance + rate**2 * curvature
        np.testing.assert_allclose(model.noise_variance(curvature, rate, steps), variance, rtol=1e-11)


@pytest.mark.parametrize("rate", RATES)
def test_the_stationary_variance_stays_and_the_papers_does_not(rate):
    curvature = model.curvatures(10)
    for variance, stays in ((model.stationary_variance(curvature, rate), True), (rate * curvature, False)):
        after = (1 - rate * curvature) ** 2 * variance + rate**2 * curvature
        assert np.allclose(after, variance, rtol=1e-12) == stays
    np.testing.assert_allclose(
        model.noise_variance(curvature, rate, 100_000), model.stationary_variance(curvature, rate), rtol=1e-12
    )


@pytest.mark.parametrize("rate", [0.1, 1.0, 1.7])
def test_trained_ends_have_the_moments_of_steps_taken_one_by_one(rate):
    lines, steps = 20_000, 7
    start = np.tile([2.0, -1.0, 0.0, 3.0], (lines, 1))
    _, drawn, _ = ends("trained", rate, lines, start=start, steps=steps)
    walked = trained_by_steps(start, rate, steps, np.random.default_rng(1))
    spread = walked.std(axis=0)
    np.testing.assert_allclose(drawn.mean(axis=0) / spread, walked.mean(axis=0) / spread, atol=5 / lines**0.5)
    np.testing.assert_allclose(drawn.std(axis=0) / spread, 1, atol=5 / lines**0.5)
    np.testing.assert_allclose(np.corrcoef(drawn.T), np.eye(4), atol=5 / lines**0.5)


def test_the_papers_ends_have_covariance_eta_k_whatever_the_start():
    start, drawn, curvature = ends("paper", 0.4, 20_000)
    np.testing.assert_allclose(np.cov(drawn.T) / (0.4 * np.sqrt(np.outer(curvature, curvature))), np.eye(6), atol=0.05)
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.02)
    assert abs((start * drawn).mean(axis=0)).max() < 0.02
    assert abs((start * ends("trained", 0.4, 20_000)[1]).mean(axis=0)).min() > 0.02


@pytest.mark.parametrize("rate", [2.0, 3.0, float("nan")])
def test_a_learning_rate_without_a_limit_is_refused(rate):
    with pytest.raises(ValueError, match="want a learning rate below 2 / 1, got"):
        ends("trained", rate, 2)


def test_another_end_is_refused():
    with pytest.raises(ValueError, match="want one of paper, trained, got 'other'"):
        ends("other", 0.1, 2)


def random_lines(count=3000, seed=5):
    """Return lines whose minimum is anywhere: before, on and after them, some of them short, level or one step long."""
    random = np.random.default_rng(seed)
    start = random.standard_normal((count, 4)) * np.exp(random.normal(size=(count, 1)))
    end = random.standard_normal((count, 4)) * np.exp(random.normal(size=(count, 1)) - 1)
    end[: count // 6] = start[: count // 6] * random.uniform(-2, 2, (count // 6, 1))
    return start, end, model.curvatures(4)


def loss(theta, curvature):
    return theta @ np.diag(curvature) @ theta / 2


def test_losses_and_slopes_are_the_definition():
    start, end, curvature = random_lines(50)
    alphas = np.array([0.0, 0.3, 1.0])
    step = 1e-6
    slopes = model.end_slopes(start, end, curvature)
    for i, losses in enumerate(model.line_losses(start, end, curvature, alphas)):
        along = [loss(start[i] + alpha * (end[i] - start[i]), curvature) for alpha in alphas]
        np.testing.assert_allclose(losses, along, rtol=1e-12)
        for slope, alpha in zip(slopes, (0, 1), strict=True):
            around = [loss(start[i] + (alpha + by) * (end[i] - start[i]), curvature) for by in (-step, step)]
            assert slope[i] == pytest.approx((around[1] - around[0]) / (2 * step), rel=1e-5, abs=1e-5)


def test_the_exact_rise_and_verdict_are_those_of_a_finely_sampled_line():
    start, end, curvature = random_lines()
    slopes = model.end_slopes(start, end, curvature)
    exact, falling = model.quadratic_min_delta(*slopes), (slopes[0] <= 0) & (slopes[1] <= 0)  # (14) and (15)
    fine = min_delta(model.line_losses(start, end, curvature, np.linspace(0, 1, 2001)))
    # A minimum between two alphas is at most half a step from one: half the second derivative times its square.
    missed = (slopes[1] - slopes[0]) / 2 * (1 / 4000) ** 2
    assert (fine <= exact + 1e-12).all()
    assert (fine >= exact - missed - 1e-12).all()
    np.testing.assert_array_equal(falling, exact == 0)
    np.testing.assert_array_equal(falling, slopes[1] <= 0)  # (15) alone decides: the slope never falls
    kinds = {(a < 0, b > 0) for a, b in zip(*slopes, strict=True)}
    assert kinds == {(True, False), (True, True), (False, True)}


@pytest.mark.parametrize(
    ("slope_start", "slope_end", "rise"),
    [
        (-2.0, -1.0, 0.0),
        (-2.0, 0.0, 0.0),  # level at the end only
        (0.0, 0.0, 0.0),  # level throughout
        (0.0, 2.0, 1.0),  # level at the start only
        (1.0, 3.0, 2.0),
        (-1.0, 1.0, 0.25),  # the second half
        (-3.0, 1.0, 0.125),  # the last quarter
    ],
)
def test_rises_worked_by_hand(slope_start, slope_end, rise):
    slopes = np.array([slope_start]), np.array([slope_end])
    assert model.quadratic_min_delta(*slopes)[0] == rise
    assert ((slopes[0] <= 0) & (slopes[1] <= 0))[0] == (rise == 0)


def test_lines_sampled_in_blocks_are_the_same(monkeypatch):
    settings = {"dimension": 4, "learning_rates": (0.1, 0.3), "steps": 5, "samples": 7, "seed": 1}
    whole = model.simulate_lines(**settings)
    monkeypatch.setattr(model, "BLOCK", 3)
    pd.testing.assert_frame_equal(model.simulate_lines(**settings), whole, check_exact=True)


def test_a_grid_misses_exactly_the_rises_that_begin_after_the_middle_of_its_last_interval():
    start, end, curvature = random_lines()
    slope_start, slope_end = model.end_slopes(start, end, curvature)
    sampled = min_delta(model.line_losses(start, end, curvature, model.ALPHAS))
    assert len(model.ALPHAS) == 50
    middle = 1 - 0.5 / 49
    slope = slope_start + middle * (slope_end - slope_start)
    clear = abs(slope) > 1e-9
    np.testing.assert_array_equal((sampled > 0)[clear], (slope > 0)[clear])
    missed = (sampled == 0) & (model.quadratic_min_delta(slope_start, slope_end) > 0)
    assert 5 < missed.sum() < 200


def test_every_row_is_a_line_of_the_model(table):
    assert list(table.columns) == ["end", "lr", "sample", "slope_start", "slope_end", "min_delta", "sampled_min_delta"]
    assert len(table) == 2 * 3 * 400
    assert not table.duplicated(["end", "lr", "sample"]).any()
    slopes = table["slope_start"].to_numpy(), table["slope_end"].to_numpy()
    np.testing.assert_array_equal(table["min_delta"], model.quadratic_min_delta(*slopes))
    assert (table["sampled_min_delta"] <= table["min_delta"] + 1e-12).all()


@pytest.mark.parametrize("end", model.ENDS)
def test_the_mean_slope_is_the_one_expected_and_not_0(table, end):
    curvature = 1 / np.arange(1, 21)
    for rate, group in table[table["end"] == end].groupby("lr"):
        decay = (1 - rate * curvature) ** 300 if end == "trained" else np.zeros(20)
        variance = rate * curvature if end == "paper" else rate / (2 - rate * curvature) * (1 - decay**2)
        expected = (curvature * (decay**2 + variance - decay)).sum()
        error = group["slope_end"].std() / len(group) ** 0.5
        assert abs(group["slope_end"].mean() - expected) < 4 * error
    assert group["slope_end"].mean() > 10 * error  # of the largest learning rate


def test_a_line_depends_on_the_seed_but_not_on_other_lines(table):
    one = model.simulate_lines(dimension=20, learning_rates=(0.2,), steps=300, samples=30, seed=3)
    same = table[(table["lr"] == 0.2) & (table["sample"] < 30)].reset_index(drop=True)
    pd.testing.assert_frame_equal(one, same, check_exact=True)
    other = model.simulate_lines(dimension=20, learning_rates=(0.2,), steps=300, samples=30, seed=4)
    assert not np.isin(other["slope_end"], one["slope_end"]).any()
    assert not np.isin(table[table["lr"] == 1.5]["slope_end"], same["slope_end"]).any()


def test_the_summary_counts_by_a_loop_over_the_rows(table):
    cells = model.count_monotone_lines(table, 0.9).to_dict("records")
    assert [(cell["end"], cell["lr"]) for cell in cells] == [(e, r) for r in (0.02, 0.2, 1.5) for e in model.ENDS]
    for cell in cells:
        rows = [r for r in table.to_dict("records") if (r["end"], r["lr"]) == (cell["end"], cell["lr"])]
        for prefix in ("", "sampled_"):
            flat = sum(row[f"{prefix}min_delta"] == 0 for row in rows)
            interval = binomtest(flat, 400).proportion_ci(0.9, method="wilson")
            assert (cell["lines"], cell[f"{prefix}monotone"]) == (400, flat)
            found = [cell[f"{prefix}{name}"] for name in ("proportion", "low", "high")]
            assert found == pytest.approx([flat / 400, interval.low, interval.high])
        slopes = [row["slope_end"] for row in rows]
        assert cell["mean_slope_end"] == pytest.approx(np.mean(slopes))
        assert cell["standard_deviation_slope_end"] == pytest.approx(np.std(slopes, ddof=1))
    assert all(cell["sampled_monotone"] >= cell["monotone"] for cell in cells)
    assert any(cell["sampled_monotone"] > cell["monotone"] for cell in cells)
