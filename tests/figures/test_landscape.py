"""Figures of lines between runs, of other lines, of planes and of paths, held to numbers worked by hand."""

import io
from functools import cache
from statistics import mean, stdev

import numpy as np
import pandas as pd
import pytest
from figures_drawn import curves_in, draw, empty, panels, rehearse, said, segments, texts, titles
from landscape_results import ALPHAS, HEIGHTS, LINES, PARTS, STATUS, landscape, without
from results_in_memory import replaced

from stages.config import PairLines
from stages.figures.base import number
from stages.figures.style import thinned
from stages.measures.table import OWN_LINE

FIGURES = ["figure_01", "figure_08", "figure_09", "figure_19", "figure_21", "figure_22", "figure_23"]
FIGURES += ["figure_35", "figure_36", "figure_37", "figure_38"]
SOUND = ("run_a", "run_b", "run_c")


@cache
def made():
    return landscape()


@cache
def drawn(name):
    return draw(name, made())


def lines_of(kind, run=None, start=None):
    """Return the losses of lines between admitted runs, straight from the curves."""
    curves = made().curves["landscape"]
    return [
        values
        for values, line, end, first in zip(curves.loss_train, curves.lines, curves.run_ids, curves.starts, strict=True)
        if line == kind and end in SOUND and first in SOUND and run in (None, end) and start in (None, first)
    ]


def drawn_curves(ax):
    """Return the heights of all curves of a panel but dashed own lines' duplicates, sorted."""
    found = [segment[:, 1] for segment in segments(ax)] + [line.get_ydata() for line in curves_in(ax)]
    return sorted(map(tuple, found))


@pytest.mark.parametrize("name", FIGURES)
def test_every_panel_is_labelled_and_shows_something(name):
    drawing = drawn(name)
    rehearse(drawing)
    for ax in drawing.figure.axes:
        assert ax.get_ylabel()
        assert ax.get_xlabel() or ax.get_label() == "<colorbar>"
    assert "digits, MLP" in texts(drawing)
    assert not any(said(ax) for ax in panels(drawing))
    assert not drawing.data.empty
    pd.read_csv(io.BytesIO(thinned(drawing.data)[0]))


def bare(what):
    if what == "no row":
        return without(made())
    if what == "no lines, planes or paths":
        return replaced(without(landscape({}, planes=False)), measures=landscape({}, planes=False).measures)
    return landscape(status=dict.fromkeys(STATUS, what), planes=what != "diverged")


SLOW = [pytest.param(what, marks=pytest.mark.long) for what in ("no lines, planes or paths", "diverged")]


@pytest.mark.parametrize("what", ["no row", "above threshold", *SLOW])
@pytest.mark.parametrize("name", FIGURES)
def test_a_panel_without_anything_says_why(name, what):
    drawing = draw(name, bare(what))
    rehearse(drawing)
    of_planes = what == "above threshold" and name in ("figure_01", "figure_09", "figure_19", "figure_22", "figure_23")
    for ax in panels(drawing):
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        if not of_planes:  # they show what was asked for, admitted or not
            assert empty(ax)
            assert said(ax)
    if not of_planes:
        assert drawing.data.empty
        assert pd.read_csv(io.BytesIO(thinned(drawing.data)[0])).empty


def test_lines_between_runs_are_in_the_panel_of_their_ends():
    for ax, kind, count in zip(panels(drawn("figure_08")), ("initials", "crossed", "finals"), (3, 6, 3), strict=True):
        wanted = lines_of(kind) + (lines_of(OWN_LINE) if kind == "crossed" else [])
        assert len(lines_of(kind)) == count
        assert drawn_curves(ax) == sorted(map(tuple, wanted))


