"""Figures 39 and 40 and tables 10 and 11, held to the rows that went in."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from figures_drawn import curves_in, labelled, panels, rehearse, said, titles
from figures_results import ended, results, without_rows
from results_in_memory import replaced

from stages.figures.failures import failure_by_distance, kinds_of_failure
from stages.figures.mechanisms import forecast, mechanisms
from stages.figures.style import THEME
from stages.measures.proportion import wilson
from stages.results.failures import AVERAGED, END, KINDS, MONOTONE, START, WARM_UP

FIGURES = [failure_by_distance, kinds_of_failure]
TABLES = [forecast, mechanisms]


def draw(function, made):
    with mpl.rc_context(THEME):
        return function(made)


def test_shares_by_distance_are_counts_of_the_rows():
    made = results(("classifiers", "residual"))
    drawing = draw(failure_by_distance, made)
    rehearse(drawing)
    assert labelled(drawing)
    assert [title.split("\n")[0] for title in titles(drawing)] == ["all suites", "classifiers", "residual"]
    rows = made.lines()
    rows = rows[rows["status"] == "converged"]
    edges = {"below 1": (0, 1), "1 to 3": (1, 3), "3 to 10": (3, 10), "10 or more": (10, np.inf)}
    for cell in drawing.data.itertuples():
        low, high = edges[cell.bin]
        chosen = rows[(rows["normalized_distance"] >= low) & (rows["normalized_distance"] < high)]
        chosen = chosen if cell.panel == "all suites" else chosen[chosen["suite"] == cell.panel]
        chosen = chosen if cell.optimizer == "all" else chosen[chosen["optimizer"] == cell.optimizer]
        failed = int((~chosen["monotonic"]).sum())
        assert (cell.converged, cell.non_monotone) == (len(chosen), failed)
        assert (cell.low, cell.high) == pytest.approx(wilson(failed, len(chosen), 0.95))
    pooled = drawing.data[(drawing.data["panel"] == "all suites") & (drawing.data["optimizer"] == "all")]
    assert pooled["converged"].sum() == len(rows)
    written = [text.get_text() for text in panels(drawing)[0].texts]
    assert sorted(written) == sorted(str(count) for count in pooled["converged"])


def test_one_suite_has_one_panel():
    assert len(panels(draw(failure_by_distance, results()))) == 1


def with_kinds():
    """Return classifiers whose failing lines rise near the start and at the end in turn."""
    made = results(alphas=21)
    curves, rows = made.curves["classifiers"], made.measures.copy()
    losses, failing = curves.loss_train.copy(), np.flatnonzero(rows["monotonic"] == False)  # noqa: E712
    for place, i in enumerate(failing):
        line = np.linspace(2.3, 0.0, 21)
        top = 2 if place % 2 == 0 else 20
        line[top] = line[top - 1] + 0.05
        losses[i] = line
        rows.loc[rows.index[i], ["min_delta", "bump_alpha"]] = [0.05, top / 20]
    return replaced(made, measures=rows, curves={"classifiers": replaced(curves, loss_train=losses)}), len(failing)


def test_failures_are_drawn_by_optimizer_counted_by_kind_and_scaled_to_their_largest_rise():
    made, failing = with_kinds()
    drawing = draw(kinds_of_failure, made)
    rehearse(drawing)
    assert labelled(drawing)
    data = drawing.data
    lines = data.drop_duplicates("run_id")
    assert lines["kind"].value_counts().to_dict() == {START: (failing + 1) // 2, END: failing // 2}
    for ax, title in zip(panels(drawing), titles(drawing), strict=True):
        own = lines[lines["panel"] == title.split("\n")[0]]
        counts = ", ".join(f"{(own['kind'] == kind).sum()} {kind}" for kind in KINDS)
        assert title.endswith(f"\n{len(own)} lines: {counts}")
        assert len(curves_in(ax)) == len(own)
        assert all(max(line.get_ydata()) == pytest.approx(1) for line in curves_in(ax))
    tops = data.loc[data.groupby("run_id")["rise"].idxmax()]
    np.testing.assert_allclose(tops["alpha"].astype(float), tops["bump_alpha"].astype(float))


@pytest.mark.parametrize("function", FIGURES)
@pytest.mark.parametrize("made", [ended(results(), "diverged"), without_rows(results())], ids=["diverged", "no rows"])
def test_panels_without_a_line_say_so(function, made):
    drawing = draw(function, made)
    rehearse(drawing)
    assert all(said(ax) or not curves_in(ax) for ax in panels(drawing))
    assert drawing.data.empty


def test_the_forecast_has_a_row_a_model_and_says_when_there_are_too_few_runs():
    made = results(("classifiers",), seeds=2)
    made = replaced(made, measures=made.measures.assign(epochs=30))  # of which five are known
    found = forecast(made)
    assert len(found.data) == 4
    assert found.data["area"].between(0, 1).all()
    assert found.data["difference"].iloc[-1] == 0
    assert found.markdown.count("\n| ") == 5
    few = forecast(results(("classifiers",)))  # of runs of 60 epochs, five are less than a tenth
    assert few.data.empty
    assert "Too few architectures or failures" in few.markdown


def treated():
    """Return pairs in which a warm-up cures the start and averaging the end, for one optimizer each."""
    made = results(
        grids={
            "classifiers": {"hidden": [(8, 8)], "activation": ["relu"], "optimizer": ["sgd", "adam"]}
            | {"lr": [0.01, 0.1]}
        }
    )
    base = made.measures.assign(status="converged")
    failing = base["optimizer"] == "adam"
    top = np.where(base["lr"] == 0.1, 1.0, 0.1)
    base = base.assign(monotonic=~failing, bump_alpha=np.where(failing, top, np.nan))
    warm = base.assign(run_id=base["run_id"] + "w", warmup=10, monotonic=base["monotonic"] | (base["bump_alpha"] < 0.3))
    averaged = base.assign(run_id=base["run_id"] + "a", average_from=46.0, monotonic=base["monotonic"] | (top == 1.0))
    return replaced(made, measures=pd.concat([base, warm, averaged], ignore_index=True))


def test_pairs_are_counted_by_what_became_of_them():
    found = mechanisms(treated())
    cells = found.data.set_index(["treatment", "optimizer", "without", "with"])["pairs"].sort_index()
    assert cells[WARM_UP, "all", START, MONOTONE] == 1
    assert cells[WARM_UP, "all", END, END] == 1
    assert cells[AVERAGED, "all", END, MONOTONE] == 1
    assert cells[AVERAGED, "all", START, START] == 1
    assert cells[WARM_UP, "sgd", MONOTONE, MONOTONE] == 2
    assert cells[WARM_UP, "all"].sum() == cells[AVERAGED, "all"].sum() == 4
    assert "| warm-up" in found.markdown
    assert "| averaged weights" in found.markdown


@pytest.mark.parametrize("function", TABLES)
def test_tables_of_nothing_are_tables(function):
    for made in (ended(results(), "diverged"), without_rows(results())):
        found = function(made)
        assert found.markdown.startswith("**")
        assert not found.data.get("pairs", pd.Series(dtype=float)).sum()
