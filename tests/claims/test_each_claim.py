"""Each claim looks at the runs that it is about, on synthetic suites whose lines are known."""

import numpy as np
import pandas as pd
import pytest
from results_in_memory import replaced

from stages.claims.finding import Verdict
from stages.claims.generalization import rise_before_lowest
from stages.claims.registry import claims
from stages.claims.theory import distances_at_equal_loss
from stages.config.declared import declared_claims, of_theory
from stages.results.variant import Variant

MANY = {
    "hidden": [(8, 8), (16, 16), (32, 32), (64, 64)],
    "activation": ["relu", "tanh", "sigmoid"],
    "optimizer": ["sgd", "adam"],
    "lr": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3],
}
"""A grid of one seed, so that each run is a configuration of its own."""


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
        assert claim.rule.endswith(".")


@pytest.fixture
def classifiers(results):
    return results(("classifiers",), seeds=4)


def test_small_and_large_learning_rates_are_of_sgd_alone(classifiers):
    table = classifiers.measures
    risen = (table["optimizer"] == "sgd") & (table["lr"] >= 1)
    made = rows_of(classifiers, monotonic=~risen)
    small = judge("small_learning_rates_are_monotone", made)
    assert small.effect == pytest.approx(1)
    assert small.counts["lines"] == int(((table["optimizer"] == "sgd") & (table["lr"] <= 0.03)).sum())
    large = judge("large_learning_rates_break_monotonicity", made)
    assert (large.effect, large.verdict) == (pytest.approx(1), Verdict.REPRODUCED)
    adam = rows_of(classifiers, monotonic=table["optimizer"] != "adam")
    assert judge("large_learning_rates_break_monotonicity", adam).effect == pytest.approx(0)
    risen = rows_of(classifiers, monotonic=table["lr"] > 0.03)
    assert judge("small_learning_rates_are_monotone", risen).verdict == Verdict.OPPOSITE


def test_adaptive_optimizers_and_batch_norm_are_held_against_the_others(classifiers):
    table = classifiers.measures
    sgd = table["optimizer"] == "sgd"
    adaptive = "adaptive_optimizers_break_monotonicity"
    assert judge(adaptive, rows_of(classifiers, monotonic=sgd)).effect == pytest.approx(1)
    assert judge(adaptive, rows_of(classifiers, monotonic=sgd)).verdict == Verdict.REPRODUCED
    assert judge(adaptive, rows_of(classifiers, monotonic=~sgd)).verdict == Verdict.OPPOSITE
    on = table["batch_norm"].astype(bool)
    assert judge("batch_norm_breaks_monotonicity", rows_of(classifiers, monotonic=~on)).effect == pytest.approx(1)
    assert judge("batch_norm_breaks_monotonicity", rows_of(classifiers, monotonic=on)).effect == pytest.approx(-1)


def test_batch_norm_is_compared_at_the_same_optimizer_and_learning_rate(classifiers):
    table = classifiers.measures
    on, large = table["batch_norm"].astype(bool), table["lr"] >= 1
    made = rows_of(classifiers, monotonic=~large, status=np.where(on | ~large, "converged", "diverged"))
    found = judge("batch_norm_breaks_monotonicity", made)
    assert found.effect == 0  # though only networks with batch norm converge at the rate at which all lines rise
    assert "of 60 matched pairs" not in found.ours
    only = rows_of(classifiers, monotonic=~(on & (table["lr"] == 0.1)))
    pairs = int((on & (table["lr"] == 0.1)).sum())
    assert f"{pairs} fail only with batch norm, 0 only without" in judge("batch_norm_breaks_monotonicity", only).ours


