"""Fused updates compute what the optimizers' own do; a compiler that does not work is no obstacle."""

import pytest
import torch
from test_stack import CPU, GRAFTED, SWITCHED, mixed, toy  # noqa: F401 (a fixture)

from stages.shared import compiler
from stages.shared.errors import UserError, say_once
from stages.training import fused_updates
from stages.training.training_loop import train

RUNS = [*mixed(), *GRAFTED]


@pytest.mark.parametrize("runs", [RUNS, SWITCHED], ids=["all optimizers", "switched"])
def test_the_formulas_are_those_of_the_optimizers(toy, runs, monkeypatch):  # noqa: F811
    expected = train(runs, toy, CPU, torch.float64)
    monkeypatch.setattr("stages.training.optimizers.get_fused_updates", lambda device: fused_updates.FORMULAS)
    for own, other in zip(train(runs, toy, CPU, torch.float64), expected, strict=True):
        torch.testing.assert_close(own.final, other.final, rtol=1e-10, atol=1e-12)


def test_nothing_is_fused_on_a_cpu(monkeypatch):
    monkeypatch.setattr(fused_updates, "fuses_updates", lambda: pytest.fail("a CPU asks for no compiler"))
    assert fused_updates.get_fused_updates(CPU) is None


def test_where_the_compiler_fails_one_sentence_says_so_and_workers_are_told(monkeypatch, capsys):
    def broken(*_, **__):
        raise RuntimeError("Failed to find C compiler.\nPlease specify one.")

    say_once.cache_clear()
    monkeypatch.setenv(compiler.VARIABLE, "")
    monkeypatch.setattr(compiler, "_compiler_works", compiler._compiler_works.__wrapped__)
    monkeypatch.setattr(compiler, "configure", broken)
    assert not compiler.fuses_updates()
    assert not compiler.fuses_updates()
    assert capsys.readouterr().err == (
        "updates of optimizers run without torch.compile, which does not work here: Failed to find C compiler.\n"
    )
    assert compiler.os.environ[compiler.VARIABLE] == "0"
    assert fused_updates.get_fused_updates(torch.device("cuda")) is None


def test_a_parents_trial_decides(monkeypatch):
    monkeypatch.setattr(compiler, "_compiler_works", lambda kind: pytest.fail("tried again"))
    for value, expected in (("0", False), ("1", True)):
        monkeypatch.setenv(compiler.VARIABLE, value)
        assert compiler.fuses_updates() is expected
    monkeypatch.setenv(compiler.VARIABLE, "yes")
    with pytest.raises(UserError, match="MLI_FUSED_UPDATES: got 'yes', expected 0 or 1"):
        compiler.fuses_updates()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_compiled_updates_train_like_others(toy, monkeypatch):  # noqa: F811
    place = torch.device("cuda")
    monkeypatch.setenv(compiler.VARIABLE, "0")
    expected = train(RUNS, toy, place)
    monkeypatch.setenv(compiler.VARIABLE, "1")
    for own, other in zip(train(RUNS, toy, place), expected, strict=True):
        torch.testing.assert_close(own.final, other.final, rtol=1e-4, atol=1e-5)
