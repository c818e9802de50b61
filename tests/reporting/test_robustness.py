"""Claims are judged under every variant, and a sentence counts where the verdict is the same."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "figures"))

from figures_results import results
from results_in_memory import replaced

from stages.claims.declare import Claim
from stages.claims.finding import Finding, Verdict
from stages.claims.registry import claims
from stages.reporting.robustness import assess_with_variants, describe, seeds_of

DISTANCE = claims()["distance_predicts_failure"]


@pytest.fixture(scope="module")
def made():
    """Runs whose min Delta is their distance over 1000: those at most 1 rise by at most the tolerance."""
    found = results(("classifiers",), seeds=3)
    far = np.random.default_rng(0).permutation(np.geomspace(0.01, 1000, len(found.measures)))
    table = found.measures.assign(normalized_distance=far, min_delta=far / 1000, status="converged", monotonic=far <= 1)
    return replaced(found, measures=table.assign(final_train_loss=0.01))


def test_each_variant_is_judged(made):
    found = assess_with_variants(DISTANCE, made)
    kept = found.robustness
    assert list(kept) == ["tolerance", "threshold", "seed"]  # the claim does not use Gauss length
    assert list(kept["tolerance"]) == ["0", "0.1x", "1x", "10x"]
    assert list(kept["threshold"]) == ["0.5x", "1x", "2x"]
    assert list(kept["seed"]) == ["0", "1", "2"]
    same = {"verdict": found.verdict, "effect": found.effect}
    assert kept["tolerance"]["1x"] == kept["threshold"]["1x"] == kept["threshold"]["2x"] == same
    assert kept["tolerance"]["0"]["verdict"] == Verdict.NOT_TESTABLE  # all rise
    assert kept["tolerance"]["10x"]["verdict"] == Verdict.REPRODUCED
    words = describe(found)
    assert words == "same verdict at 3 of 4 tolerances (1 not testable at this size), 3 of 3 thresholds, 3 of 3 seeds"


def test_estimators_count_where_the_claim_uses_gauss_length(made):
    table = made.measures.assign(gauss_length_smooth=made.measures["normalized_distance"], gauss_length_turning=1.0)
    found = assess_with_variants(claims()["gauss_length_predicts_failure"], replaced(made, measures=table))
    assert found.robustness["estimator"]["smooth"]["effect"] == pytest.approx(1)
    assert found.robustness["estimator"]["turning"]["effect"] == pytest.approx(0.5)


def test_a_configuration_of_one_seed_has_no_variants_by_seed():
    assert seeds_of(results(("classifiers",), seeds=1)) == []
    assert seeds_of(results(("classifiers",), seeds=3)) == [0, 1, 2]


def test_a_claim_about_the_theory_has_no_variants(made):
    judge = Claim("a", "A.", "none", "none", lambda _: Finding(Verdict.REPRODUCED, "yes"), "None.", True, False)
    found = assess_with_variants(judge, replaced(made, suites={}))
    assert found.robustness == {}
    assert describe(found) == ""


def test_a_claim_of_our_own_is_supported(made):
    own = Claim("a", "A.", "none", "none", lambda _: Finding(Verdict.REPRODUCED, "yes"), "None.", False, True)
    assert own.assess(made).verdict == Verdict.SUPPORTED
    weak = Claim("a", "A.", "none", "none", lambda _: Finding(Verdict.WEAKER, "yes"), "None.", False, True)
    assert weak.assess(made).verdict == Verdict.WEAKER