def test_runs_that_did_not_converge_do_not_count(classifiers):
    none = replaced(classifiers, measures=classifiers.measures.assign(status="above threshold"))
    for name in (
        "small_learning_rates_are_monotone",
        "large_learning_rates_break_monotonicity",
        "adaptive_optimizers_break_monotonicity",
        "kfac_breaks_monotonicity",
        "adam_breaks_monotonicity_of_autoencoders",
        "batch_norm_breaks_monotonicity",
        "distance_predicts_failure",
        "gauss_length_predicts_failure",
        "short_paths_are_monotone",
        "power_law",
        "power_law_residual",
        "accuracy_does_not_differ",
        "test_lines_are_monotone_too",
        "width_does_not_matter",
        "depth_does_not_matter",
        "switching_raises_distance",
        "switching_breaks_monotonicity",
        "step_length_breaks_monotonicity",
        "hard_problems_are_monotone",
    ):
        found = judge(name, none)
        assert found.verdict == Verdict.NOT_TESTABLE, name
        assert np.isnan(found.effect)


def test_distance_and_gauss_length_are_judged_by_their_own_column(classifiers):
    table = classifiers.measures
    up = np.arange(len(table)) % 2 == 0
    made = rows_of(classifiers, monotonic=~up, normalized_distance=up * 1.0 + 1, gauss_length_smooth=2.0 - up)
    assert judge("distance_predicts_failure", made).effect == pytest.approx(1)
    assert judge("gauss_length_predicts_failure", made).effect == pytest.approx(0)
    turning = made.varied(Variant(estimator="turning"))
    turned = replaced(made, measures=made.measures.assign(gauss_length_turning=up * 1.0 + 1))
    assert judge("gauss_length_predicts_failure", turned.varied(turning.variant)).effect == pytest.approx(1)


def test_short_paths_are_below_half_pi_by_total_turning(results):
    classifiers = results(("classifiers",), grids={"classifiers": MANY})
    table = classifiers.measures
    long = np.arange(len(table)) % 2 == 0
    turning = np.where(long, 1.6, 1.5)
    made = rows_of(classifiers, monotonic=~long, gauss_length_turning=turning, gauss_length_smooth=1.0)
    found = judge("short_paths_are_monotone", made)
    assert (found.effect, found.verdict) == (pytest.approx(1), Verdict.REPRODUCED)
    assert f"below: {int(long.sum())} of {len(table)}" in found.ours.split("smooth integral")[1]
    never = rows_of(classifiers, gauss_length_turning=turning, gauss_length_smooth=1.0)
    assert judge("short_paths_are_monotone", never).verdict == Verdict.ABSENT


def power_law_of(made, noise, exponent=0.7):
    rng = np.random.default_rng(0)
    x = np.exp(rng.normal(0, 1, len(made.measures)))
    y = 2 * x**exponent * np.exp(rng.normal(0, noise, len(x))) if noise else 2 * x**exponent
    return rows_of(made, normalized_distance=x, gauss_length_smooth=y)


def test_the_power_law_is_that_of_the_columns(classifiers):
    found = judge("power_law", power_law_of(classifiers, 0))
    assert found.effect == pytest.approx(1)
    assert found.verdict == Verdict.REPRODUCED
    assert "exponent 0.7 (0.7 to 0.7), R² 1.000" in found.ours
    assert "below a distance of 3: 0.70" in found.ours


@pytest.mark.parametrize(
    ("noise", "exponent", "classifier", "residual"),
    [
        (0.01, 0.7, Verdict.REPRODUCED, Verdict.OPPOSITE),  # a clear law, which residual networks do not have
        (1.2, 0.7, Verdict.WEAKER, Verdict.REPRODUCED),
        (0.001, 0.0, Verdict.ABSENT, Verdict.ABSENT),
        (0.3, -0.7, Verdict.OPPOSITE, Verdict.OPPOSITE),
    ],
)
def test_a_power_law_is_judged_by_exponent_and_r_squared(results, noise, exponent, classifier, residual):
    made = power_law_of(results(("classifiers",), grids={"classifiers": MANY}), noise, exponent)
    assert judge("power_law", made).verdict == classifier
    assert judge("power_law_residual", made).verdict == residual


def test_runs_that_differ_in_seeds_are_one_point_of_the_power_law(classifiers):
    assert judge("power_law", power_law_of(classifiers, 0.1)).counts["points"] == len(classifiers.measures) // 4


