import json

import numpy as np
import pandas as pd
import pytest

from stages.config import Measure, Run
from stages.lines.curves import EXAMPLE_FIELDS, Curves
from stages.measures.registry import declared_measures
from stages.measures.table import ESTIMATORS, OUTCOMES, OWN_LINE, describe, measure_lines, power_laws, summarise

SETTINGS = Measure(confidence=0.95, bootstrap=50, bootstrap_seed=0, plateau_share=0.1)
SETTING = [
    "dataset", "train_size", "label_corruption", "network", "hidden", "depth", "width", "bottleneck", "activation",
    "batch_norm", "loss", "optimizer", "lr", "weight_decay", "batch_size", "epochs", "seed",
]  # fmt: skip
LOSSES = np.array(
    [
        [2.0, 1.0, 0.5, 0.0],  # monotone
        [2.0, 0.5, 1.5, 0.0],  # a bump of 1
        [2.0, 1.0, 0.0, 0.001],  # a rise of 0.001
        [2.0, np.nan, 1.0, 0.5],  # not finite on the way
        [np.nan] * 4,  # diverged
    ]
)


def curves(losses=LOSSES):
    lines = len(losses)
    lengths = np.tile([1.0, 1.5, 2.0], (lines, 1)) * np.arange(1, lines + 1)[:, None]
    lengths[~np.isfinite(losses).all(axis=1)] = np.nan
    return Curves(
        run_ids=tuple(f"run{i}" for i in range(lines)),
        lines=("initial_to_final",) * lines,
        starts=tuple(f"run{i}" for i in range(lines)),
        draws=(None,) * lines,
        parts=(None,) * lines,
        alphas=np.array([0.0, 0.2, 0.6, 1.0]),
        loss_train=losses,
        loss_test=losses[:, ::-1],
        accuracy_train=1 - losses / 4,
        accuracy_test=1 - losses / 4,
        examples=np.where(np.isfinite(losses).all(axis=1), 3, 0),
        gauss_smooth=lengths,
        gauss_turning=lengths * 1.1,
        gauss_smooth_grid=lengths * 0.9,
        gauss_turning_grid=lengths * 0.8,
        gauss_alphas=np.full(lines, 7.0),
        gauss_change=np.full(lines, 0.015),
        **dict.fromkeys((name for name in EXAMPLE_FIELDS if name.startswith("example_")), lengths),
        distance=np.where(np.isfinite(losses[:, 0]), 6.0, np.nan),
        start_norm=np.where(np.isfinite(losses[:, 0]), 3.0, np.nan),
        bias_gap=np.full(lines, 0.5),
        refined_alphas=np.tile([0.1, np.nan], (lines, 1)),
        refined_loss=np.tile([2.25, np.nan], (lines, 1)),
        paths=np.zeros((lines, 4, 0, 10)),
        path_labels=np.zeros((lines, 0), dtype=np.int64),
    )


def table(statuses, losses=LOSSES, tolerance=0.001):
    return measure_lines(curves(losses), tolerance, 0.1).assign(status=statuses, line=OWN_LINE)


ENDED = ["converged", "converged", "above threshold", "diverged", "diverged"]


def test_every_measure_has_a_column_and_every_line_a_row():
    made = measure_lines(curves(), 0.0, 0.1)
    assert list(made.columns) == list(declared_measures())
    assert len(made) == len(LOSSES)
    assert set(OUTCOMES) == {
        "status", "final_train_loss", "final_epoch_loss", "final_test_loss", "train_accuracy", "test_accuracy"
    }  # fmt: skip


