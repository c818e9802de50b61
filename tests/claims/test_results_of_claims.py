"""Claims may use all results: planes and training curves too, read only when they are asked for."""

import pandas as pd
import pytest

from stages.claims import declare
from stages.claims.declare import CLAIMS, claim
from stages.claims.finding import Finding, Verdict
from stages.claims.registry import claims
from stages.results.results import Results
from stages.results.sources import Memory


class Unread(Memory):
    """Results that fail when a part of them is read that a claim does not ask for."""

    def curves(self, suite):
        raise AssertionError(f"curves of {suite} were read")

    def landscape(self, suite):
        raise AssertionError(f"landscape of {suite} was read")


@pytest.fixture
def declared(monkeypatch):
    """Declare claims for this test only."""
    monkeypatch.setattr(declare, "CLAIMS", dict(CLAIMS))
    return lambda name: claim(name, statement="Test.", section="none", paper="none", rule="none")


def test_a_claim_may_use_planes(landscape, declared):
    @declared("planes")
    def planes(made):
        count = sum(len(found.planes) for found in made.landscapes.values())
        return Finding(Verdict.REPRODUCED, "", count)

    made = landscape()
    judged = declare.CLAIMS["planes"].judge(made)
    assert judged.effect == sum(len(made.sources.landscape(suite).planes) for suite in made.suites) > 0


def test_a_claim_may_use_training_curves_and_reads_nothing_else(results, declared):
    made = results(("classifiers",))
    epochs = pd.DataFrame({"run_id": ["a", "a", "b"], "epoch": [1, 2, 1], "loss": [2.0, 1.0, 3.0], "distance": 0.0})
    unread = Results(made.suites, made.measure, Unread(made.measures, {}, {}, {"classifiers": epochs}, {}))

    @declared("falling")
    def falling(results):
        falls = results.epochs.groupby(["suite", "run_id"])["loss"].agg(lambda loss: loss.iloc[0] - loss.iloc[-1])
        return Finding(Verdict.REPRODUCED, "", float(falls.max()))

    assert declare.CLAIMS["falling"].judge(unread).effect == 1
    with pytest.raises(AssertionError, match="curves of classifiers were read"):
        _ = unread.curves


def test_a_name_is_declared_once():
    assert "theorem_3" in claims()
    with pytest.raises(ValueError, match="claim theorem_3 is declared twice, by theorem_3 and <lambda>"):
        claim("theorem_3", statement="Test.", section="none", paper="none", rule="none")(lambda results: None)
