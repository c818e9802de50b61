"""Each claim looks at the runs that it is about, on synthetic suites whose lines are known."""

import numpy as np
import pandas as pd
import pytest
from results_in_memory import replaced

from stages.claims.finding import FAILS, FEW, HOLDS
from stages.claims.registry import claims
from stages.config.declared import declared_claims, of_theory


def judge(name, made):
    return claims()[name].judge(made)


def rows_of(made, **columns):
    """Return results whose runs all converged and are monotone but for some columns."""
    defaults = {"status": "converged", "monotonic": True} | columns
    return replaced(made, measures=made.measures.assign(**defaults))


def test_every_claim_has_a_name_that_params_know_and_says_where_it_stands():
    assert set(claims()) == set(declared_claims())
    for name, claim in claims().items():
        assert claim.theory == of_theory(declared_claims()[name])
        assert claim.statement.endswith(".")
        assert claim.section
        assert claim.paper


@pytest.fixture
def classifiers(results):
    return results(("classifiers",), seeds=4)


def test_small_and_large_learning_rates_are_of_sgd_alone(classifiers):
    table = classifiers.measures
    risen = (table["optimizer"] == "sgd") & (table["lr"] >= 1)
    made = rows_of(classifiers, monotonic=~risen)
    assert judge("small_learning_rates_are_monotone", made).verdict == HOLDS
    small = int(((table["optimizer"] == "sgd") & (table["lr"] <= 0.03)).sum())
    assert judge("small_learning_rates_are_monotone", made).counts == {"lines": small}
    assert judge("large_learning_rates_break_monotonicity", made).verdict == HOLDS
    assert judge("large_learning_rates_break_monotonicity", made).effect == 1
    adam = rows_of(classifiers, monotonic=table["optimizer"] != "adam")
    assert judge("large_learning_rates_break_monotonicity", adam).effect == 0
    assert (
        judge("small_learning_rates_are_monotone", rows_of(classifiers, monotonic=table["lr"] > 0.001)).verdict == FAILS
    )


def test_adaptive_optimizers_and_batch_norm_are_held_against_the_others(classifiers):
    table = classifiers.measures
    assert (
        judge(
            "adaptive_optimizers_break_monotonicity", rows_of(classifiers, monotonic=table["optimizer"] == "sgd")
        ).effect
        == 1
    )
    assert (
        judge(
            "adaptive_optimizers_break_monotonicity", rows_of(classifiers, monotonic=table["optimizer"] != "sgd")
        ).verdict
        == FAILS
    )
    on = table["batch_norm"].astype(bool)
    assert judge("batch_norm_breaks_monotonicity", rows_of(classifiers, monotonic=~on)).effect == 1
    assert judge("batch_norm_breaks_monotonicity", rows_of(classifiers, monotonic=on)).effect == -1


def test_runs_that_did_not_converge_do_not_count(classifiers):
    none = replaced(classifiers, measures=classifiers.measures.assign(status="above threshold"))
    for name in (
        "small_learning_rates_are_monotone",
        "large_learning_rates_break_monotonicity",
        "adaptive_optimizers_break_monotonicity",
        "batch_norm_breaks_monotonicity",
        "distance_predicts_failure",
        "gauss_length_predicts_failure",
        "short_paths_are_monotone",
        "power_law",
        "accuracy_does_not_differ",
    ):
        assert judge(name, none).verdict == FEW


def test_distance_and_gauss_length_are_judged_by_their_own_column(classifiers):
    table = classifiers.measures
    up = np.arange(len(table)) % 2 == 0
    made = rows_of(classifiers, monotonic=~up, normalized_distance=up * 1.0 + 1, gauss_length_smooth=2.0 - up)
    assert judge("distance_predicts_failure", made).effect == 1
    assert judge("gauss_length_predicts_failure", made).effect == 0


def test_short_paths_are_below_half_pi(classifiers):
    table = classifiers.measures
    long = np.arange(len(table)) % 2 == 0
    made = rows_of(classifiers, monotonic=~long, gauss_length_smooth=np.where(long, 1.6, 1.5))
    assert judge("short_paths_are_monotone", made).verdict == HOLDS
    assert judge("short_paths_are_monotone", made).counts == {"lines": int((~long).sum())}


def test_the_power_law_is_that_of_the_columns(classifiers):
    rng = np.random.default_rng(0)
    x = np.exp(rng.normal(0, 1, len(classifiers.measures)))
    found = judge("power_law", rows_of(classifiers, normalized_distance=x, gauss_length_smooth=2 * x**0.7))
    assert found.effect == pytest.approx(0.7)
    assert found.verdict == HOLDS
    assert "R² 1.000" in found.ours


def test_block_identity_is_held_against_batch_norm_alone(results):
    made = results(("residual",), seeds=3)
    table = made.measures
    plain = table["batch_norm"].astype(bool) & (table["initialization"] == "standard")
    own = replaced(made, measures=table.assign(status="converged", monotonic=~plain))
    found = judge("block_identity_restores_monotonicity", own)
    assert (found.effect, found.verdict) == (1, HOLDS)