def test_block_identity_is_held_against_batch_norm_alone(results):
    made = results(("residual",), seeds=3)
    table = made.measures
    plain = table["batch_norm"].astype(bool) & (table["initialization"] == "standard")
    own = replaced(made, measures=table.assign(status="converged", monotonic=~plain))
    found = judge("block_identity_restores_monotonicity", own)
    assert (found.effect, found.verdict) == (pytest.approx(1), Verdict.REPRODUCED)


def fresh_of(made, line, agreeing):
    """Return results in which some of the draws of a kind of line have the verdict of the own line, which is False."""
    table = made.measures.assign(status="converged")
    of_kind = table["line"] == line
    return replaced(made, measures=table.assign(monotonic=of_kind & (table["draw"] >= agreeing)))


def test_fresh_lines_are_held_against_the_own_line_and_optima_count_once(results):
    made = results(("residual",))
    found = judge("fresh_initializations_behave_alike", fresh_of(made, "fresh", 3))
    assert found.effect == pytest.approx(3 / 5)
    assert found.counts == {"lines": 10, "clusters": 2}  # five to each of two runs; those of the other scheme not
    assert found.verdict == Verdict.UNDERPOWERED


def test_block_identity_starts_are_lines_to_non_monotone_optima(results):
    made = results(("residual",))
    found = judge("block_identity_starts_are_monotone", fresh_of(made, "fresh_block_identity", 1))
    assert found.effect == pytest.approx(3 / 4)
    every = replaced(made, measures=made.measures.assign(status="converged", monotonic=True))
    assert judge("block_identity_starts_are_monotone", every).verdict == Verdict.NOT_TESTABLE


def test_lines_between_runs_and_permuted_ones_are_counted(landscape):
    made = landscape()
    assert judge("optima_have_barriers", made).effect == pytest.approx(1)
    assert judge("optima_have_barriers", made).counts == {"lines": 3, "clusters": 1}
    assert judge("initializations_have_no_barriers", made).counts == {"lines": 3, "clusters": 1}
    crossed = judge("crossed_lines_have_no_barriers", made)
    assert crossed.counts == {"lines": 9, "clusters": 3}  # runs at the start need not converge
    assert judge("permutations_preserve_monotonicity", made).counts["lines"] == 24
    with_barrier = (made.measures["line"] == "crossed") & (made.measures["run_id"] == "run_a")
    raised = replaced(made, measures=made.measures.assign(barrier=made.measures["barrier"].mask(with_barrier, 1.0)))
    assert judge("crossed_lines_have_no_barriers", raised).effect < crossed.effect


def test_difficulty_is_about_hard_runs(classifiers):
    table = classifiers.measures
    few = np.arange(len(table)) % 2 == 0
    hard = rows_of(classifiers, train_size=np.where(few, 100.0, np.nan), monotonic=few)
    assert judge("hard_problems_are_monotone", hard).effect == pytest.approx(1)
    assert judge("hard_problems_are_monotone", hard).counts["lines"] == int(few.sum())
    labels = rows_of(classifiers, label_corruption=np.where(few, 0.5, 0.0), monotonic=~few)
    assert judge("hard_problems_are_monotone", labels).verdict == Verdict.OPPOSITE


@pytest.fixture
def switched(classifiers):
    table = classifiers.measures
    gone = table["hidden"] != "32-32"
    sgd, adam = (table["optimizer"] == name for name in ("sgd", "adam"))
    columns = {
        "switch_after": np.where(gone, 2.0, np.nan),
        "switch_optimizer": np.where(gone & sgd, "adam", np.where(gone & adam, "sgd", None)),
        "distance": np.where(gone & sgd | ~gone & adam, 40.0, 4.0) * table["lr"] ** 0.5,
        "gauss_length_smooth": np.where(gone & sgd | ~gone & adam, 3.0, 1.0),
    }
    return rows_of(classifiers, **columns)


