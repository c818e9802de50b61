import io
from functools import cache

import numpy as np
import pandas as pd
import pytest
from figures_drawn import curves_in, draw, empty, labelled, panels, points, rehearse, said, texts
from figures_results import CLASSIFIERS, classifiers_with, ended, renamed, results, some_lines, together, without_rows
from results_in_memory import replaced

from stages.config.declared import item_of
from stages.figures.registry import figures
from stages.figures.style import LARGEST, render, thinned
from stages.measures.table import OWN_LINE
from stages.results.rows import converged
from stages.shared.errors import UserError

RESIDUAL_SUITES = ("residual", "residual_corrupted")
OF_THEIR_OWN = {"figure_26", "figure_29", "figure_30", "figure_31", "figure_32", "figure_33", "figure_34"}
OF_THEIR_OWN |= {"figure_01", "figure_08", "figure_09", "figure_19", "figure_21", "figure_22", "figure_23"}
OF_THEIR_OWN |= {"figure_35", "figure_36", "figure_37", "figure_38", "figure_39", "figure_40", "figure_41"}
COMMON = [name for name in figures() if name not in OF_THEIR_OWN]  # the others have results and tests of their own
POOLED = dict.fromkeys(("figure_04", "figure_13", "figure_15"), ("autoencoders",))
POOLED |= dict.fromkeys(("figure_02", "figure_14", "figure_16", "figure_17", "figure_28"), RESIDUAL_SUITES)
POOLED |= {"figure_06": ("residual",), "figure_20": ("residual",)}
POOLED |= {"figure_10": ("classifiers", "residual"), "figure_27": ("autoencoders", "classifiers")}
OF_FRESH_LINES = ["figure_06", "figure_20"]
WITH_MARKS = [name for name in COMMON if name != "figure_25"]  # there, an empty cell is hatched
ONCE = ["figure_10", "figure_14", "figure_16", "figure_18"]  # others show each run by distance and by Gauss length
OF_POINTS = [*ONCE, "figure_07", "figure_12", "figure_13", "figure_15", "figure_17"]
OF_LINES = ["figure_02", "figure_04", "figure_11", "figure_24"]


def of(name, **options):
    return results(POOLED.get(name, ("classifiers",)), **options)


@cache
def drawn(name):
    return draw(name, of(name))


def own_and_converged(made):
    return made.measures[(made.measures["line"] == OWN_LINE) & (made.measures["status"] == "converged")]


@pytest.mark.parametrize("name", COMMON)
def test_every_panel_is_labelled_and_says_what_is_left_out(name):
    drawing = drawn(name)
    rehearse(drawing)
    assert labelled(drawing)
    written = texts(drawing)
    assert "digits" in written
    if name not in OF_FRESH_LINES:  # to two runs, both converged
        assert "above threshold" in written
        assert "diverged left out" in written
    assert not any(said(ax) for ax in panels(drawing))


@pytest.mark.parametrize("status", [pytest.param("above threshold", marks=pytest.mark.long), "diverged"])
@pytest.mark.parametrize("name", COMMON)
def test_where_nothing_converged_the_panels_say_so(name, status):
    drawing = draw(name, ended(of(name), status))
    if status == "diverged":  # once is enough: it takes most of the time
        rehearse(drawing)
    assert labelled(drawing)
    assert "mean_min_delta" in drawing.data or drawing.data.empty
    if name in WITH_MARKS:
        assert all(empty(ax) and said(ax) for ax in panels(drawing))


@pytest.mark.parametrize("name", WITH_MARKS)
def test_no_panel_is_empty_without_a_sentence_that_says_why(name):
    made = of(name)
    suites = list(made.suites)
    of_the_last = (made.measures["suite"] == suites[-1]) & (len(suites) > 1)
    drawing = draw(name, ended(made, "above threshold", of_the_last | (made.measures["optimizer"] == "adam")))
    assert [empty(ax) for ax in panels(drawing)] == [bool(said(ax)) for ax in panels(drawing)]
    assert not all(empty(ax) for ax in panels(drawing))