def test_own_pairs_are_told_apart():
    crossed = panels(drawn("figure_08"))[1]
    own = {tuple(values.tolist()) for values in lines_of(OWN_LINE)}
    for bundle in crossed.collections:
        heights = {tuple(np.asarray(line)[:, 1].tolist()) for line in bundle.get_segments()}
        black = bool((np.asarray(bundle.get_colors())[0, :3] < 0.2).all())
        assert heights == own if black else not heights & own
    assert len(crossed.collections) == 3


def test_titles_count_non_monotone_lines_barriers_and_what_is_left_out():
    for title, kind, left in zip(
        titles(drawn("figure_08")), ("initials", "crossed", "finals"), (7, 14, 7), strict=True
    ):
        found = lines_of(kind)
        risen = sum(rise(values) > 0.001 for values in found)
        high = mean(max(0.0, max(values) - max(values[0], values[-1])) for values in found)
        assert f"{risen} of {len(found)} non-monotone, mean barrier {number(high)}" in title
        assert f"{left} of runs not admitted left out" in title
    assert "own pairs: 1 of 3 non-monotone" in titles(drawn("figure_08"))[1]


def rise(values):
    return max(later - first for place, first in enumerate(values) for later in values[place:])


def test_the_data_of_lines_between_runs_are_all_of_them():
    data = drawn("figure_08").data
    counts = data.groupby("line")["alpha"].count() / len(ALPHAS)
    assert counts.to_dict() == {"initials": 3, "crossed": 6, "finals": 3, OWN_LINE: 3}


def test_a_matching_is_compared_pair_by_pair():
    left, right = panels(drawn("figure_35"))
    heights = [[0.01 + HEIGHTS[kind] * (1 + 0.1 * place) for place in (0, 1, 4)] for kind in HEIGHTS]
    joined = [tuple(round(float(y), 6) for y in line[:, 1]) for line in segments(right)]
    wanted = [tuple(round(height - 0.01, 6) for height in pair) for pair in zip(*heights, strict=True)]
    assert sorted(joined) == sorted(wanted)
    means = ", ".join(number(mean(height) - 0.01) for height in heights)
    assert f"means {means}; 3 pairs" in titles(drawn("figure_35"))[1]
    for kind, line in zip(HEIGHTS, curves_in(left), strict=True):
        np.testing.assert_allclose(line.get_ydata(), np.mean(lines_of(kind), axis=0))
    deviations = [stdev(values[5] for values in lines_of(kind)) for kind in HEIGHTS]
    for area, kind, deviation in zip(left.collections, HEIGHTS, deviations, strict=True):
        top = area.get_paths()[0].vertices[:, 1].max()
        assert top == pytest.approx(mean(values[5] for values in lines_of(kind)) + deviation)


def test_a_suite_without_matchings_shows_what_it_has():
    lines = {name: entry for name, entry in LINES.items() if not (isinstance(entry, PairLines) and entry.matching)}
    drawing = draw("figure_35", landscape(lines))
    assert [label.get_text() for label in panels(drawing)[1].get_xticklabels()] == ["as\ntrained"]


@pytest.mark.parametrize(
    ("name", "kinds"), [("figure_21", ("permuted_initial", "permuted_final")), ("figure_37", ("noise",))]
)
def test_draws_are_shown_by_mean_and_deviation_beside_the_own_line(name, kinds):
    columns = {"figure_21": 2, "figure_37": 3}[name]
    axes = panels(drawn(name))
    rows = [axes[place : place + columns] for place in range(0, len(axes), columns)]
    for run, row in zip(SOUND, rows, strict=True):
        for kind, ax in zip(kinds, row, strict=False):
            found = lines_of(kind, run)
            assert len(found) == 4
            middle, own = curves_in(ax)
            np.testing.assert_allclose(middle.get_ydata(), np.mean(found, axis=0))
            np.testing.assert_allclose(own.get_ydata(), lines_of(OWN_LINE, run)[0])
            vertices = ax.collections[0].get_paths()[0].vertices
            top = mean(values[5] for values in found) + stdev(values[5] for values in found)
            assert any(x == 0.5 and y == pytest.approx(top) for x, y in vertices)


