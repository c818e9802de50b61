"""Variants of the analysis change verdicts on lines and runs, and nothing else."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "figures"))

from figures_results import results

from stages.results.variant import USUAL_TOLERANCE, VARIANTS, Variant


@pytest.fixture(scope="module")
def made():
    return results(("classifiers", "residual"), seeds=2)


def test_the_default_is_the_analysis_of_the_parameters(made):
    assert made.varied(Variant()).measures.equals(made.measures)
    assert made.varied(Variant()).limits("tolerance") == {"classifiers": 0.001, "residual": 0.0}


@pytest.mark.parametrize("factor", [0.0, 0.1, 1.0, 10.0])
def test_a_line_is_monotone_up_to_the_varied_tolerance(made, factor):
    varied = made.varied(Variant(tolerance_factor=factor))
    rows, before = varied.measures, made.measures
    tolerance = factor * USUAL_TOLERANCE  # the tolerance of residual networks is 0, so multiples refer to the usual one
    assert varied.limits("tolerance") == {"classifiers": tolerance, "residual": tolerance}
    known = before["monotonic"].notna()
    assert (rows.loc[known, "monotonic"] == (rows.loc[known, "min_delta"] <= tolerance)).all()
    assert rows.loc[~known, "monotonic"].isna().all()
    assert rows["status"].equals(before["status"])


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_run_converges_up_to_the_varied_threshold(made, factor):
    varied = made.varied(Variant(threshold_factor=factor))
    rows, before = varied.measures, made.measures
    limits = rows["suite"].map(varied.limits("threshold"))
    diverged = before["status"] == "diverged"
    assert diverged.any()
    assert (rows.loc[diverged, "status"] == "diverged").all()
    expected = np.where(rows["final_train_loss"] <= limits, "converged", "above threshold")
    assert (rows["status"] == expected)[~diverged].all()
    assert varied.limits("threshold")["classifiers"] == pytest.approx(0.1 * factor)
    assert rows["monotonic"].equals(before["monotonic"])


def test_one_seed_is_alone(made):
    assert set(made.varied(Variant(seed=1)).measures["seed"]) == {1}


def test_the_estimator_names_the_column(made):
    assert made.gauss_length == "gauss_length_smooth"
    assert made.varied(Variant(estimator="turning")).gauss_length == "gauss_length_turning"


def test_parts_of_varied_results_are_varied(made):
    assert made.varied(Variant(tolerance_factor=10.0)).only("classifiers").limits("tolerance") == {"classifiers": 0.01}


def test_each_kind_of_variant_holds_the_analysis_of_the_parameters():
    for kind, variants in VARIANTS.items():
        assert Variant() in variants.values() or kind == "tolerance"
