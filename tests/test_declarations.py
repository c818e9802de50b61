"""Declarations are read from source files as decorators make them."""

import pytest

from stages.config.declared import declared_claims, declared_items, item_of, of_theory
from stages.figures.declare import FIGURES, figure
from stages.figures.registry import figures, tables
from stages.shared import declarations as module
from stages.shared.declarations import declarations
from stages.shared.errors import UserError


def test_literal_arguments_of_each_use_are_read_in_the_order_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "STAGES", tmp_path / "stages")
    folder = tmp_path / "stages" / "shapes"
    folder.mkdir(parents=True)
    (folder / "round.py").write_text(
        "@shape(2, 'disc', theory=True, about=f'{1}')\n@shape(1, 'ring')\ndef draw(): ...\n@other(3)\ndef more(): ...\n"
    )
    declarations.cache_clear()
    uses = declarations("shapes", "shape")
    declarations.cache_clear()
    assert [use.arguments for use in uses] == [(2, "disc"), (1, "ring")]
    assert [dict(use.keywords) for use in uses] == [{"theory": True}, {}]
    assert {use.file.as_posix() for use in uses} == {"stages/shapes/round.py"}


def test_what_is_read_is_what_is_declared():
    items = figures() | tables()
    assert list(declared_items()) == list(items)
    for name, use in declared_items().items():
        assert of_theory(use) == items[name].theory
        assert use.file.stem == items[name].make.__module__.rpartition(".")[2]


def test_a_name_is_declared_once():
    figures()
    with pytest.raises(ValueError, match="figure_05 is declared twice"):
        figure(5, "again", shows="Again.", paper="Nothing.")(lambda results: None)
    assert FIGURES["figure_05"].slug == "rise_by_learning_rate"


def test_a_key_of_plot_may_have_an_ending():
    assert item_of("figure_05_mine") == item_of("figure_05") == "figure_05"
    with pytest.raises(UserError, match="plot.figure_99: no such figure or table, expected one of figure_01"):
        item_of("figure_99")


def test_claims_are_known():
    assert of_theory(declared_claims()["noisy_quadratic"])
    assert not of_theory(declared_claims()["batch_norm_breaks_monotonicity"])
