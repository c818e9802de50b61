"""Figure 42 and table 13, held to the rows that went in."""

import matplotlib as mpl
import numpy as np
import pytest
from figures_drawn import labelled, panels, rehearse
from figures_results import results, without_rows

from stages.figures.failure_rate import ANY, failure_rate_by_distance, failures_by_kind, kinds_in_all, short_and_long
from stages.figures.style import THEME
from stages.measures.proportion import wilson
from stages.results.failures import KINDS

EDGES = {"below 1": (0, 1), "1 to 3": (1, 3), "3 to 10": (3, 10), "10 or more": (10, np.inf)}


def kind_of(row):
    """Return where a failing line rises, by the definition in words."""
    return "near the start" if row.bump_alpha < 0.3 else "at the end" if row.bump_alpha > 0.9 else "in between"


def count(rows, kind):
    return sum(not row.monotonic and kind in (ANY, kind_of(row)) for row in rows.itertuples())


@pytest.fixture(scope="module")
def made():
    return results(("classifiers", "residual"))


@pytest.fixture(scope="module")
def kept(made):
    rows = made.lines()
    return rows[rows["status"] == "converged"]


def test_the_figure_shows_counts_of_the_rows(made, kept):
    with mpl.rc_context(THEME):
        drawing = failure_rate_by_distance(made)
    rehearse(drawing)
    assert labelled(drawing)
    for cell in drawing.data.itertuples():
        low, high = EDGES[cell.normalized_distance]
        chosen = kept[(kept["normalized_distance"] >= low) & (kept["normalized_distance"] < high)]
        assert (cell.lines, cell.failures) == (len(chosen), count(chosen, cell.failure))
        assert (cell.low, cell.high) == pytest.approx(wilson(cell.failures, cell.lines, 0.95))
    assert set(drawing.data["failure"]) == {ANY, *KINDS}
    [ax] = panels(drawing)
    heights = np.concatenate([line.get_ydata() for line in ax.lines if line.get_marker() in "^<D>"])
    assert set(np.round(drawing.data["share"], 9)) <= set(np.round(heights, 9))
    short = kept["normalized_distance"] < 3
    words = (
        f"Of {short.sum()} lines shorter than 3 |θ₀| {count(kept[short], ANY)} fail, of {(~short).sum()} longer ones"
    )
    assert ax.get_title(loc="left") == f"{words} {count(kept[~short], ANY)}."


def test_the_table_shows_counts_of_the_rows(made, kept):
    table = failures_by_kind(made)
    for cell in table.data.itertuples():
        chosen = kept if cell.optimizer == "all" else kept[kept["optimizer"] == cell.optimizer]
        assert (cell.lines, cell.failures) == (len(chosen), count(chosen, cell.failure))
    counts = ", ".join(f"{count(kept, kind)} {kind}" for kind in KINDS)
    assert kinds_in_all(table.data) == f"Of {len(kept)} lines {count(kept, ANY)} fail: {counts}."
    assert f"{count(kept, ANY)} ({100 * count(kept, ANY) / len(kept):.1f} %)" in table.markdown


def test_nothing_fails_without_runs(made):
    with mpl.rc_context(THEME):
        empty = without_rows(made)
        drawing = failure_rate_by_distance(empty)
    rehearse(drawing)
    assert short_and_long(drawing.data) == "Of 0 lines shorter than 3 |θ₀| 0 fail, of 0 longer ones 0."
    assert kinds_in_all(failures_by_kind(empty).data) == "No run has converged."
