"""Tables 1 to 4, held to a loop over the rows."""

from collections import Counter
from functools import cache

import numpy as np
import pytest
from figures_results import ended, renamed, results, together, without_rows
from results_in_memory import replaced
from scipy.stats import binomtest

from stages.figures.registry import tables
from stages.measures.table import OWN_LINE

POOLED = {
    "table_1": ("classifiers",),
    "table_2": ("residual",),
    "table_3": ("residual", "residual_corrupted"),
    "table_4": ("residual_corrupted",),
}
KEYS = {"table_1": ["optimizer", "batch_norm", "lr"], "table_3": ["batch_norm", "lr"]}
KEYS |= dict.fromkeys(("table_2", "table_4"), ["optimizer", "batch_norm", "initialization"])
VARIANTS = {"BN": (True, "standard"), "BN-I": (True, "block_identity")}
VARIANTS |= {"NBN-I": (False, "block_identity"), "NBN-F": (False, "fixup")}
OPTIMIZERS = {"SGD": "sgd", "RMSProp": "rmsprop", "Adam": "adam"}


@cache
def of(name):
    """Return a table's suites; the runs above the threshold rise, so that counting them would show."""
    made = results(POOLED[name], seeds=2)
    above = made.measures["status"] == "above threshold"
    rises = made.measures["min_delta"].mask(above, 5.0)
    return replaced(
        made, measures=made.measures.assign(min_delta=rises, monotonic=made.measures["monotonic"].mask(above, False))
    )


def make(name, made):
    return tables()[name].make(made)


@cache
def made_of(name):
    return make(name, of(name))


def count(made, keys):
    """Count the own lines of each cell by how they ended, and gather the min Delta of converged ones that rise."""
    cells = {}
    for row in made.measures.to_dict("records"):
        if row["line"] != OWN_LINE:
            continue
        counts, rises = cells.setdefault(tuple(row[key] for key in keys), (Counter(), []))
        counts["trained"] += 1
        counts[row["status"]] += 1
        if row["status"] == "converged" and row["min_delta"] > made.suites[row["suite"]].tolerance:
            rises.append(row["min_delta"])
    return cells


def grid(table):
    """Return the cells of a table's Markdown, rows of columns, its head first."""
    rows = [line.strip("|").split("|") for line in table.markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in [rows[0], *rows[2:]]]


def text(counts, rises):
    """Write a cell as the paper does."""
    converged = counts["converged"]
    if not converged:
        return "–"
    interval = binomtest(len(rises), converged).proportion_ci(0.95, method="wilson")
    return f"{len(rises) / converged:.2f} ({converged})<br>{interval.low:.2f}–{interval.high:.2f}"


@pytest.mark.parametrize("name", POOLED)
def test_every_cell_is_counted_by_a_loop_over_the_rows(name):
    cells = count(of(name), KEYS[name])
    records = made_of(name).data.to_dict("records")
    assert len(records) == len(cells)
    seen = Counter()
    for row in records:
        counts, rises = cells[tuple(row[key] for key in KEYS[name])]
        wanted = [counts[end] for end in ("trained", "diverged", "above threshold", "converged")]
        assert [row[end] for end in ("trained", "diverged", "above_threshold", "converged")] == wanted
        assert row["non_monotone"] == len(rises)
        seen |= counts
        if not counts["converged"]:
            assert np.isnan([row["proportion"], row["low"], row["high"]]).all()
            continue
        interval = binomtest(len(rises), counts["converged"]).proportion_ci(0.95, method="wilson")
        assert row["proportion"] == pytest.approx(len(rises) / counts["converged"])
        assert [row["low"], row["high"]] == pytest.approx([interval.low, interval.high])
    assert all(seen[end] for end in ("diverged", "above threshold", "converged"))


@pytest.mark.parametrize("name", ["table_2", "table_4"])
def test_the_mean_rise_is_over_converged_non_monotone_lines_only(name):
    cells = count(of(name), KEYS[name])
    kinds = set()
    for row in made_of(name).data.to_dict("records"):
        counts, rises = cells[tuple(row[key] for key in KEYS[name])]
        if rises:
            assert row["mean_min_delta_of_non_monotone"] == pytest.approx(sum(rises) / len(rises))
        else:
            assert np.isnan(row["mean_min_delta_of_non_monotone"])
        kinds.add((bool(rises), len(rises) < counts["converged"]))
    assert {(True, True), (False, True)} <= kinds


