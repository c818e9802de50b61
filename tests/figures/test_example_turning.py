"""Theorem 3 by example, held to a few examples counted by hand."""

import matplotlib as mpl
import numpy as np
import pytest
from figures_drawn import panels, rehearse, said, texts, titles
from figures_results import ended, results, without_rows
from results_in_memory import replaced

from stages.figures.example_turning import END, TARGET, count_examples, example_turning
from stages.figures.style import THEME, render
from stages.results.examples import ROUNDING, TURNING_LIMIT, Examples, collect_examples

GRID = {"hidden": [(8, 2, 8)], "activation": ["relu"], "optimizer": ["sgd"], "lr": [0.001, 0.01]}
FIELDS = {
    "gauss_turning": [[0.1, 1.0, 2.0, 3.0], [1.5, 1.6, 0.5, np.nan]],
    "example_start_loss": [[2.0, 2.0, 2.0, 2.0], [4.0, 4.0, 0.0, np.nan]],
    "example_final_loss": [[0.0, 1.0, 0.1, 3.0], [0.001, 0.0, 1.0, np.nan]],
    "example_rise": [[1e-6, 0.5, 0.0, 1.0], [1e-3, 0.0, 1.0, np.nan]],
    "example_start_to_end": [[1.0, 1.0, 1.0, 1.0], [2.0, 2.0, 2.0, np.nan]],
    "example_rise_to_end": [[0.0, 1e-7, 0.0, 0.5], [0.0, 0.25, 0.0, np.nan]],
}


def draw(made):
    with mpl.rc_context(THEME):
        return example_turning(made)


def two_lines():
    """Return two converged lines of squared error, of four and of three examples."""
    made = results(("autoencoders",), grids={"autoencoders": GRID})
    fields = {name: np.array(values) for name, values in FIELDS.items()}
    curves = replaced(made.curves["autoencoders"], examples=np.array([4, 3]), **fields)
    rows = made.measures.assign(status="converged", monotonic=True)
    return replaced(made, measures=rows, curves={"autoencoders": curves})


def bins(drawing, towards):
    data = drawing.data[drawing.data["towards"] == towards]
    return data, data[data["turning_to"] <= TURNING_LIMIT], data[data["rise_from"] >= ROUNDING]


def test_examples_are_gathered_with_their_rise_and_fit_over_the_start():
    made = two_lines()
    found = collect_examples(made, made.lines(), "example_rise", "example_start_loss", "example_final_loss")
    np.testing.assert_array_equal(found.turning, [0.1, 1.0, 2.0, 3.0, 1.5, 1.6])
    np.testing.assert_array_equal(found.rise, [5e-7, 0.25, 0, 0.5, 2.5e-4, 0])
    np.testing.assert_array_equal(found.fit, [0, 0.5, 0.05, 1.5, 2.5e-4, 0])
    assert found.missing == 1  # the third example of the second line begins at its target
    assert list(found.below) == [True, True, False, False, True, False]
    assert list(found.rising) == [False, True, False, True, True, False]


def test_headings_count_examples_below_the_limit_and_those_rising():
    drawing = draw(two_lines())
    rehearse(drawing)
    end, target, fit = titles(drawing)
    assert "\n7 examples; 4 below π/2, 0 of these rising\n2 runs; 0 above threshold, 0 diverged left out" in end
    assert "\n6 examples; 3 below π/2, 2 of these rising\n" in target
    assert "\n6 examples; 3 below π/2, 2 of these rising\n" in fit
    assert "1 examples without a turning or a distance at the start are left out" in texts(drawing).replace("\n", " ")
    assert "the assumption fails" in texts(drawing).replace("\n", " ")


def test_bins_hold_every_example_once_and_split_at_the_limit_and_at_rounding():
    drawing = draw(two_lines())
    for towards, numbers in ((END, (7, 4, 2)), (TARGET, (6, 3, 3))):
        assert tuple(part["examples"].sum() for part in bins(drawing, towards)) == numbers
    _, below, rising = bins(drawing, TARGET)
    both = below[below.index.isin(rising.index)]
    assert both["examples"].sum() == 2
    for row in both.itertuples():
        turning, rise, fit = (1.0, 0.25, 0.5) if row.turning_from < 1 < row.turning_to else (1.5, 2.5e-4, 2.5e-4)
        assert row.turning_from <= turning < row.turning_to
        assert row.rise_from <= rise < row.rise_to
        assert row.fit_from <= fit < row.fit_to
    assert drawing.data["fit_from"].isna().eq(drawing.data["towards"] == END).all()