FIRST_OF_MODULES = {figures()[name].make.__module__: name for name in reversed(COMMON)}.values()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FIRST_OF_MODULES else pytest.mark.long) for name in COMMON]
)
def test_a_suite_without_any_row_is_drawn_too(name):
    drawing = draw(name, without_rows(of(name)))
    assert drawing.data.empty
    assert pd.read_csv(io.BytesIO(thinned(drawing.data)[0])).empty  # a file with a header
    if name in WITH_MARKS:
        assert all(empty(ax) and said(ax) for ax in panels(drawing))


@pytest.mark.parametrize("name", OF_POINTS)
def test_the_data_are_the_converged_runs_and_the_points(name):
    made = of(name)
    drawing = drawn(name)
    kept = own_and_converged(made)
    assert list(drawing.data["run_id"]) == list(kept["run_id"])
    for column in ("normalized_distance", "min_delta", "test_accuracy", "gauss_length_turning"):
        if column in drawing.data:
            np.testing.assert_array_equal(drawing.data[column], kept[column])
    assert sum(len(points(ax)) for ax in panels(drawing)) == len(kept) * (1 if name in ONCE else 2)


@pytest.mark.parametrize("name", OF_LINES)
def test_the_data_are_the_curves_of_the_converged_runs(name):
    made = of(name)
    drawing = drawn(name)
    kept = own_and_converged(made)
    wanted = [
        some_lines(curves, np.isin(curves.run_ids, list(kept["run_id"])) & (np.array(curves.lines) == OWN_LINE))
        for curves in made.curves.values()
    ]
    losses = {run: line for one in wanted for run, line in zip(one.run_ids, one.loss_train, strict=True)}
    assert sorted(drawing.data["run_id"].unique()) == sorted(losses)
    for run, line in drawing.data.groupby("run_id"):
        np.testing.assert_array_equal(line["train_loss"], losses[run])
    assert sum(len(curves_in(ax)) for ax in panels(drawing)) == len(kept)


@pytest.mark.parametrize(
    "name", ["figure_11", *(pytest.param(name, marks=pytest.mark.long) for name in ("figure_03", "figure_18"))]
)
def test_the_same_material_gives_the_same_bytes(name):
    first, second = (render(draw(name, of(name)))[0] for _ in range(2))
    assert first == second
    assert first["svg"].startswith(b"<?xml")
    assert first["png"].startswith(b"\x89PNG")
    assert b"dc:date" not in first["svg"]


def test_five_hundred_curves_stay_small():
    made = results(grids={"classifiers": CLASSIFIERS | {"activation": ["relu", "tanh"]}}, alphas=50, seeds=3)
    assert len(made.measures) >= 500
    noise = np.random.default_rng(0).uniform(0, 0.5, made.curves["classifiers"].loss_train.shape)
    curves = replaced(made.curves["classifiers"], loss_train=made.curves["classifiers"].loss_train + noise)
    files, step = render(draw("figure_24", replaced(made, curves={"classifiers": curves})))
    assert {ending: len(content) for ending, content in files.items() if len(content) > LARGEST} == {}
    assert step <= 2


def test_data_that_are_too_large_keep_the_first_and_last_alpha_of_every_line():
    alphas = np.linspace(0, 1, 50)
    data = pd.DataFrame({"run_id": np.repeat(np.arange(3000), 50), "alpha": np.tile(alphas, 3000), "train_loss": 1 / 3})
    content, step = thinned(data)
    assert step > 1
    assert len(content) <= LARGEST
    first = [line.split(",") for line in content.decode().splitlines() if line.startswith("0,")]
    assert first[0][1:] == ["0", "0.333333"]
    assert first[-1][1] == "1"