def test_switches_are_matched_by_learning_rate_and_seed(switched):
    for name in ("switching_raises_distance", "switching_back_lowers_distance"):
        assert judge(name, switched).effect == pytest.approx(10)
        assert judge(name, switched).counts["matched sets"] == 5 * 4
    for name in ("switching_raises_gauss_length", "switching_back_lowers_gauss_length"):
        assert judge(name, switched).effect == pytest.approx(3)
        assert judge(name, switched).verdict in (Verdict.WEAKER, Verdict.REPRODUCED)


@pytest.mark.parametrize(
    ("distance", "monotonic", "verdict"),
    [
        (5.0, True, Verdict.NOT_TESTABLE),
        (20.0, True, Verdict.OPPOSITE),
        (5.0, False, Verdict.UNDERPOWERED),
        (20.0, False, Verdict.UNDERPOWERED),
    ],
)
def test_switched_runs_are_not_judged_at_distances_that_the_papers_do_not_have(switched, distance, monotonic, verdict):
    columns = {"normalized_distance": distance, "monotonic": monotonic}
    made = replaced(switched, measures=switched.measures.assign(**columns))
    found = judge("switching_breaks_monotonicity", made)
    expected = Verdict.NOT_TESTABLE if distance < 11 else verdict
    assert found.verdict == expected


def test_grafts_are_told_apart(classifiers):
    table = classifiers.measures
    gone = np.arange(len(table)) % 2 == 0
    sgd, adam = ((table["optimizer"] == name).to_numpy() for name in ("sgd", "adam"))
    grafts = np.where(sgd & gone, "adam", np.where(adam & gone, "sgd", None))
    columns = {"magnitude": grafts, "normalized_distance": 5.0}
    found = judge("step_length_breaks_monotonicity", rows_of(classifiers, monotonic=~sgd, **columns))
    assert found.effect == pytest.approx(1)
    assert found.counts["length of Adam"] == int((sgd & gone).sum())
    assert found.counts["direction of Adam"] == int((adam & gone).sum())
    none = judge("step_length_breaks_monotonicity", rows_of(classifiers, **columns))
    assert none.verdict == Verdict.NOT_TESTABLE
    assert "a normalised distance of 5.0 at most, the paper's at least 14.6" in none.ours


def test_runs_of_kfac_in_one_architecture_are_one_cluster(classifiers):
    table = classifiers.measures
    kfac = table["optimizer"] == "adam"
    made = rows_of(classifiers, optimizer=np.where(kfac, "kfac", table["optimizer"]), monotonic=~kfac)
    found = judge("kfac_breaks_monotonicity", made)
    assert found.effect == pytest.approx(1)
    one_each = made.measures[made.measures["optimizer"].eq("sgd") | ~made.measures.duplicated(["hidden", "batch_norm"])]
    alone = judge("kfac_breaks_monotonicity", replaced(made, measures=one_each))
    assert found.low < 0.6  # as if each architecture had one run of K-FAC
    assert alone.verdict != Verdict.OPPOSITE


def test_accuracy_is_that_of_the_test_split(classifiers):
    table = classifiers.measures
    up = np.arange(len(table)) % 2 == 0
    alike = rows_of(classifiers, monotonic=~up, test_accuracy=0.95 + 0.001 * up)
    assert judge("accuracy_does_not_differ", alike).verdict == Verdict.REPRODUCED
    apart = rows_of(classifiers, monotonic=~up, test_accuracy=0.95 - 0.1 * up, train_accuracy=0.9)
    assert judge("accuracy_does_not_differ", apart).verdict == Verdict.OPPOSITE


def test_a_test_loss_may_rise_behind_its_lowest_value():
    assert rise_before_lowest(np.array([3.0, 2.0, 1.0, 5.0])) == 0
    assert rise_before_lowest(np.array([3.0, 2.0, 2.5, 1.0, 5.0])) == 0.5
    assert rise_before_lowest(np.array([1.0, 2.0, 3.0])) == 0


def test_test_lines_are_those_of_monotone_runs(classifiers):
    table = classifiers.measures
    up = np.arange(len(table)) % 2 == 0
    made = rows_of(classifiers, monotonic=~up, min_delta_test=0.0)
    assert judge("test_lines_are_monotone_too", made).counts["lines"] == int((~up).sum())


