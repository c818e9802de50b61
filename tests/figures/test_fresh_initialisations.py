"""Figures 6 and 20, held to the curves that they show."""

from functools import cache
from statistics import mean

import numpy as np
import pytest
from figures_drawn import curves_in, draw, empty, panels, points, said, texts, titles
from figures_results import FRESH, SUITES, renamed, results, together, without_rows
from matplotlib.colors import to_hex
from results_in_memory import replaced

from stages.figures.style import MONOTONE
from stages.figures.words import number
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


def fresh_lines(data):
    return data[data["line"] != OWN_LINE].groupby(["line", "run_id"])


def own_of(name, run):
    data = drawn(name).data
    own = data[(data["line"] == OWN_LINE) & (data["run_id"] == run)]
    return own["train_loss"].to_numpy()[: own["alpha"].nunique()]


@pytest.mark.parametrize("name", KINDS)
def test_the_data_are_the_fresh_lines_to_one_run_and_its_own_line(name):
    made = residual()
    for (line, run), rows in fresh_lines(drawn(name).data):
        wanted = losses(made, "residual", run, line)
        assert len(wanted) == FRESH[line].count
        assert sorted(rows.groupby("draw")["train_loss"].apply(tuple)) == sorted(map(tuple, wanted))
        assert list(rows["alpha"].unique()) == [round(alpha, 6) for alpha in made.curves["residual"].alphas]
        np.testing.assert_array_equal(own_of(name, run), losses(made, "residual", run, OWN_LINE)[0])


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_has_lines_to_a_monotone_and_to_a_non_monotone_run(name):
    verdicts = {
        (row["line"], row["run_id"]): row["monotonic"]
        for row in residual().measures.drop_duplicates(["line", "run_id"]).to_dict("records")
    }
    found = [(line, verdicts[OWN_LINE, run]) for (line, run), _ in fresh_lines(drawn(name).data)]
    assert sorted(found) == sorted((kind, verdict) for kind in KINDS[name] for verdict in (True, False))


@pytest.mark.parametrize("name", KINDS)
def test_the_panels_show_the_data_in_the_colours_of_their_verdicts(name):
    tolerance = SUITES["residual"].tolerance
    assert len(panels(drawn(name))) == 2 * len(KINDS[name])
    for (line, run), rows in fresh_lines(drawn(name).data):
        own = own_of(name, run)
        ax = panel_of(name, line, monotone=min_delta(own[None])[0] <= tolerance)
        wanted = [(values, True) for values in rows.groupby("draw")["train_loss"].apply(tuple)] + [(tuple(own), False)]
        rises = [min_delta(np.array(values)[None])[0] for values, _ in wanted]
        wanted = [(values, rise <= tolerance, dashed) for (values, dashed), rise in zip(wanted, rises, strict=True)]
        found = [
            (tuple(one.get_ydata()), to_hex(one.get_color()) == to_hex(MONOTONE), one.is_dashed())
            for one in curves_in(ax)
        ]
        assert sorted(found) == sorted(wanted)
        assert len(points(ax)) == sum(rise > tolerance for rise in rises)  # triangles


@pytest.mark.parametrize("name", KINDS)
def test_a_panel_counts_the_non_monotone_among_its_lines(name):
    made = residual()
    seen = set()
    for (line, run), _ in fresh_lines(drawn(name).data):
        rises = [min_delta(values[None])[0] for values in losses(made, "residual", run, line)]
        risen = sum(rise > SUITES["residual"].tolerance for rise in rises)
        own = min_delta(own_of(name, run)[None])[0]
        title = titles(drawn(name))[panels(drawn(name)).index(panel_of(name, line, monotone=own == 0))]
        assert f"{risen} of {len(rises)} non-monotone, mean min Δ {number(mean(rises))}" in title.replace("\n", " ")
        assert f"own line: {number(own)}" in title.replace("\n", " ")
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
    assert list(there["run_id"]) == list(here["run_id"])
    np.testing.assert_allclose(there["train_loss"], here["train_loss"] + 1)


def test_a_single_fresh_line_is_drawn():
    made = residual()
    single = made.measures[made.measures["draw"].fillna(0) == 0]
    drawing = draw("figure_06", replaced(made, measures=single))
    assert all(len(curves_in(ax)) == 2 for ax in panels(drawing))


def test_a_fresh_line_that_is_not_finite_is_left_out_and_counted():
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
        assert "1 diverged left out" in " ".join(title.split())


def test_where_no_run_is_non_monotone_only_that_panel_says_so():
    made = residual()
    risen = made.measures[(made.measures["line"] == OWN_LINE) & (made.measures["monotonic"] == False)]  # noqa: E712
    drawing = draw("figure_06", replaced(made, measures=made.measures[~made.measures["run_id"].isin(risen["run_id"])]))
    upper, lower = panels(drawing)
    assert not empty(upper)
    assert not said(upper)
    assert said(lower) == ["no non-monotone converged run"]
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