def test_the_measures_of_a_line_worked_by_hand():
    row = measure_lines(curves(), 0.0, 0.1).iloc[1]
    expected = {
        "initial_train_loss": 2.0,
        "min_delta": 1.0,
        "min_delta_test": 2.0,  # the same line backwards: 0 to 1.5, to 0.5, to 2
        "min_delta_error": 0.25,
        "min_delta_refined": 1.0,
        "monotonic": False,
        "barrier": 0.0,
        "bump_alpha": 0.6,
        "bump_width": 0.6 + 0.4 * 2 / 3 - 0.2,
        "relative_delta": 0.5,
        "excess_over_chord": 0.7,  # 1.5 over 0.8, at alpha 0.6
        "local_convexity": 0.5,
        "global_convexity": 0.5,
        "plateau_length": 0.2 * 0.2 / 1.5,  # down to 1.8
        "plateau_length_error": 0.2 * 0.2 / 1.5,
        "bias_gap": 0.5,
        "distance": 6.0,
        "normalized_distance": 2.0,
        "gauss_length_smooth": 3.0,
        "gauss_length_turning": 3.3,
        "gauss_length_smooth_grid": 2.7,
        "gauss_length_turning_grid": 2.4,
        "gauss_alphas": 7,
        "gauss_change": 0.015,
        "gauss_length_kinks": 0.3,
        "fraction_below_half_pi": 0.0,
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected)


def test_the_fraction_below_half_pi_is_over_examples():
    assert measure_lines(curves(), 0.0, 0.1)["fraction_below_half_pi"][0] == pytest.approx(1 / 3)  # of 1.1, 1.65, 2.2


@pytest.mark.parametrize(
    ("tolerance", "verdicts"),
    [
        (0.0, [True, False, False, None, None]),
        (0.001, [True, False, True, None, None]),  # at the tolerance
        (0.0009, [True, False, False, None, None]),
        (1.0, [True, True, True, None, None]),
    ],
)
def test_a_line_is_monotonic_within_the_tolerance_and_undecided_where_not_finite(tolerance, verdicts):
    assert measure_lines(curves(), tolerance, 0.1)["monotonic"].tolist() == verdicts


def test_a_line_that_is_not_finite_has_no_measure():
    made = measure_lines(curves(), 0.0, 0.1)
    assert made.iloc[4].isna().all()
    assert made.loc[3, ["min_delta", "barrier", "bump_alpha", "bump_width", "relative_delta", "monotonic"]].isna().all()
    assert made.iloc[:3].drop(columns=["bump_alpha", "bump_width"]).notna().all(axis=None)


def test_an_undecided_line_is_an_empty_field_of_the_table():
    text = measure_lines(curves(), 0.0, 0.1)[["monotonic"]].to_csv(index=False)
    assert text.split("\n") == ["monotonic", "True", "False", "False", '""', '""', ""]


def test_a_suite_of_nothing_but_diverged_runs_is_measured_without_a_warning():
    losses = np.full((2, 4), np.nan)
    assert measure_lines(curves(losses), 0.0, 0.1).isna().all(axis=None)
    made = table(["diverged"] * 2, losses)
    numbers = summarise(made, power_laws("s", made, SETTINGS), SETTINGS)
    assert (numbers["lines"], numbers["diverged"], numbers["non_monotone_proportion"]) == (2, 2, None)


def test_the_summary_counts_converged_runs_only():
    made = table(ENDED)
    numbers = summarise(made, power_laws("s", made, SETTINGS), SETTINGS)
    assert (numbers["lines"], numbers["converged"], numbers["above_threshold"], numbers["diverged"]) == (5, 2, 1, 2)
    assert (numbers["non_monotone"], numbers["non_monotone_proportion"]) == (1, 0.5)
    assert 0 < numbers["non_monotone_low"] < 0.5 < numbers["non_monotone_high"] < 1
    assert numbers["mean_min_delta_of_non_monotone"] == 1.0
    assert numbers["mean_normalized_distance"] == 2.0
    assert numbers["mean_gauss_length_smooth"] == pytest.approx((1.5 + 3.0) / 2)
    assert numbers["mean_gauss_length_turning"] == pytest.approx((1.65 + 3.3) / 2)


def test_a_diverged_run_is_neither_monotone_nor_not():
    made = table(["diverged"] * 5)
    numbers = summarise(made, power_laws("s", made, SETTINGS), SETTINGS)
    assert (numbers["non_monotone"], numbers["non_monotone_proportion"]) == (0, None)
    assert (made["monotonic"] == True).sum() == 2  # noqa: E712 (the finite ones)


def test_a_summary_is_plain_json_without_nan():
    for statuses in (ENDED, ["diverged"] * 5, ["converged"] * 5):
        made = table(statuses)
        numbers = summarise(made, power_laws("s", made, SETTINGS), SETTINGS)
        assert json.loads(json.dumps(numbers, allow_nan=False)) == numbers


