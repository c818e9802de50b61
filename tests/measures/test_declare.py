"""Measures declare what they are; a new one becomes a column, and what it says of missing values is true."""

import numpy as np
import pytest
from test_table import LOSSES, curves

from stages.measures import declare, table
from stages.measures.declare import MEASURES, Needs, measure
from stages.measures.line_curves import line_curves
from stages.measures.registry import declared_measures


@pytest.fixture
def added(monkeypatch):
    """Return a decorator that declares a measure for this test only."""
    known = dict(declared_measures())
    monkeypatch.setattr(declare, "MEASURES", dict(MEASURES))

    def add(name, of, **about):
        def declared(compute):
            measure(name, of=of, unit="1", about="test", **about)(compute)
            everything = sorted(declare.MEASURES.values(), key=lambda one: (one.order, one.name))
            monkeypatch.setattr(table, "declared_measures", lambda: {one.name: one for one in everything})
            return compute

        return declared

    assert list(known) == [one.name for one in sorted(known.values(), key=lambda one: (one.order, one.name))]
    return add


def test_a_declared_measure_becomes_the_last_column(added):
    @added("area", ("loss_train", "alphas"))
    def area(loss_LA, alphas_A):
        return np.trapezoid(loss_LA, alphas_A, axis=1)

    made = table.measure_lines(curves(), 0.0, 0.1)
    assert list(made.columns) == [*declared_measures(), "area"]
    assert made["area"][0] == pytest.approx(0.2 * 1.5 + 0.4 * 0.75 + 0.4 * 0.25)
    assert made["area"][3:].isna().all()


def test_a_measure_with_an_order_stands_between_others(added):
    added("early", ("distance",), order=15)(lambda distance_L: distance_L)
    assert list(table.measure_lines(curves(), 0.0, 0.1).columns)[:3] == ["initial_train_loss", "early", "min_delta"]


def test_a_name_is_declared_once():
    assert "min_delta" in declared_measures()
    with pytest.raises(ValueError, match="measure min_delta is declared twice, by min_delta and <lambda>"):
        measure("min_delta", of=("distance",), unit="1", about="test")(lambda distance_L: distance_L)


def test_a_measure_is_of_curves_that_there_are():
    with pytest.raises(ValueError, match="measure new: no curves losses, expected some of alphas, loss_train"):
        measure("new", of=("losses",), unit="1", about="test")(lambda losses: losses)
    assert "new" not in MEASURES


@pytest.mark.parametrize("name", declared_measures())
def test_every_measure_says_what_it_is(name):
    entry = declared_measures()[name]
    assert entry.unit
    assert entry.source
    assert entry.about
    assert not entry.about.endswith(".")


def without(need):
    """Return curves of two finite lines that lack one of the needs."""
    made = curves(LOSSES[:2])
    changes = {
        Needs.RISE: {"loss_train": np.tile([2.0, 1.0, 0.5, 0.0], (2, 1))},
        Needs.FALL: dict.fromkeys(("loss_train", "accuracy_train"), np.tile([0.5, 0.25, 0.75, 0.5], (2, 1))),
        Needs.NONZERO_START: {"start_norm": np.zeros(2)},
        Needs.CLASSES: {"accuracy_train": np.full((2, 4), np.nan)},
        Needs.LAST_BIASES: {"bias_gap": np.full(2, np.nan)},
        Needs.GAUSS_LENGTHS: {"examples": np.zeros(2, int)},
        Needs.FINE_GRID: {"refined_alphas": np.full((2, 2), np.nan), "refined_loss": np.full((2, 2), np.nan)},
    }
    return type(made)(**vars(made) | changes[need])


@pytest.mark.parametrize("need", Needs)
def test_just_the_measures_that_need_something_are_missing_without_it(need):
    made = table.measure_lines(without(need), 0.0, 0.1)
    missing = {name for name in made if made[name].isna().all()}
    assert missing == {name for name, entry in declared_measures().items() if need in entry.needs}


def test_lines_have_the_examples_of_their_own():
    lines = line_curves(curves(), 0.5, 0.1)
    assert [len(one) for one in lines.gauss_turning] == [3, 3, 3, 0, 0]
    assert (lines.tolerance, lines.plateau_share) == (0.5, 0.1)
    np.testing.assert_allclose(lines.error_train, LOSSES / 4, atol=1e-15)
