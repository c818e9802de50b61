"""Figures 6 and 20, held to means and deviations worked by hand."""

from functools import cache
from statistics import mean, stdev

import numpy as np
import pytest
from figures_drawn import curves_in, draw, empty, panels, said, texts, titles
from figures_results import FRESH, SUITES, renamed, results, together, without_rows
from results_in_memory import replaced

from stages.figures.base import number
from stages.measures.monotonicity import min_delta
from stages.measures.table import OWN_LINE
from stages.shared.errors import UserError

KINDS = {"figure_06": ["fresh"], "figure_20": ["fresh", "fresh_block_identity"]}


@cache
def residual():
    return results(("residual",))


@cache
def drawn(name):
    return draw(name, residual())


def losses(made, suite, run, line):
    """Return the training losses along all lines of a kind to a run, straight from the curves."""
    curves = made.curves[suite]
    there = zip(curves.run_ids, curves.lines, curves.loss_train, strict=True)
    return [values for one, kind, values in there if (one, kind) == (run, line)]


def panel_of(name, line, monotone):
    """Return the panel of a kind of lines: kinds make columns, the upper row is of monotone own lines."""
    columns = KINDS[name]
    return panels(drawn(name))[columns.index(line) + (0 if monotone else len(columns))]


def bands(name):
    return drawn(name).data.groupby(["line", "run_id"])


@pytest.mark.parametrize("name", KINDS)
def test_a_band_is_mean_and_standard_deviation_of_the_fresh_lines_to_one_run(name):
    made = residual()
    for (line, run), band in bands(name):
        fresh = losses(made, "residual", run, line)
        assert set(band["lines"]) == {len(fresh)} == {FRESH[line].count}
        assert list(band["alpha"]) == [round(alpha, 6) for alpha in made.curves["residual"].alphas]
        for k, row in enumerate(band.itertuples()):
            column = [float(values[k]) for values in fresh]
            assert row.mean == pytest.approx(mean(column))
            assert row.standard_deviation == pytest.approx(stdev(column))  # over n - 1


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_has_a_band_of_a_monotone_and_of_a_non_monotone_run_with_their_own_lines(name):
    made = residual()
    verdicts = {(row["line"], row["run_id"]): row["monotonic"] for row in made.measures.to_dict("records")}
    found = [(line, verdicts[OWN_LINE, run]) for (line, run), _ in bands(name)]
    assert sorted(found) == sorted((kind, verdict) for kind in KINDS[name] for verdict in (True, False))
    for (_, run), band in bands(name):
        (own,) = losses(made, "residual", run, OWN_LINE)
        np.testing.assert_array_equal(band["own"], own)


@pytest.mark.parametrize("name", KINDS)
def test_the_panels_show_the_data(name):
    made = residual()
    assert len(panels(drawn(name))) == 2 * len(KINDS[name])
    for (line, run), band in bands(name):
        (own,) = losses(made, "residual", run, OWN_LINE)
        ax = panel_of(name, line, monotone=min_delta(own[None])[0] == 0)
        middle, dashed = curves_in(ax)
        np.testing.assert_array_equal(middle.get_ydata(), band["mean"])
        np.testing.assert_array_equal(dashed.get_ydata(), own)
        assert dashed.get_linestyle() == "--"
        (area,) = ax.collections
        edges = {(round(x, 6), round(y, 6)) for x, y in area.get_paths()[0].vertices}
        for row in band.itertuples():
            for edge in (row.mean - row.standard_deviation, row.mean + row.standard_deviation):
                assert (row.alpha, round(edge, 6)) in edges


@pytest.mark.parametrize("name", KINDS)
def test_a_panel_counts_the_non_monotone_among_its_lines(name):
    made = residual()
    seen = set()
    for (line, run), band in bands(name):
        rises = [min_delta(values[None])[0] for values in losses(made, "residual", run, line)]
        risen = sum(rise > SUITES["residual"].tolerance for rise in rises)
        own = min_delta(band["own"].to_numpy()[None])[0]
        title = titles(drawn(name))[panels(drawn(name)).index(panel_of(name, line, monotone=own == 0))]
        assert f"{risen} of {len(rises)} non-monotone, mean min Δ {number(mean(rises))}" in title
        assert f"own min Δ {number(own)}" in title
        assert "ResNet-8, BN, " in title
        seen.add(risen < len(rises))
    assert seen == {True, False}
    assert "min Δ > 0" in texts(drawn(name))


