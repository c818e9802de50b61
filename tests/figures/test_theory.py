"""Figure 29 and the figure and table of two-layer linear networks, held to the tables that they are drawn from."""

from functools import cache

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from figures_drawn import labelled, panels, points, rehearse, said, texts, titles
from figures_results import MEASURE
from results_in_memory import results_in_memory

from stages.figures import theory
from stages.figures.style import LARGEST, THEME, render
from stages.measures.proportion import wilson
from stages.theory import noisy_quadratic, two_layer_linear
from stages.theory.two_layer_linear_summary import count_statements

RATES = (0.02, 0.3, 1.0)
SIZES = {"inputs": 3, "outputs": 3, "hidden": 2, "examples": 6}


@cache
def lines():
    return noisy_quadratic.simulate_lines(dimension=10, learning_rates=RATES, steps=500, samples=150, seed=0)


@cache
def networks():
    """Return networks of which some are not trained to the end and some leap over the solution, and rise."""
    training = {"steps": 800, "learning_rate": 0.05, "tolerance": 1e-8}
    return two_layer_linear.simulate_lines(instances=40, scales=(0.1, 2.5), seed=0, **SIZES, **training)


def results_of(table):
    """Return results in which a table holds the lines of both models."""
    models = dict.fromkeys(("noisy_quadratic", "two_layer_linear"), table)
    return results_in_memory(table, {}, {}, MEASURE.model_copy(update={"confidence": 0.9}), models, pd.DataFrame(), {})


def draw(function, table):
    with mpl.rc_context(THEME):
        return function(results_of(table))


@cache
def drawn(function):
    return draw(function, networks() if function is theory.two_layer_linear else lines())


def outlines(ax):
    """Return the counts and edges of the histograms of a panel: steps, of which the last only repeats the height."""
    steps = [line for line in ax.lines if len(line.get_xdata()) > 2]
    return [(line.get_ydata()[:-1], line.get_xdata()) for line in steps]


def counts_of(title):
    """Return a panel's title and counts without the line breaks that fit them into the panel."""
    return " ".join(title.split())


@pytest.mark.parametrize("function", [theory.noisy_quadratic, theory.two_layer_linear])
def test_every_panel_is_labelled(function):
    rehearse(drawn(function))
    for ax, title in zip(panels(drawn(function)), titles(drawn(function)), strict=True):
        assert all(title.split("\n"))
        assert ax.get_xlabel()
    assert labelled(drawn(function))
    assert "90 % Wilson interval" in " ".join(texts(drawn(function)).split())


@pytest.mark.parametrize("function", [theory.noisy_quadratic, theory.two_layer_linear])
def test_the_same_table_gives_the_same_small_files(function):
    table = networks()[:40] if function is theory.two_layer_linear else lines()[:300]  # one setting, one learning rate
    drawings = [draw(function, table) for _ in range(2)]
    for drawing in drawings:
        drawing.figure.set_layout_engine("none")  # which takes most of the time
    first, second = (render(drawing)[0] for drawing in drawings)
    assert first == second
    assert all(len(content) < LARGEST for content in first.values())


def test_a_panel_of_each_learning_rate_has_the_slopes_of_both_ends_in_equally_many_bins():
    drawing = drawn(theory.noisy_quadratic)
    assert len(panels(drawing)) == len(RATES) + 1
    data = drawing.data
    for ax, rate, title in zip(panels(drawing), RATES, titles(drawing), strict=False):
        assert f"η = {rate:g}" in title
        group = lines()[lines()["lr"] == rate]
        for (counts, edges), end in zip(outlines(ax), noisy_quadratic.ENDS, strict=True):
            slopes = group[group["end"] == end]["slope_end"]
            assert len(counts) == theory.BINS
            rows = data[(data["end"] == end) & (data["lr"] == rate) & data["count"].notna()]
            np.testing.assert_array_equal(rows["count"], counts)
            np.testing.assert_allclose(edges, [*rows["from"], rows["to"].iloc[-1]])
            assert rows["from"].iloc[0] == group["slope_end"].min()
            assert rows["to"].iloc[-1] == group["slope_end"].max()
            for row in rows.iloc[:-1].to_dict("records"):
                assert row["count"] == ((slopes >= row["from"]) & (slopes < row["to"])).sum()
            assert counts.sum() == 150
            flat = (group[group["end"] == end]["min_delta"] == 0).sum()
            words = f"{end} {slopes.mean():.3g} ± {slopes.std():.3g}, {flat}/150 never rise"
            assert words in counts_of(title)
            proportions = data[(data["grid"] == "continuous line") & (data["end"] == end) & (data["lr"] == rate)]
            assert list(proportions["monotone"]) == [flat]


