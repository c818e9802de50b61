"""Kinds of failure, matched pairs, and forecasts on made-up runs whose answers are known."""

import numpy as np
import pandas as pd
import pytest
from results_in_memory import results_in_memory
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from stages.config import Measure, Run
from stages.measures.table import OWN_LINE, describe
from stages.results.failures import (
    AVERAGED,
    BETWEEN,
    END,
    MONOTONE,
    PLAIN,
    START,
    WARM_UP,
    distance_bins,
    failure_kinds,
    matched_pairs,
    treatments,
)
from stages.results.forecasts import BASELINE, EVERYTHING, PREDICTORS, forecasts

SETTINGS = Measure(confidence=0.95, bootstrap=50, bootstrap_seed=0, plateau_share=0.1)
BASE = {"dataset": "digits", "network": "mlp", "hidden": (8, 8), "activation": "relu", "loss": "cross_entropy"}
BASE |= {"optimizer": "sgd", "lr": 0.1, "epochs": 60, "batch_size": 128, "seed": 0}


def row(run_id="a", monotonic=True, bump_alpha=np.nan, status="converged", **fields):
    about = {name: np.nan if value is None else value for name, value in describe(Run(**(BASE | fields))).items()}
    line = {"suite": "s", "run_id": run_id, "line": OWN_LINE, "start_run_id": run_id, "draw": np.nan, "part": np.nan}
    return line | about | {"monotonic": monotonic, "bump_alpha": bump_alpha, "status": status}


def test_a_failure_is_named_for_where_its_largest_rise_tops_out():
    tops = [0.0, 0.29, 0.3, 0.9, 0.91, 1.0, 0.5, np.nan]
    rows = pd.DataFrame({"bump_alpha": tops, "monotonic": [False] * 6 + [True, True]})
    assert failure_kinds(rows).tolist() == [START, START, BETWEEN, BETWEEN, END, END, MONOTONE, MONOTONE]


def test_bins_of_distance_hold_their_lower_edge():
    rows = pd.DataFrame({"normalized_distance": [0.0, 0.99, 1.0, 3.0, 9.9, 10.0, 1e5, np.nan]})
    found = distance_bins(rows)
    assert found[:7].tolist() == ["below 1", "below 1", "1 to 3", "3 to 10", "3 to 10", "10 or more", "10 or more"]
    assert pd.isna(found[7])


def test_pairs_are_converged_runs_that_differ_in_one_treatment():
    rows = pd.DataFrame(
        [
            row("plain", monotonic=False, bump_alpha=1.0),
            row("averaged", average_from=46),
            row("warm", warmup=10, monotonic=False, bump_alpha=0.1),
            row("both", warmup=10, average_from=46),
            row("plain 1", seed=1),
            row("averaged 1", seed=1, average_from=46, status="above threshold"),
            row("averaged alone", seed=2, average_from=46),
            row("other rate", lr=0.3, average_from=46),
        ]
    )
    found = treatments(rows)
    assert found[[0, 1, 2]].tolist() == [PLAIN, AVERAGED, WARM_UP]
    assert pd.isna(found[3])
    averaged = matched_pairs(rows, AVERAGED)
    assert set(averaged["run_id"]) == {"plain", "averaged"}
    assert averaged["pair"].nunique() == 1
    assert dict(zip(averaged["treatment"], averaged["kind"], strict=True)) == {PLAIN: END, AVERAGED: MONOTONE}
    assert set(matched_pairs(rows, WARM_UP)["run_id"]) == {"plain", "warm"}


def test_pairs_of_one_configuration_share_a_cell():
    rows = pd.DataFrame([row(f"{t}{s}", seed=s, **t2) for s in (0, 1) for t, t2 in (("p", {}), ("w", {"warmup": 5}))])
    found = matched_pairs(rows, WARM_UP)
    assert (found["pair"].nunique(), found["cell"].nunique(), len(found)) == (2, 1, 4)


def forecastable(informative=True, architectures=4, runs=40):
    """Return runs whose growth of distance tells whether they fail, or does not."""
    random = np.random.default_rng(0)
    rows, epochs = [], []
    for place in range(architectures * runs):
        run_id = f"{place:012d}"
        failed = bool(random.random() < 0.4)
        pace = np.exp(random.normal() + (2.5 * failed if informative else 0))
        width = 8 + place % architectures
        fields = {"hidden": (width, width), "lr": float(random.choice([0.01, 0.1])), "seed": place}
        rows.append(
            row(run_id, monotonic=not failed, **fields)
            | {"distance": 20.0 * pace, "normalized_distance": 4.0 * pace, "initial_train_loss": 2.3}
        )
        done = np.arange(1, 61)
        columns = {"epoch": done, "loss": 2.0 / done, "distance": pace * np.sqrt(done)}
        epochs.append(pd.DataFrame({"suite": "s", "run_id": run_id} | columns))
    rows, epochs = pd.DataFrame(rows), pd.concat(epochs)
    return results_in_memory(rows, {}, {"s": None}, SETTINGS, {}, epochs, {})


def test_features_are_what_is_seen_after_a_tenth():
    made = forecastable()
    found = forecasts(made).rows
    row = found.iloc[7]
    path = made.epochs[made.epochs["run_id"] == row["run_id"]].set_index("epoch")
    assert row["log_distance"] == pytest.approx(np.log(path["distance"][6] / 5.0), abs=1e-6)
    assert row["log_growth"] == pytest.approx(np.log(path["distance"][6] / path["distance"][3]), abs=1e-6)
    assert row["log_loss"] == pytest.approx(np.log(path["loss"][6] / 2.3), abs=1e-6)


def test_each_architecture_is_ranked_by_a_model_of_the_others():
    made = forecasts(forecastable())
    x = made.rows[["log_distance"]].to_numpy()
    expected = np.empty(len(x))
    for width in sorted(set(made.rows["hidden"])):
        own = (made.rows["hidden"] == width).to_numpy()
        scaler = StandardScaler().fit(x[~own])
        model = LogisticRegression(tol=1e-9).fit(scaler.transform(x[~own]), made.failed_N[~own])
        expected[own] = model.decision_function(scaler.transform(x[own]))
    name = "distance after the first tenth"
    np.testing.assert_allclose(made.scores[name], expected, atol=1e-3)
    assert made.area(name).area == pytest.approx(roc_auc_score(made.failed_N, expected), abs=1e-3)


def test_what_tells_and_what_does_not():
    telling, silent = forecasts(forecastable()), forecasts(forecastable(informative=False))
    assert telling.area(EVERYTHING).area > 0.9
    assert abs(telling.area(BASELINE).area - 0.5) < 0.15
    low, _ = telling.area(EVERYTHING).interval_above(telling.area(BASELINE), telling.clusters_N, 0.95)
    assert low > 0
    assert all(abs(silent.area(name).area - 0.5) < 0.15 for name in PREDICTORS)


def test_too_few_runs_give_no_forecast():
    assert forecasts(forecastable(architectures=1)) is None
    made = forecastable()
    none = made.measures.assign(monotonic=True)
    assert forecasts(results_in_memory(none, {}, made.suites, SETTINGS, {}, made.epochs, {})) is None
    assert forecasts(results_in_memory(none[:0], {}, made.suites, SETTINGS, {}, made.epochs, {})) is None