def test_values_at_and_beyond_the_edges_have_a_bin():
    turning = np.array([0.0, 1e-9, np.nextafter(TURNING_LIMIT, 0), TURNING_LIMIT, 1e9, 1.0, 1.0])
    rise = np.array([0.0, ROUNDING, np.nextafter(ROUNDING, 1), 1e99, 0.0, 1e-9, 0.5])
    fit = np.array([0.0, 1.0, 1e99, 0.1, 0.01, 1e-3, 1e-4])
    counts = count_examples(Examples(turning, rise, fit, 0))
    assert counts.sum() == 7
    limit = counts.shape[0] // 2
    assert counts[:limit].sum() == 5
    assert counts[:, 1:].sum() == 3
    assert list(counts.sum((0, 1))) == [1, 1, 1, 1, 1, 2]


def test_bars_are_the_shares_below_the_limit_and_rising():
    drawing = draw(two_lines())
    ax = panels(drawing)[2]
    heights = [bar.get_height() for bar in ax.patches]
    assert heights[:6] == [50, 100, 0, 0, 100, 0]  # of [0, 0], [2.5e-4], [], [0.05], [0.5], [1.5]
    assert heights[6:] == [0, 100, 0, 0, 100, 0]
    written = [text.get_text() for text in ax.texts if " of" in text.get_text()]
    assert written == ["0 of 1", "1 of 1", "1 of 1"]
    assert [label.get_text().splitlines()[1] for label in ax.get_xticklabels()] == ["(2)", "(1)", "(0)", *["(1)"] * 3]


def test_maps_show_the_counts():
    for ax, total in zip(panels(draw(two_lines())), (7, 6), strict=False):
        (mesh,) = ax.collections
        assert mesh.get_array().sum() == total


def test_only_converged_runs_of_squared_error_are_taken():
    made = two_lines()
    other = replaced(made, measures=made.measures.assign(loss=["squared_error", "cross_entropy"]))
    drawing = draw(other)
    assert "4 examples; 2 below π/2" in titles(drawing)[0]
    assert "1 runs with another loss are left out" in texts(drawing).replace("\n", " ")
    above = draw(ended(made, "above threshold", [True, False]))
    assert "3 examples; 2 below π/2, 0 of these rising\n1 runs; 1 above threshold, 0 diverged" in titles(above)[0]


@pytest.mark.parametrize("status", ["above threshold", "diverged", None])
def test_without_an_converged_run_each_panel_says_so(status):
    drawing = draw(ended(two_lines(), status) if status else without_rows(two_lines()))
    rehearse(drawing)
    assert drawing.data.empty
    assert all(said(ax) == ["no converged run of squared error\nwith Gauss lengths"] for ax in panels(drawing))
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in panels(drawing))


def test_runs_without_gauss_lengths_are_told_too():
    made = two_lines()
    curves = replaced(made.curves["autoencoders"], examples=np.zeros(2, dtype=int))
    drawing = draw(replaced(made, curves={"autoencoders": curves}))
    assert all(said(ax) for ax in panels(drawing))
    assert "0 examples; 0 below π/2, 0 of these rising\n2 runs" in titles(drawing)[0]


def test_a_hundred_thousand_examples_stay_small():
    made = two_lines()
    rng = np.random.default_rng(0)
    shape = (2, 50_000)
    drawn = {name: 10 ** rng.uniform(-6, 2, shape) for name in FIELDS}
    curves = replaced(made.curves["autoencoders"], examples=np.full(2, shape[1]), **drawn)
    drawing = draw(replaced(made, curves={"autoencoders": curves}))
    drawing.figure.set_layout_engine("none")
    files, _ = render(drawing)
    assert max(len(content) for content in files.values()) < 1_000_000
