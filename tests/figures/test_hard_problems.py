"""Figure 26 and the lines by label corruption, held to the curves that went in."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from figures_drawn import curves_in, empty, labelled, panels, points, rehearse, said, texts, titles
from figures_results import ended, renamed, results, together, without_rows
from matplotlib.colors import to_rgb
from results_in_memory import replaced

from stages.figures.hard_problems import dataset_sizes, label_corruption
from stages.figures.style import GREY, MONOTONE, NON_MONOTONE, PALE, THEME

GRID = {"hidden": [(64, 64)], "activation": ["relu"], "optimizer": ["sgd"], "lr": [0.1, 1.0]}
BOTH = [dataset_sizes, label_corruption]


def draw(function, made):
    with mpl.rc_context(THEME):
        return function(made)


def of_sizes(sizes=(30.0, 300.0, np.nan)):
    """Return two learning rates for each size, all monotone but for the larger rate of the first."""
    made = results(grids={"classifiers": GRID}, seeds=len(sizes))
    rows = made.measures.assign(status="converged", train_size=np.repeat(sizes, 2))
    rows["monotonic"] = [True, False, *[True] * (len(rows) - 2)]
    return replaced(made, measures=rows)


def of_corruption(shares=(0.0, 0.5, 1.0)):
    """Return two learning rates for each share of corrupted labels; the larger ones rise."""
    made = results(grids={"classifiers": GRID}, seeds=len(shares))
    rows = made.measures.assign(status="converged", label_corruption=np.repeat(shares, 2))
    rows["monotonic"] = [True, False] * len(shares)
    rows["min_delta"] = np.where(rows["monotonic"].astype(bool), 0.0, 0.5 + rows["label_corruption"])
    return replaced(made, measures=rows)


def test_each_size_has_a_panel_of_its_lines_and_courses_of_training():
    made = of_sizes()
    made = replaced(made, epochs=made.epochs.sample(frac=1, random_state=0))
    drawing = draw(dataset_sizes, made)
    rehearse(drawing)
    names = ["30 examples", "300 examples", "all examples"]
    losses, alphas = made.curves["classifiers"].loss_train, made.curves["classifiers"].alphas
    for i, (ax, title, name) in enumerate(zip(panels(drawing), titles(drawing), names, strict=True)):
        risen = 1 if i == 0 else 0
        assert title == f"{name}\n{risen} of 2 non-monotone\n2 shown; 0 above threshold, 0 diverged left out"
        drawn = curves_in(ax)
        paths, lines = drawn[:2], drawn[2:]
        for place, line, training in zip((2 * i, 2 * i + 1), lines, paths, strict=True):
            np.testing.assert_allclose(line.get_data(), [alphas, losses[place]], rtol=1e-12)
            assert (line.is_dashed(), training.is_dashed()) == (False, True)
            assert to_rgb(line.get_color()) == to_rgb(MONOTONE if made.measures["monotonic"][place] else NON_MONOTONE)
            assert to_rgb(training.get_color()) == to_rgb(GREY)
            row = made.measures.iloc[place]
            path = made.epochs[made.epochs["run_id"] == row["run_id"]].sort_values("epoch")["loss"]
            shares = [0, 1 / 60, 2 / 60, 3 / 60, 4 / 60, 5 / 60]  # of the 60 epochs that the run is to have
            np.testing.assert_allclose(training.get_data(), [shares, [row["initial_train_loss"], *path]], atol=1e-6)
        assert lines[0].get_linewidth() < lines[1].get_linewidth()
    labels = [text.get_text() for text in drawing.figure.legends[0].get_texts()]
    assert labels[:2] == ["monotone (5)", "non-monotone (1)"]
    assert labels[2:] == ["learning rate 0.1", "learning rate 1", "path of training"]


def test_the_data_of_sizes_are_the_curves():
    made = of_sizes()
    data = draw(dataset_sizes, made).data
    assert len(data) == 6 * (11 + 6)
    one = data[(data["run_id"] == made.measures["run_id"][3])]
    assert one["train_size"].eq(300).all()
    line = one[one["curve"] == "line"]
    np.testing.assert_array_equal(line["train_loss"], made.curves["classifiers"].loss_train[3])
    assert data["train_size"].isna().sum() == 2 * 17


def test_of_many_sizes_nine_are_shown_the_ends_among_them():
    sizes = [*np.arange(10.0, 20.0), np.nan]
    drawing = draw(dataset_sizes, of_sizes(sizes))
    assert len(panels(drawing)) == 9
    assert [title.splitlines()[0] for title in titles(drawing)][::8] == ["10 examples", "all examples"]
    assert "4 runs of 2 more sizes are not shown" in texts(drawing).replace("\n", " ")


def test_one_size_and_all_examples_are_two():
    names = [title.splitlines()[0] for title in titles(draw(dataset_sizes, of_sizes((30.0, np.nan))))]
    assert names == ["30 examples", "all examples"]


def test_runs_with_corrupted_labels_and_suites_of_one_size_have_no_panel():
    made = of_sizes()
    shares = [0.0, 0.5, *[0.0] * 4]
    corrupted = replaced(made, measures=made.measures.assign(label_corruption=shares))
    other = of_sizes((77.0,))
    other = renamed(replaced(other, measures=other.measures.assign(run_id=["x0", "x1"])), {"classifiers": "one"})
    drawing = draw(dataset_sizes, together(corrupted, replaced(other, epochs=other.epochs[:0])))
    assert [len(curves_in(ax)) for ax in panels(drawing)] == [2, 4, 4]


def test_a_run_that_a_suite_of_one_size_holds_too_is_shown():
    made = of_sizes()
    first = replaced(of_sizes((30.0,)), epochs=made.epochs[:0])
    drawing = draw(dataset_sizes, together(renamed(first, {"classifiers": "one"}), made))
    assert [len(curves_in(ax)) for ax in panels(drawing)] == [4, 4, 4]


def test_sizes_whose_runs_did_not_converge_say_so():
    made = of_sizes()
    drawing = draw(dataset_sizes, ended(made, "above threshold", made.measures["train_size"] == 300))
    assert [said(ax) for ax in panels(drawing)] == [[], ["no converged run"], []]
    assert "0 shown; 2 above threshold, 0 diverged left out" in titles(drawing)[1]
    assert set(drawing.data["train_size"].fillna(0)) == {0, 30}


def test_corruption_shows_every_finite_run_and_in_grey_those_above_the_threshold():
    made = of_corruption()
    rows = made.measures
    made = ended(ended(made, "above threshold", rows.index == 3), "diverged", rows.index == 4)
    drawing = draw(label_corruption, made)
    rehearse(drawing)
    losses = made.curves["classifiers"].loss_train
    names = ["0 to 25 %", "25 to 50 %", "75 to 100 %"]
    counts = [(1, 2, 2, 0, 0), (0, 1, 1, 1, 0), (1, 1, 1, 0, 1)]
    runs = [((0, MONOTONE, "-"), (1, NON_MONOTONE, "-")), ((3, PALE, "-"), (2, MONOTONE, "-"))]
    runs.append(((5, NON_MONOTONE, "-"),))
    for ax, title, name, (risen, kept, shown, above, diverged), lines in zip(
        panels(drawing), titles(drawing), names, counts, runs, strict=True
    ):
        assert title.startswith(f"{name} of labels corrupted\n{risen} of {kept} non-monotone; largest min Δ ")
        assert f"{shown} shown, {above} above threshold (grey); {diverged} diverged left out" in title
        for line, (place, colour, dash) in zip(curves_in(ax), lines, strict=True):
            np.testing.assert_array_equal(line.get_ydata(), losses[place])
            assert to_rgb(line.get_color()) == to_rgb(colour)
            assert line.get_linestyle() == dash


def test_a_triangle_marks_where_a_line_has_risen_most():
    made = of_corruption()
    curves = made.curves["classifiers"]
    losses = curves.loss_train.copy()
    losses[1, [3, 7]] += [0.2, 0.5]
    made = replaced(made, curves={"classifiers": replaced(curves, loss_train=losses)})
    (ax, *_) = panels(draw(label_corruption, made))
    rises = [(losses[1][j] - losses[1][: j + 1].min(), j) for j in range(11)]
    highest = max(rises)[1]
    assert points(ax) == [(pytest.approx(highest / 10), losses[1][highest])]


def test_the_data_of_corruption_are_the_curves_and_their_rises():
    made = ended(of_corruption(), "diverged", [False] * 4 + [True] * 2)
    data = draw(label_corruption, made).data
    assert set(data["label_corruption"]) == {0, 0.5}
    for place, (run, one) in enumerate(data.groupby("run_id", sort=False)):
        assert run == made.measures["run_id"][place]
        np.testing.assert_array_equal(one["train_loss"], made.curves["classifiers"].loss_train[place])
        assert set(one["min_delta"]) == {made.measures["min_delta"][place]}


def test_only_suites_that_vary_the_corruption_are_shown():
    other = renamed(results(grids={"classifiers": GRID}), {"classifiers": "one"})
    other = replaced(other, measures=other.measures.assign(run_id=["x0", "x1"]))
    assert set(draw(label_corruption, together(other, of_corruption())).data["suite"]) == {"classifiers"}


@pytest.mark.parametrize("function", BOTH)
def test_where_every_run_diverged_the_panels_say_so(function):
    drawing = draw(function, ended(of_sizes() if function is dataset_sizes else of_corruption(), "diverged"))
    rehearse(drawing)
    assert drawing.data.empty
    assert all(empty(ax) and said(ax) for ax in panels(drawing))
    assert "diverged left out" in texts(drawing)


@pytest.mark.parametrize("function", BOTH)
@pytest.mark.parametrize("made", [results(grids={"classifiers": GRID}), without_rows(results())])
def test_suites_that_vary_nothing_are_told(function, made):
    drawing = draw(function, made)
    rehearse(drawing)
    assert isinstance(drawing.data, pd.DataFrame)
    assert drawing.data.empty
    assert all(said(ax)[0].startswith("no suite with several") for ax in panels(drawing))
    assert labelled(drawing)


def test_runs_of_another_network_with_one_size_or_one_share_are_not_shown():
    made = of_sizes()
    other = made.measures["train_size"].isna()
    mixed = replaced(made, measures=made.measures.assign(hidden=made.measures["hidden"].mask(other, "32-32")))
    assert [title.split("\n")[0] for title in titles(draw(dataset_sizes, mixed))] == ["30 examples", "300 examples"]
    made = of_corruption()
    rows = made.measures.assign(train_size=np.where(made.measures["label_corruption"] == 0.5, 100.0, 500.0))
    drawing = draw(label_corruption, replaced(made, measures=rows))
    assert set(drawing.data["label_corruption"]) == {0.0, 1.0}


def test_a_line_above_the_threshold_that_is_not_finite_counts_as_diverged():
    made = of_corruption()
    rows = made.measures.astype({"monotonic": object})
    rows.loc[3, ["status", "monotonic", "min_delta"]] = ["above threshold", np.nan, np.nan]
    drawing = draw(label_corruption, replaced(made, measures=rows))
    rehearse(drawing)
    assert all("0 above threshold" in title for title in titles(drawing))
    assert [title.startswith("25 to 50 %") for title in titles(drawing) if "1 diverged left out" in title] == [True]