def test_another_scheme_is_named_by_its_variant():
    named = [title.splitlines()[0] for title in titles(drawn("figure_20"))]
    assert ["(BN-I)" in title for title in named] == [False, True, False, True]


def test_own_lines_are_those_of_the_same_suite():
    made = residual()
    other = renamed(made, {"residual": "higher"})
    curves = {"higher": replaced(made.curves["residual"], loss_train=made.curves["residual"].loss_train + 1)}
    data = draw("figure_06", together(made, replaced(other, curves=curves))).data
    here, there = (data[data["suite"] == suite].reset_index(drop=True) for suite in ("residual", "higher"))
    for column in ("mean", "own"):
        np.testing.assert_allclose(there[column], here[column] + 1)
    np.testing.assert_allclose(there["standard_deviation"], here["standard_deviation"], atol=1e-12)


def test_a_single_fresh_line_has_no_deviation():
    made = residual()
    single = made.measures[made.measures["draw"].fillna(0) == 0]
    data = draw("figure_06", replaced(made, measures=single)).data
    assert set(data["lines"]) == {1}
    assert set(data["standard_deviation"]) == {0.0}


def test_a_fresh_line_that_is_not_finite_is_left_out_of_the_band_and_counted():
    made = residual()
    broken = [i for i, row in enumerate(made.measures.to_dict("records")) if row["draw"] == 2]
    measures = made.measures.astype({"monotonic": object})
    measures.loc[broken, "status"] = "diverged"
    measures.loc[broken, ["min_delta", "monotonic"]] = np.nan
    curves = made.curves["residual"]
    infinite = curves.loss_train.copy()
    infinite[broken, 3] = np.inf
    infinite[broken, 4] = np.nan
    spoilt = replaced(made, measures=measures, curves={"residual": replaced(curves, loss_train=infinite)})
    wanted = draw("figure_20", replaced(made, measures=made.measures.drop(index=broken)))
    drawing = draw("figure_20", spoilt)
    assert drawing.data.equals(wanted.data)
    for title, other in zip(titles(drawing), titles(wanted), strict=True):
        risen = other.split(" non-monotone, ")[0].splitlines()[-1]
        assert f"{risen} non-monotone" in title
        assert "1 diverged left out" in title


def test_where_no_run_is_non_monotone_only_that_panel_says_so():
    made = residual()
    risen = made.measures[(made.measures["line"] == OWN_LINE) & (made.measures["monotonic"] == False)]  # noqa: E712
    drawing = draw("figure_06", replaced(made, measures=made.measures[~made.measures["run_id"].isin(risen["run_id"])]))
    upper, lower = panels(drawing)
    assert not empty(upper)
    assert not said(upper)
    assert said(lower) == ["no non-monotone admitted run"]
    assert drawing.data["run_id"].nunique() == 1


def test_suites_without_fresh_lines_get_no_column():
    both = draw("figure_06", results(("classifiers", "residual")))
    assert len(panels(both)) == 2
    assert set(both.data["suite"]) == {"residual"}
    for made in (results(), without_rows(results())):
        drawing = draw("figure_06", made)
        assert all("no suite with lines" in said(ax)[0] for ax in panels(drawing))
        assert all(ax.get_xlabel() and ax.get_ylabel() for ax in panels(drawing))
        assert drawing.data.empty


def test_values_are_those_of_each_rows_own_draw():
    made = residual()
    curves = made.curves["residual"]
    rows = made.other_lines("residual", "fresh").sample(frac=1, random_state=0)
    assert len(rows) == 10
    for row, (alphas, values) in zip(rows.itertuples(), made.values(rows, "loss_train"), strict=True):
        key = row.run_id, "fresh", int(row.draw)
        place = list(zip(curves.run_ids, curves.lines, curves.draws, strict=True)).index(key)
        np.testing.assert_array_equal(values, curves.loss_train[place])
        np.testing.assert_array_equal(alphas, curves.alphas)
    with pytest.raises(UserError, match="curves of residual: no line of run r00000000"):
        made.values(rows.head(1).assign(draw=99), "loss_train")
