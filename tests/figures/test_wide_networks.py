"""The figure of theorem 9, held to an exact power law and to ratios worked by hand."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from figures_drawn import empty, labelled, panels, points, rehearse, said, texts, titles
from figures_results import ended, results, without_rows
from results_in_memory import replaced

from stages.figures.style import THEME
from stages.figures.wide_networks import wide_networks

WIDTHS = (16, 64, 256)
GRID = {"hidden": [(w, w) for w in WIDTHS], "activation": ["relu"], "optimizer": ["sgd"], "lr": [0.1]}


def draw(made):
    with mpl.rc_context(THEME):
        return wide_networks(made)


def networks():
    """Return nine networks, three of each width: distance 3 / sqrt(width) but for their own factors."""
    made = results(grids={"classifiers": GRID}, seeds=3)
    rows = made.measures
    factor = 2.0 ** (rows["seed"] - 1)
    return replaced(
        made,
        measures=rows.assign(
            status="converged",
            monotonic=[True] * 8 + [False],
            distance=3 * rows["width"] ** -0.5 * factor,
            initial_train_loss=4.0,
            min_delta=[0.0] * 8 + [0.5],
            gauss_length_smooth=rows["width"] ** -0.25 * factor,
            gauss_length_turning=2 * rows["width"] ** -0.25 * factor,
        ),
    )


def test_the_exponent_is_that_of_the_distance():
    made = networks()
    exact = replaced(made, measures=made.measures.assign(distance=3 * made.measures["width"] ** -0.5))
    drawing = draw(exact)
    rehearse(drawing)
    assert titles(drawing)[0].startswith(
        "distance\nexponent -0.500 [-0.500, -0.500]\nR² 1.000 [1.000, 1.000]\n9 shown; "
    )
    law, lazy = panels(drawing)[0].lines
    np.testing.assert_allclose(law.get_data(), [[16, 256], [3 / 4, 3 / 16]])
    np.testing.assert_allclose(lazy.get_data(), law.get_data())


def test_the_reference_falls_with_the_root_of_the_width_whatever_the_distances_do():
    made = networks()
    law, lazy = panels(draw(replaced(made, measures=made.measures.assign(distance=made.measures["width"]))))[0].lines
    (left, right), (high, low) = lazy.get_data()
    assert high / low == pytest.approx((right / left) ** 0.5)
    assert law.get_ydata()[1] / law.get_ydata()[0] == pytest.approx(right / left)
    assert (high * low) ** 0.5 == pytest.approx(64)  # it crosses the fit in the middle of the points


def test_points_are_the_converged_runs():
    made = networks()
    drawing = draw(made)
    rows = made.measures
    distances, rises, *lengths = panels(drawing)
    assert points(distances) == sorted(zip(rows["width"], rows["distance"], strict=True))
    assert points(rises) == sorted([(w, 0.0) for w in WIDTHS for _ in range(3)][:-1] + [(256, 0.5 / 4.0)])
    assert [len(points(ax)) for ax in lengths] == [9, 9]
    assert "min Δ / loss at α = 0\n1 of 9 non-monotone\n9 shown; 0 above threshold, 0 diverged left out" in titles(
        drawing
    )
    assert list(drawing.data["run_id"]) == list(rows["run_id"])
    for ax, name in zip(lengths, ("gauss_length_smooth", "gauss_length_turning"), strict=True):
        medians = [rows[name][rows["width"] == width].median() for width in WIDTHS]
        np.testing.assert_allclose(ax.lines[0].get_data(), [WIDTHS, medians])


def test_runs_that_did_not_converge_are_left_out_and_counted():
    made = networks()
    rows = made.measures
    some = ended(ended(made, "diverged", rows["run_id"] == rows["run_id"][0]), "above threshold", rows["seed"] == 2)
    drawing = draw(some)
    assert all("3 above threshold, 1 diverged left out" in title for title in titles(drawing))
    assert len(drawing.data) == 5
    assert len(points(panels(drawing)[0])) == 5


def test_a_value_that_is_missing_is_counted():
    made = networks()
    lengths = made.measures["gauss_length_smooth"].where(made.measures["seed"] > 0)
    drawing = draw(replaced(made, measures=made.measures.assign(gauss_length_smooth=lengths)))
    assert "6 shown; 3 without the value, 0 above threshold" in titles(drawing)[2]
    assert "9 shown; 0 above threshold" in titles(drawing)[3]
    assert [len(points(ax)) for ax in panels(drawing)[2:]] == [6, 9]


def test_networks_without_one_width_are_counted():
    made = networks()
    rows = made.measures
    drawing = draw(replaced(made, measures=rows.assign(width=rows["width"].where(rows["seed"] > 0))))
    assert "3 runs without hidden layers of one width have no place here" in texts(drawing)
    assert len(drawing.data) == 6


def test_what_is_pooled_is_said():
    made = networks()
    rates = replaced(made, measures=made.measures.assign(lr=1 / made.measures["width"]))
    assert "hidden layers 2; learning rates 0.00391, 0.0156, 0.0625." in texts(draw(rates)).replace("\n", " ")


@pytest.mark.parametrize("status", ["above threshold", "diverged", None])
def test_without_a_converged_run_each_panel_says_so(status):
    made = ended(networks(), status) if status else without_rows(networks())
    drawing = draw(made)
    rehearse(drawing)
    assert drawing.data.empty
    assert isinstance(drawing.data, pd.DataFrame)
    assert all(empty(ax) and said(ax) == ["no converged run"] for ax in panels(drawing))
    assert labelled(drawing)
