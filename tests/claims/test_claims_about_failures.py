"""The project's own claims about failures, on made-up runs with a known answer, and under no effect."""

import numpy as np
import pandas as pd
import pytest
from results_in_memory import replaced, results_in_memory

from stages.claims.finding import Verdict
from stages.claims.registry import claims
from stages.config import Measure, Run, Suite
from stages.measures.table import OWN_LINE, describe

SETTINGS = Measure(confidence=0.95, bootstrap=50, bootstrap_seed=0, plateau_share=0.1)
FIELDS = {"dataset": "digits", "runs": {}, "grids": {}, "threshold": 0.1, "tolerance": 0.001}
SUITE = Suite(**FIELDS, gauss_examples=0, path_examples=0, lines={}, planes={})
BASE = {"dataset": "digits", "network": "mlp", "hidden": (8, 8), "activation": "relu", "loss": "cross_entropy"}
BASE |= {"optimizer": "sgd", "lr": 0.1, "epochs": 60, "batch_size": 128, "seed": 0}
TREATMENTS = {"averaged": {"average_from": 46}, "warm": {"warmup": 10}}
NAMES = {"averaged": "averaged_weights_prevent_failures_at_the_end", "warm": "warm_up_prevents_failures_near_the_start"}
TOP = {"averaged": 1.0, "warm": 0.1}


def row(place, fields, monotonic, bump_alpha=0.95, **columns):
    about = {name: np.nan if value is None else value for name, value in describe(Run(**(BASE | fields))).items()}
    ids = {"suite": "s", "run_id": f"{place:06d}", "line": OWN_LINE, "start_run_id": f"{place:06d}"}
    ids |= {"draw": np.nan, "part": np.nan, "status": "converged", "normalized_distance": 1.0, "min_delta_to_best": 0.0}
    return ids | about | {"monotonic": monotonic, "bump_alpha": np.nan if monotonic else bump_alpha} | columns


def made_of(rows):
    return results_in_memory(pd.DataFrame(rows), {}, {"s": SUITE}, SETTINGS, {}, pd.DataFrame(), {})


def judge(name, rows):
    return claims()[name].assess(made_of(rows))


def pairs(treatment, failures, top=None):
    """Return pairs of runs, each with whether its line fails without and with the treatment."""
    rows = []
    for seed, (plain, treated) in enumerate(failures):
        for fields, failed in (({}, plain), (TREATMENTS[treatment], treated)):
            rows.append(row(len(rows), {"seed": seed} | fields, not failed, TOP[treatment] if top is None else top))
    return rows


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_a_treatment_is_judged_in_pairs_by_its_own_kind_of_failure(treatment):
    name = NAMES[treatment]
    works = judge(name, pairs(treatment, [(True, False)] * 15 + [(False, False)] * 25))
    assert works.verdict == Verdict.SUPPORTED
    assert works.effect == pytest.approx(15 / 40)
    assert works.counts["strata"] == 40
    assert "of all 40 pairs 15 are monotone with" in works.ours
    harms = judge(name, pairs(treatment, [(False, True)] * 15 + [(False, False)] * 25))
    assert (harms.verdict, harms.effect) == (Verdict.OPPOSITE, pytest.approx(-15 / 40))
    nothing = judge(name, pairs(treatment, [(True, True)] * 10 + [(False, False)] * 90))
    assert (nothing.verdict, nothing.effect) == (Verdict.ABSENT, 0)
    other = judge(name, pairs(treatment, [(True, False)] * 15 + [(False, False)] * 25, top=0.5))
    assert other.effect == 0
    assert judge(name, pairs(treatment, [])[:0] or [row(0, {}, True)]).verdict == Verdict.NOT_TESTABLE


@pytest.mark.long
def test_under_no_effect_a_treatment_is_hardly_ever_supported():
    random = np.random.default_rng(0)
    wrong = 0
    for _ in range(60):
        failures = random.random((60, 2)) < 0.2
        wrong += judge(NAMES["averaged"], pairs("averaged", failures)).verdict == Verdict.SUPPORTED
    assert wrong <= 4