def test_runs_that_are_not_admitted_are_counted():
    for name in ("figure_21", "figure_37", "figure_38"):
        assert "2 runs that are not admitted are left out." in texts(drawn(name)).replace("\n", " ")


def test_snapshots_and_layers_are_drawn_each_with_their_names():
    for name, column, labels in (
        ("figure_37", 2, ["epoch 2", "epoch 5"]),
        ("figure_38", 0, list(PARTS)),
        ("figure_38", 1, list(PARTS)),
    ):
        ax = panels(drawn(name))[column]
        assert [text.get_text() for text in ax.get_legend().get_texts()] == labels
    kinds = {0: "from_initial", 1: "from_final"}
    for column, kind in kinds.items():
        *layers, own = curves_in(panels(drawn("figure_38"))[column])
        for line, values in zip(layers, lines_of(kind, "run_a"), strict=True):
            np.testing.assert_array_equal(line.get_ydata(), values)
        np.testing.assert_array_equal(own.get_ydata(), lines_of(OWN_LINE, "run_a")[0])
        assert [line.get_linestyle() == "-" for line in layers] == [False, True]  # the first rises
        assert "1 of 2 non-monotone, largest min Δ 0.1" in titles(drawn("figure_38"))[column]


def surface(name):
    return made().landscapes["landscape"].planes[name]


@pytest.mark.parametrize(
    ("figure", "place", "name"), [("figure_09", 0, "two_initials"), ("figure_09", 1, "two_finals")]
)
def test_marks_and_paths_stand_at_their_coordinates(figure, place, name):
    ax = panels(drawn(figure))[place]
    plane = surface(name)
    paths = [line for line in ax.lines if len(line.get_xdata()) == 4]
    np.testing.assert_array_equal(np.concatenate([line.get_xydata() for line in paths]), plane.steps[:, :2])
    marks = [line for line in ax.lines if len(line.get_xdata()) == 1]
    np.testing.assert_array_equal([line.get_xydata()[0] for line in marks], plane.marks[:, :2])
    assert [line.get_marker() for line in marks] == [{"initial": "o", "final": "X"}[kind] for kind in plane.kinds]
    hollow = [line.get_markerfacecolor() == "w" for line in marks]
    assert hollow == [off > 0 for off in plane.marks[:, 2]]
    words = {text.get_text() for text in ax.texts}
    assert {label.replace("_", " ") for label in plane.labels[:3]} <= words
    if name == "two_finals":
        assert "initial 2\n(7.5 off the plane)" in words
    assert ax.get_xlabel() == "weight distance from initial 1 towards final 1"
    assert ax.get_ylabel().endswith({"two_initials": "initial 2", "two_finals": "final 2"}[name])


def test_the_levels_cover_the_marked_points_and_not_a_far_wall():
    filled = panels(drawn("figure_09"))[0].collections[0]
    assert filled.levels[0] <= 0.1
    assert 1.0 < filled.levels[-1] < 40
    assert "0.1 to 40" in titles(drawn("figure_09"))[0]


def test_accuracy_has_levels_from_nothing_to_all():
    lower = panels(drawn("figure_22"))[2:]
    assert len(lower) == 2
    for ax in lower:
        np.testing.assert_allclose(ax.collections[0].levels, np.linspace(0, 1, 11))
        assert any("training accuracy" in text.get_text() for text in ax.texts)