def test_proportions_of_lines_that_never_rise_stand_against_the_learning_rate_with_their_intervals():
    ax = panels(drawn(theory.noisy_quadratic))[-1]
    found = [container for container in ax.containers if container.has_yerr]
    keys = [(end, rise) for rise in ("min_delta", "sampled_min_delta") for end in noisy_quadratic.ENDS]
    assert len(found) == len(keys)
    for container, (end, rise) in zip(found, keys, strict=True):
        middle, _, (bars,) = container
        for rate, x, y, bar in zip(RATES, *middle.get_data(), bars.get_segments(), strict=True):
            rows = lines()[(lines()["end"] == end) & (lines()["lr"] == rate)]
            flat = int((rows[rise] == 0).sum())
            assert (x, y) == (rate, pytest.approx(flat / 150))
            assert bar[:, 1] == pytest.approx(wilson(flat, 150, 0.9))


def test_gauss_lengths_and_rises_of_converged_networks_are_drawn_by_setting():
    table = networks()
    kept = table[table["converged"]]
    assert 0 < len(kept) < len(table)
    drawing = drawn(theory.two_layer_linear)
    np.testing.assert_array_equal(drawing.data["gauss_length"], kept["gauss_length"])
    upper, lower = panels(drawing)[::2], panels(drawing)[1::2]  # some lines rise, so min Delta is drawn, too
    names = [title.split("\n") for title in titles(drawing)]
    for i, setting in enumerate(two_layer_linear.SETTINGS):
        group = kept[kept["setting"] == setting]
        for (counts, edges), scale in zip(outlines(upper[i]), (0.1, 2.5), strict=True):
            lengths = group[group["scale"] == scale]["gauss_length"]
            assert (edges[0], edges[-1]) == (0, np.pi)
            assert counts.sum() == len(lengths)
            assert counts[edges[1:] < np.pi / 2].sum() <= (lengths < np.pi / 2).sum()
        expected = sorted(zip(group["gauss_length"], group["relative_min_delta"], strict=True))
        np.testing.assert_allclose(points(lower[i]), expected)
        below, left = (group["gauss_length"] < np.pi / 2).sum(), 80 - len(group)
        assert names[2 * i][1] == f"{below} of {len(group)} below π/2; {left} of 80 not converged"
        assert names[2 * i][2].startswith(f"{group['monotone'].sum()} of {len(group)} monotone")
        assert names[2 * i + 1][1] == names[2 * i][2]
        for ax in (upper[i], lower[i]):
            marks = [line for line in ax.lines if len(line.get_xdata()) == 2]
            assert {line.get_xdata()[0] for line in marks} == {np.pi / 2, np.pi}
    assert not kept["monotone"].all()


def test_where_no_line_rises_there_is_no_panel_of_zeros():
    flat = networks().assign(relative_min_delta=0.0, monotone=True)
    drawing = draw(theory.two_layer_linear, flat)
    assert len(panels(drawing)) == 3
    assert "Largest relative rise: 0." in texts(drawing).replace("\n", " ")


def test_a_setting_in_which_no_network_converged_says_so():
    table = networks()
    none = table.assign(converged=table["converged"] & (table["setting"] != "balanced"))
    drawing = draw(theory.two_layer_linear, none)
    rehearse(drawing)
    words = [said(ax) for ax in panels(drawing)]
    assert words == [[], [], *[["no network converged"]] * 2, [], []]
    rehearse(draw(theory.two_layer_linear, table.assign(converged=False)))
    cells = theory.two_layer_linear_table(results_of(table.assign(converged=False)))
    assert all(row.rstrip(" |").endswith("–") for row in cells.markdown.splitlines()[4:10])


def test_the_table_holds_the_summary():
    table = theory.two_layer_linear_table(results_of(networks()))
    assert table.data.equals(count_statements(networks(), 0.9))
    lines = [line.strip("|").split("|") for line in table.markdown.splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line] for line in lines]
    assert len(rows) == 6
    at = {name: place for place, name in enumerate(head)}
    for row, cell in zip(rows, table.data.to_dict("records"), strict=True):
        assert len(row) == len(head)
        assert row[at["scale"]] == f"{cell['scale']:g}"
        for name, column in (("converged", "converged"), ("< π/2", "below_half_pi"), ("monotone", "monotone")):
            assert row[at[name]] == str(cell[column])
        assert row[-1] == f"{cell['proportion']:.2f}<br>{cell['low']:.2f}–{cell['high']:.2f}"