def test_distance_is_judged_within_optimizers():
    random = np.random.default_rng(1)

    def rows(within):
        found = []
        for place in range(160):
            adam = place % 2 == 0
            failed = random.random() < (0.5 if adam else 0.1)
            distance = np.exp(random.normal(1.0 if adam else 0.0, 0.3) + (1.0 if within and failed else 0.0))
            fields = {"optimizer": "adam" if adam else "sgd", "seed": place, "lr": 0.1 + place / 1000}
            found.append(row(place, fields, not failed, normalized_distance=distance))
        return found

    assert judge("distance_decides", rows(within=True)).verdict == Verdict.SUPPORTED
    confounded = judge("distance_decides", rows(within=False))
    assert confounded.low < 0.5 < confounded.high
    assert "non-monotone by normalised distance: " in confounded.ours


def test_short_lines_are_those_below_one():
    rows = [row(i, {"lr": 0.01 + i / 1000}, i >= 60 or i % 20 > 0, normalized_distance=2.0) for i in range(60)]
    rows += [row(i, {"lr": 0.01 + i / 1000}, True, normalized_distance=0.5) for i in range(60, 120)]
    found = judge("short_lines_are_monotone", rows)
    assert found.verdict == Verdict.SUPPORTED
    assert found.counts["lines"] == 60
    assert judge("short_lines_are_monotone", rows[:60]).verdict == Verdict.NOT_TESTABLE


def failing(tops, optimizer="sgd", **columns):
    first = 0 if optimizer == "sgd" else 1000
    fields = [{"optimizer": optimizer, "lr": 0.01 + i / 1000} for i in range(len(tops))]
    return [
        row(first + i, about, False, top, **columns) for i, (about, top) in enumerate(zip(fields, tops, strict=True))
    ]


def test_two_kinds_are_counted_among_failing_lines():
    monotone = [row(5000 + i, {"seed": i}, True) for i in range(9)]
    found = judge("failures_are_of_two_kinds", failing([0.1] * 30 + [1.0] * 30) + monotone)
    assert found.verdict == Verdict.SUPPORTED
    assert found.ours.startswith("30 near the start, 0 in between, 30 at the end; ")
    middle = judge("failures_are_of_two_kinds", failing([0.5] * 50 + [1.0] * 10))
    assert middle.verdict == Verdict.OPPOSITE
    assert judge("failures_are_of_two_kinds", monotone).verdict == Verdict.NOT_TESTABLE


def test_optimizers_are_told_apart_by_where_their_lines_rise():
    rows = failing([0.1] * 20, "rmsprop") + failing([1.0] * 20)
    found = judge("optimizers_fail_in_their_own_way", rows)
    assert (found.verdict, found.effect) == (Verdict.SUPPORTED, 1)
    assert judge("optimizers_fail_in_their_own_way", rows[:20]).verdict == Verdict.NOT_TESTABLE


def test_a_line_cut_at_its_best_point_is_held_to_the_tolerance():
    name = "failures_at_the_end_vanish_at_the_best_point"
    rows = failing([1.0] * 60) + [row(9000 + i, {"seed": i}, False, 0.1, min_delta_to_best=1.0) for i in range(20)]
    found = judge(name, rows)
    assert (found.verdict, found.effect, found.counts["lines"]) == (Verdict.SUPPORTED, 1, 60)
    assert judge(name, failing([1.0] * 60, min_delta_to_best=0.002)).effect == 0
    assert judge(name, rows[60:]).verdict == Verdict.NOT_TESTABLE


def test_forecasts_need_epochs_and_failures(results):
    made = results(("classifiers",), seeds=2)
    made = replaced(made, measures=made.measures.assign(epochs=30))  # of which five are known
    for name in ("first_tenth_forecasts_failure", "first_tenth_adds_to_learning_rate"):
        found = claims()[name].assess(made)
        assert found.low <= found.effect <= found.high
        all_monotone = replaced(made, measures=made.measures.assign(monotonic=True))
        assert claims()[name].assess(all_monotone).verdict == Verdict.NOT_TESTABLE