def test_width_and_depth_are_compared_in_the_same_setting(results):
    grid = {"hidden": [(16, 16), (64, 64), (16, 16, 16, 16)], "activation": ["relu"], "batch_norm": [True, False]}
    grid |= {"optimizer": ["sgd", "adam"], "lr": [0.01, 0.03, 0.1, 0.3]}
    made = results(grids={"classifiers": grid}, seeds=1)
    table = made.measures
    alike = rows_of(made, monotonic=table["lr"] < 0.3)
    for name in ("width_does_not_matter", "depth_does_not_matter"):
        found = judge(name, alike)
        assert found.effect == pytest.approx(0)
        assert found.counts["strata"] == 16
    wide = judge("width_does_not_matter", rows_of(made, monotonic=table["width"].astype(float) != 64))
    assert (wide.effect, wide.verdict) == (pytest.approx(1), Verdict.OPPOSITE)
    deep = judge("depth_does_not_matter", rows_of(made, monotonic=table["depth"].astype(float) != 4))
    assert (deep.effect, deep.verdict) == (pytest.approx(1), Verdict.OPPOSITE)


@pytest.mark.parametrize(
    ("exponents", "verdict"),
    [
        ((-0.6, -0.6), Verdict.REPRODUCED),
        ((-0.4, -0.4), Verdict.OPPOSITE),
        ((-0.2, -0.4), Verdict.NOT_TESTABLE),  # still falling
    ],
)
def test_theorem_9_is_about_the_exponent_between_the_largest_widths(results, exponents, verdict):
    widths = (16, 64, 256)
    grid = {"hidden": [(w, w) for w in widths], "activation": ["relu"], "optimizer": ["sgd"], "lr": [0.1]}
    made = rows_of(results(grids={"classifiers": grid}, seeds=4))
    lengths = dict(zip(widths, np.cumprod([3, *(4.0**exponent for exponent in exponents)]), strict=True))
    epochs = [
        {"suite": "classifiers", "run_id": row.run_id, "epoch": epoch, "loss": 0.5**epoch, "distance": distance}
        for row in made.measures.itertuples()
        for epoch, distance in enumerate(np.linspace(0, lengths[int(row.width)] * (1 + 0.001 * row.seed), 5))
    ]
    found = judge("theorem_9", replaced(made, epochs=pd.DataFrame(epochs)))
    assert found.effect == pytest.approx(exponents[1], abs=0.01)
    assert found.verdict == verdict


def test_distances_are_compared_at_equal_training_loss():
    rows = pd.DataFrame({"suite": "a", "run_id": ["long", "short"], "width": [16, 64]})
    long = pd.DataFrame({"epoch": [0, 1, 2], "loss": [1.0, 0.1, 0.01], "distance": [0.0, 1.0, 2.0], "run_id": "long"})
    short = pd.DataFrame({"epoch": [0, 1], "loss": [1.0, 10**-1.5], "distance": [0.0, 3.0], "run_id": "short"})
    found = distances_at_equal_loss(rows, pd.concat([long, short]).assign(suite="a"))
    assert found["distance"].tolist() == pytest.approx([1.5, 3.0])


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        ((0.5, 0.5), Verdict.REPRODUCED),
        ((0.5, 0.2), Verdict.WEAKER),
        ((0.2, 0.5), Verdict.OPPOSITE),
        ((0.41, 0.2), Verdict.UNDERPOWERED),
    ],
)
def test_the_quadratic_model_is_judged_by_learning_rate(classifiers, shares, verdict):
    rows = [
        {"end": end, "lr": lr, "min_delta": float(place >= share * 1000), "sampled_min_delta": 0.0, "slope_end": 0.0}
        for end in ("paper", "trained")
        for lr, share in zip((0.1, 1.0), shares, strict=True)
        for place in range(1000)
    ]
    found = judge("noisy_quadratic", replaced(classifiers, theory={"noisy_quadratic": pd.DataFrame(rows)}))
    assert found.verdict == verdict
    assert found.effect == pytest.approx(shares[0])
    assert found.counts == {"lines": 2000, "learning rates": 2}