def test_the_curves_beside_a_plane_are_those_between_its_points():
    _, beside = panels(drawn("figure_01"))
    own, between, crossed, path = curves_in(beside)
    np.testing.assert_array_equal(own.get_ydata(), lines_of(OWN_LINE, "run_a")[0])
    np.testing.assert_array_equal(between.get_ydata(), lines_of("initials", "run_b", "run_a")[0])
    np.testing.assert_array_equal(crossed.get_ydata(), lines_of("crossed", "run_a", "run_b")[0])
    trajectory = made().landscapes["landscape"].trajectories["run_a"]
    np.testing.assert_array_equal(path.get_xdata(), 1 - trajectory.remaining)
    np.testing.assert_array_equal(path.get_ydata(), trajectory.loss_train)
    told = [text.get_text() for text in beside.get_legend().get_texts()]
    labels = ["initial 1 → final 1", "initial 1 → initial 2", "initial 2 → final 1"]
    rises = [number(rise(line.get_ydata())) for line in (own, between, crossed)]
    assert told == [f"{label} (min Δ {high})" for label, high in zip(labels, rises, strict=True)] + ["training"]


def test_below_a_plane_are_the_lines_between_all_its_points():
    axes = panels(drawn("figure_23"))
    told = [text.get_text().split(" (")[0] for text in axes[3].get_legend().get_texts()]
    assert sorted(told) == sorted(
        [
            "initial 1 → final 1",
            "initial 2 → final 2",
            "initial 1 → initial 2",
            "initial 1 → final 2",
            "initial 2 → final 1",
            "final 1 → final 2",
        ]
    )
    assert len(curves_in(axes[3])) == 6


def test_the_data_of_a_plane_are_its_grid_marks_and_paths():
    data = drawn("figure_22").data
    counts = data.groupby(["plane", "what"])["x"].count().to_dict()
    for name in ("two_initials", "two_finals"):
        plane = surface(name)
        assert counts[name, "grid"] == 56
        assert counts[name, "mark"] == len(plane.marks)
        assert counts[name, "path"] == len(plane.steps)
        grid = data[(data["plane"] == name) & (data["what"] == "grid")]
        place = grid[(grid["x"] == plane.x[3]) & (grid["y"] == plane.y[2])].iloc[0]
        assert place["train_loss"] == plane.loss_train[2, 3]
        assert place["train_accuracy"] == plane.accuracy_train[2, 3]


def test_a_plane_that_is_not_finite_somewhere_is_drawn():
    made_ = landscape()
    planes = made_.landscapes["landscape"].planes
    gap = planes["two_initials"].loss_train.copy()
    gap[0] = np.nan
    bad = replaced(planes["two_initials"], loss_train=gap, accuracy_train=np.full_like(gap, np.nan))
    landscapes = {"landscape": replaced(made_.landscapes["landscape"], planes={"two_initials": bad})}
    for name in ("figure_01", "figure_22"):
        rehearse(draw(name, replaced(made_, landscapes=landscapes)))
    assert said(panels(draw("figure_22", replaced(made_, landscapes=landscapes)))[1]) == ["no accuracy"]


def test_paths_have_the_coordinates_of_their_trajectories():
    place, angle, step, loss = panels(drawn("figure_36"))
    found = [made().landscapes["landscape"].trajectories[run] for run in SOUND]
    for line, path in zip(place.lines, found, strict=True):
        np.testing.assert_array_equal(line.get_xydata().T, [path.progress, path.residual])
    for ax, field in ((angle, "cosine"), (step, "step_cosine")):
        for line, path in zip(ax.lines, found, strict=True):
            np.testing.assert_array_equal(line.get_xydata().T, [path.epoch / 8, getattr(path, field)])
    for trained, straight, path, run in zip(loss.lines[::2], loss.lines[1::2], found, SOUND, strict=True):
        np.testing.assert_array_equal(trained.get_xydata().T, [path.progress, path.loss_train])
        np.testing.assert_array_equal(straight.get_xydata().T, [ALPHAS, lines_of(OWN_LINE, run)[0]])
    data = drawn("figure_36").data
    assert len(data) == 12
    first = data[data["run_id"] == "run_a"]
    np.testing.assert_allclose(first["line_loss"], np.interp(first["progress"], ALPHAS, lines_of(OWN_LINE, "run_a")[0]))
    assert "3 runs, at most 0.831" in titles(drawn("figure_36"))[0]