@pytest.mark.parametrize("name", ["table_2", "table_4"])
def test_tables_2_and_4_have_the_papers_columns_and_two_rows_for_each_optimizer(name):
    cells = count(of(name), KEYS[name])
    head, *rows = grid(made_of(name))
    assert head == ["optimizer", "non-monotone", *VARIANTS]
    assert [row[:2] for row in rows] == [[o, what] for o in ("SGD", "Adam") for what in ("proportion", "mean min Δ")]
    for optimizer, what, *found in rows:
        for (batch_norm, initialization), cell in zip(VARIANTS.values(), found, strict=True):
            counts, rises = cells[OPTIMIZERS[optimizer], batch_norm, initialization]
            mean = f"{sum(rises) / len(rises):.3g}" if rises else "–"
            assert cell == (text(counts, rises) if what == "proportion" else mean)


def test_table_1_has_a_row_for_each_optimizer_and_batch_norm():
    cells = count(of("table_1"), KEYS["table_1"])
    head, *rows = grid(made_of("table_1"))
    assert head == ["optimizer", "batch norm", "0.0001", "0.001", "0.01", "0.1", "1"]
    assert [row[:2] for row in rows] == [[name, on] for name in OPTIMIZERS for on in ("yes", "no")]
    for optimizer, on, *found in rows:
        assert found == [text(*cells[OPTIMIZERS[optimizer], on == "yes", float(rate)]) for rate in head[2:]]


def test_table_3_pools_optimizers():
    cells = count(of("table_3"), KEYS["table_3"])
    head, *rows = grid(made_of("table_3"))
    assert head == ["batch norm", "0.0001", "0.01", "0.1", "1"]
    assert [row[0] for row in rows] == ["yes", "no"]
    for on, *found in rows:
        assert found == [text(*cells[on == "yes", float(rate)]) for rate in head[1:]]
    assert "optimizer" not in made_of("table_3").data


@pytest.mark.parametrize("name", POOLED)
def test_threshold_and_tolerance_stand_below_the_table(name):
    below = made_of(name).markdown.rsplit("|\n", 1)[1].replace("\u00a0", " ")
    suites = of(name).suites
    for sign, limit, end in (("final training loss ≤ ", "threshold", ")."), ("min Δ > ", "tolerance", ".")):
        values = {suite: f"{getattr(about, limit):g}" for suite, about in suites.items()}
        one = len(set(values.values())) == 1
        expected = values[next(iter(suites))] if one else ", ".join(f"{v} ({suite})" for suite, v in values.items())
        assert f"{sign}{expected}{end}" in below
    rows = of(name).lines()
    above, diverged = ((rows["status"] == status).sum() for status in ("above threshold", "diverged"))
    assert f"{len(rows)} runs: " in below
    assert f"{above} above threshold, {diverged} diverged left out" in below


def test_a_variant_that_was_not_trained_has_no_column_or_an_empty_cell():
    made = of("table_2")
    rows = made.measures
    fixup, adam = rows["initialization"] == "fixup", rows["optimizer"] == "adam"
    head, *_ = grid(make("table_2", replaced(made, measures=rows[~fixup])))
    assert head[2:] == ["BN", "BN-I", "NBN-I"]
    head, *cells = grid(make("table_2", replaced(made, measures=rows[~(fixup & adam)])))
    assert head[2:] == list(VARIANTS)
    assert [row[-1] == "" for row in cells] == [False, False, True, True]


@pytest.mark.parametrize("name", POOLED)
def test_where_every_run_diverged_each_cell_is_a_dash(name):
    table = make(name, ended(of(name), "diverged"))
    assert not table.data["converged"].any()
    assert table.data["diverged"].sum() == table.data["trained"].sum() == len(of(name).lines())
    head, *rows = grid(table)
    keys = 1 if name == "table_3" else 2
    assert {cell for row in rows for cell in row[keys:]} == {"–"}
    assert len(head) == len(grid(made_of(name))[0])


@pytest.mark.parametrize("name", POOLED)
def test_a_suite_without_any_row_has_a_table_without_cells(name):
    table = make(name, without_rows(of(name)))
    assert table.data.empty
    assert len(grid(table)) == 1
    assert "0 runs: 0 of 0 non-monotone" in table.markdown


@pytest.mark.parametrize("name", POOLED)
def test_a_run_of_two_suites_is_counted_once(name):
    made = of(name)
    twice = together(made, renamed(made, {suite: f"{suite}_again" for suite in made.suites}))
    assert make(name, twice).data.equals(made_of(name).data)