def test_fresh_lines_are_held_against_the_own_line(results):
    found = judge("fresh_initializations_behave_alike", results(("residual",)))
    assert found.counts["lines"] == 10  # five to each of two runs; those of the other scheme are not counted


def test_lines_between_runs_and_permuted_ones_are_counted(landscape):
    made = landscape()
    assert judge("optima_have_barriers", made).effect == 1
    assert judge("optima_have_barriers", made).counts == {"lines": 3}
    assert judge("initializations_have_no_barriers", made).counts == {"lines": 9}
    assert judge("permutations_preserve_monotonicity", made).counts["lines"] == 24
    with_barrier = (made.measures["line"] == "crossed") & (made.measures["run_id"] == "run_a")
    raised = replaced(made, measures=made.measures.assign(barrier=made.measures["barrier"].mask(with_barrier, 1.0)))
    assert (
        judge("initializations_have_no_barriers", raised).effect
        < judge("initializations_have_no_barriers", made).effect
    )


def test_difficulty_is_about_hard_runs(classifiers):
    table = classifiers.measures
    few = np.arange(len(table)) % 2 == 0
    hard = rows_of(classifiers, train_size=np.where(few, 100.0, np.nan), monotonic=few)
    assert judge("hard_problems_are_monotone", hard).verdict == HOLDS
    assert judge("hard_problems_are_monotone", hard).counts == {"lines": int(few.sum())}
    labels = rows_of(classifiers, label_corruption=np.where(few, 0.5, 0.0), monotonic=~few)
    assert judge("hard_problems_are_monotone", labels).verdict == FAILS


def test_switches_and_grafts_are_told_apart(classifiers):
    table = classifiers.measures
    sgd = (table["optimizer"] == "sgd").to_numpy()
    gone = np.arange(len(table)) % 2 == 0
    switched = {"switch_after": np.where(gone, 2.0, np.nan), "switch_optimizer": np.where(gone, "adam", None)}
    made = rows_of(
        classifiers, **switched, distance=np.where(gone, 40.0, 4.0), gauss_length_smooth=np.where(gone, 3.0, 1.0)
    )
    assert judge("switching_raises_distance", made).effect == pytest.approx(10)
    assert judge("switching_raises_gauss_length", made).effect == pytest.approx(3)
    assert sum(judge("switching_raises_distance", made).counts.values()) == sgd.sum()
    adam = (table["optimizer"] == "adam").to_numpy()
    grafts = np.where(sgd & gone, "adam", np.where(adam & gone, "sgd", None))
    found = judge("step_length_breaks_monotonicity", rows_of(classifiers, magnitude=grafts, monotonic=~sgd))
    assert found.effect == 1
    assert found.counts == {"length of Adam": int((sgd & gone).sum()), "direction of Adam": int((adam & gone).sum())}


def test_accuracy_is_that_of_the_test_split(classifiers):
    table = classifiers.measures
    up = np.arange(len(table)) % 2 == 0
    alike = rows_of(classifiers, monotonic=~up, test_accuracy=0.95 + 0.001 * up)
    assert judge("accuracy_does_not_differ", alike).verdict == HOLDS
    apart = rows_of(classifiers, monotonic=~up, test_accuracy=0.95 - 0.1 * up, train_accuracy=0.9)
    assert judge("accuracy_does_not_differ", apart).verdict == FAILS


@pytest.mark.parametrize(("exponent", "verdict"), [(-0.6, HOLDS), (-0.4, FAILS)])
def test_theorem_9_is_about_the_exponent_one_half(results, exponent, verdict):
    widths = (16, 64, 256)
    grid = {"hidden": [(w, w) for w in widths], "activation": ["relu"], "optimizer": ["sgd"], "lr": [0.1]}
    made = results(grids={"classifiers": grid}, seeds=4)
    width = made.measures["width"].astype(float)
    found = judge("theorem_9", rows_of(made, distance=3 * width**exponent))
    assert found.effect == pytest.approx(exponent)
    assert found.verdict == verdict


@pytest.mark.parametrize(("share", "verdict"), [(0.5, HOLDS), (0.2, FAILS)])
def test_the_quadratic_model_is_judged_at_every_rate(classifiers, share, verdict):
    rows = [
        {"end": end, "lr": lr, "min_delta": float(place >= share * 1000), "sampled_min_delta": 0.0, "slope_end": 0.0}
        for end in ("paper", "trained")
        for lr in (0.1, 1.0)
        for place in range(1000)
    ]
    made = replaced(classifiers, theory={"noisy_quadratic": pd.DataFrame(rows)})
    found = judge("noisy_quadratic", made)
    assert found.verdict == verdict
    assert found.effect == pytest.approx(share)
    assert found.counts == {"lines": 2000}