def test_numbers_of_a_summary_keep_six_digits():
    made = table(["converged"] * 3, LOSSES[:3]).assign(normalized_distance=1 / 3)
    assert summarise(made, power_laws("s", made, SETTINGS), SETTINGS)["mean_normalized_distance"] == 0.333333


def test_power_laws_are_fitted_to_converged_runs_for_each_estimator():
    x = np.array([1.0, 2.0, 4.0, 8.0, 5.0, 5.0])
    columns = {"normalized_distance": x, "gauss_length_smooth": 2 * x**0.5, "gauss_length_turning": 3 * x}
    columns |= {"gauss_length_smooth_grid": x**0.25, "gauss_length_turning_grid": x**2}
    frame = pd.DataFrame(columns | {"status": ["converged"] * 4 + ["above threshold", "diverged"], "line": OWN_LINE})
    frame.loc[4:, list(columns)[1:]] = 1e6
    laws = power_laws("mine", frame, SETTINGS)
    assert laws["suite"].tolist() == ["mine"] * 4
    assert laws["estimator"].tolist() == list(ESTIMATORS) == ["smooth", "turning", "smooth_grid", "turning_grid"]
    np.testing.assert_allclose(laws["exponent"], [0.5, 1.0, 0.25, 2.0])
    np.testing.assert_allclose(laws["prefactor"], [2.0, 3.0, 1.0, 1.0])
    assert laws["points"].tolist() == [4] * 4


def test_lines_from_fresh_initialisations_are_in_no_summary():
    own = table(ENDED)
    fresh = own.assign(line="fresh", status="converged", normalized_distance=9.0, gauss_length_smooth=9.0)
    both = pd.concat([own, fresh], ignore_index=True)
    laws = power_laws("s", own, SETTINGS)
    pd.testing.assert_frame_equal(power_laws("s", both, SETTINGS), laws)
    assert summarise(both, laws, SETTINGS) == summarise(own, laws, SETTINGS)


FIELDS = {
    "dataset": "digits", "network": "mlp", "hidden": (16, 16), "activation": "relu", "loss": "cross_entropy",
    "optimizer": "sgd", "lr": 0.1, "epochs": 2, "batch_size": 32, "seed": 1,
}  # fmt: skip


def test_a_classifier_is_described():
    row = describe(Run(**FIELDS, train_size=100, label_corruption=0.2, weight_decay=0.01, batch_norm=True))
    assert set(row) == set(Run.model_fields) | {"depth", "width", "bottleneck"}
    assert set(SETTING) <= set(row)
    wanted = {"hidden": "16-16", "depth": 2, "width": 16, "bottleneck": None, "train_size": 100, "batch_norm": True}
    wanted |= {"label_corruption": 0.2, "weight_decay": 0.01, "lr": 0.1, "optimizer": "sgd", "seed": 1, "epochs": 2}
    assert {name: row[name] for name in wanted} == wanted


def test_an_autoencoder_has_a_bottleneck_and_unlike_layers_no_width():
    fields = FIELDS | {"network": "autoencoder", "loss": "squared_error", "hidden": (16, 2, 16)}
    row = describe(Run(**fields))
    assert (row["hidden"], row["depth"], row["width"], row["bottleneck"]) == ("16-2-16", 3, None, 2)


def test_a_convolutional_network_has_no_hidden_layers():
    fields = {name: value for name, value in FIELDS.items() if name not in ("hidden", "activation")}
    row = describe(Run(**fields | {"network": "resnet", "layers": 20}))
    assert [row[name] for name in ("hidden", "activation", "depth", "width", "bottleneck")] == [None] * 5
    assert (row["layers"], row["width_multiplier"], row["initialization"]) == (20, 1.0, "standard")


def test_what_is_seen_between_alphas_is_measured():
    made = measure_lines(curves(), 0.0, 0.1)
    assert made["min_delta_refined"][:2].tolist() == [0.25, 1.0]  # 2 -> 2.25 at alpha 0.1; the bump of 1 is larger
    assert made["gauss_length_kinks"][0] == pytest.approx(0.15)  # 1.65 - 1.5
    assert made["bias_gap"][0] == 0.5