def test_figure_5_takes_the_papers_rates_or_says_which_it_took():
    def headings(drawing):
        return " ".join(texts(drawing).split())  # they are broken to the width of a panel

    assert "learning rate 0.1 (as in the paper)" in headings(draw("figure_05", of("figure_05")))
    made = results(grids={"classifiers": CLASSIFIERS | {"lr": [0.001, 0.003, 0.01]}})
    drawing = draw("figure_05", made)
    assert "learning rate 0.01 (largest with converged runs)" in headings(drawing)
    assert "learning rate 0.001 (smallest with converged runs)" in headings(drawing)
    assert set(drawing.data["lr"]) == {0.01, 0.001}
    assert "learning rate 0.1 (as in the paper)" in headings(
        draw("figure_05", results(grids={"classifiers": CLASSIFIERS | {"lr": [0.01, 0.1, 0.3]}}))
    )


def test_figure_10_gives_mean_and_standard_error_of_both_groups():
    made = results()
    kept = made.measures["status"] == "converged"
    monotone = kept & (made.measures["monotonic"] == True)  # noqa: E712 (an object column)
    values = pd.Series(np.nan, index=made.measures.index)
    values[kept] = 0.9
    values[np.flatnonzero(monotone)[:2]] = [0.92, 0.96]
    few = monotone & values.eq(0.9)
    made = replaced(made, measures=made.measures.assign(test_accuracy=values)[~few])
    written = texts(draw("figure_10", made))
    assert "monotone: 94.00 ± 2.00 % (n = 2)" in written  # standard deviation 2.83 over the square root of 2
    assert "non-monotone: 90.00 ± 0.00 %" in written


def test_figure_10_counts_runs_without_a_test_accuracy():
    written = texts(draw("figure_10", classifiers_with(test_accuracy=np.nan)))
    assert "no converged run with a test accuracy" in written
    assert "0 shown; 72 without the value, 6 above threshold, 12 diverged left out" in written


def test_a_gauss_length_of_zero_has_no_place_on_a_log_axis_and_is_counted():
    made = results()
    lengths = made.measures["gauss_length_smooth"].copy()
    lengths[(made.measures["status"] == "converged").idxmax()] = 0.0
    drawing = draw("figure_07", replaced(made, measures=made.measures.assign(gauss_length_smooth=lengths)))
    assert "71 shown; 1 without the value" in texts(drawing)


def test_figure_7_fits_an_exact_power_law():
    made = results()
    distances = made.measures["normalized_distance"]
    drawing = draw("figure_07", replaced(made, measures=made.measures.assign(gauss_length_smooth=3 * distances**0.5)))
    assert "exponent 0.500 [0.500, 0.500]\nR² 1.000 [1.000, 1.000]" in texts(drawing)


def test_a_run_of_two_pooled_suites_counts_once():
    made = results()
    drawing = draw("figure_18", together(made, renamed(made, {"classifiers": "again"})))
    assert len(drawing.data) == len(converged(made.lines()))
    assert "90 runs that several suites share count once" in texts(drawing)


def test_a_line_without_a_verdict_counts_as_diverged():
    made = classifiers_with(status="converged")
    rows = made.lines()
    assert (rows["status"] == "diverged").sum() == made.measures["min_delta"].isna().sum() == 12


def test_two_datasets_get_panels_of_their_own():
    made = results(grids={"classifiers": CLASSIFIERS | {"lr": [0.01]}})
    half = np.arange(len(made.measures)) % 2 == 0
    made = replaced(made, measures=made.measures.assign(dataset=np.where(half, "digits", "letters")))
    assert len(panels(draw("figure_10", made))) == 2
    assert len(panels(draw("figure_11", made))) == 6
    assert "letters, batch norm, Adam" in texts(draw("figure_24", made))


def test_a_key_that_no_function_draws_is_refused():
    assert item_of("figure_05_mine") == "figure_05"
    with pytest.raises(UserError, match=r"plot\.figure_99: no such figure or table, expected one of figure_01, "):
        item_of("figure_99")


def test_curves_that_lack_a_measured_run_are_refused():
    made = results()
    curves = made.curves["classifiers"]
    short = replaced(made, curves={"classifiers": some_lines(curves, np.arange(len(curves.run_ids)) < 5)})
    with pytest.raises(UserError, match="no line of run c0000000001., which measures.csv has"):
        draw("figure_11", short)
