"""Figures of lines between runs, of other lines, of planes and of paths, held to numbers worked by hand."""

import io
import itertools
from functools import cache
from statistics import mean, stdev

import numpy as np
import pandas as pd
import pytest
from figures_drawn import curves_in, draw, empty, panels, points, rehearse, said, texts, titles, xlabel
from landscape_results import ALPHAS, HEIGHTS, LINES, PARTS, STATUS, TOLERANCE, landscape, without
from matplotlib.colors import to_hex
from results_in_memory import replaced

from stages.config import PairLines
from stages.figures.style import MONOTONE, thinned
from stages.figures.words import number
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
    """Return the losses of lines between converged runs, straight from the curves."""
    curves = made().curves["landscape"]
    return [
        values
        for values, line, end, first in zip(curves.loss_train, curves.lines, curves.run_ids, curves.starts, strict=True)
        if line == kind and end in SOUND and first in SOUND and run in (None, end) and start in (None, first)
    ]


def looks(ax):
    """Return the heights of each curve of a panel, whether it has the colour of monotone lines and is dashed."""
    return sorted(
        (tuple(line.get_ydata()), to_hex(line.get_color()) == to_hex(MONOTONE), line.is_dashed())
        for line in curves_in(ax)
    )


def wanted_looks(lines, own):
    """Return what `looks` returns of a panel that shows some lines, dashed, and some own lines."""
    pairs = [(values, True) for values in lines] + [(values, False) for values in own]
    return sorted((tuple(values), rise(values) <= TOLERANCE, dashed) for values, dashed in pairs)


@pytest.mark.parametrize("name", FIGURES)
def test_every_panel_is_labelled_and_shows_something(name):
    drawing = drawn(name)
    rehearse(drawing)
    for ax in drawing.figure.axes:
        assert ax.get_ylabel()
        assert xlabel(ax) or ax.get_label() == "<colorbar>"
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


OF_PLANES = ("figure_01", "figure_09", "figure_19", "figure_22", "figure_23")
BARE = ("no row", "above threshold", "no lines, planes or paths", "diverged")


def quick(name, what):
    """Return whether a case takes another way than most: without a row, or with planes that show what was asked for."""
    return what == "no row" or (what == "above threshold" and name in OF_PLANES)


@pytest.mark.parametrize(
    ("name", "what"),
    [pytest.param(*case, marks=() if quick(*case) else pytest.mark.long) for case in itertools.product(FIGURES, BARE)],
)
def test_a_panel_without_anything_says_why(name, what):
    drawing = draw(name, bare(what))
    rehearse(drawing)
    of_planes = what == "above threshold" and name in OF_PLANES
    for ax in panels(drawing):
        assert xlabel(ax)
        assert ax.get_ylabel()
        if not of_planes:  # they show what was asked for, admitted or not
            assert empty(ax)
            assert said(ax)
    if not of_planes:
        assert drawing.data.empty
        assert pd.read_csv(io.BytesIO(thinned(drawing.data)[0])).empty


def test_lines_between_runs_are_in_the_panel_of_their_ends_and_others_are_dashed():
    for ax, kind, count in zip(panels(drawn("figure_08")), ("initials", "crossed", "finals"), (3, 6, 3), strict=True):
        assert len(lines_of(kind)) == count
        assert looks(ax) == wanted_looks(lines_of(kind), lines_of(OWN_LINE) if kind == "crossed" else [])


def test_a_triangle_marks_where_a_non_monotone_line_has_risen_most():
    for ax, kind in zip(panels(drawn("figure_08")), ("initials", "crossed", "finals"), strict=True):
        wanted = []
        for values in lines_of(kind) + (lines_of(OWN_LINE) if kind == "crossed" else []):
            rises = [value - min(values[: place + 1]) for place, value in enumerate(values)]
            place = rises.index(max(rises))
            wanted += [(ALPHAS[place], values[place])] if rise(values) > TOLERANCE else []
        np.testing.assert_allclose(points(ax), sorted(wanted), atol=1e-6)


def test_titles_count_non_monotone_lines_barriers_and_what_is_left_out():
    found = [" ".join(title.split()) for title in titles(drawn("figure_08"))]
    for title, kind, left in zip(found, ("initials", "crossed", "finals"), (7, 14, 7), strict=True):
        found = lines_of(kind)
        risen = sum(rise(values) > 0.001 for values in found)
        high = mean(max(0.0, max(values) - max(values[0], values[-1])) for values in found)
        assert f"{risen} of {len(found)} non-monotone, mean barrier {number(high)}" in title
        assert f"{left} left out, run not converged" in title
    assert "own lines: 1 of 3 non-monotone" in titles(drawn("figure_08"))[1]


def rise(values):
    return max(later - first for place, first in enumerate(values) for later in values[place:])


def test_the_data_of_lines_between_runs_are_all_of_them():
    data = drawn("figure_08").data
    counts = data.groupby("line")["alpha"].count() / len(ALPHAS)
    assert counts.to_dict() == {"initials": 3, "crossed": 6, "finals": 3, OWN_LINE: 3}
    for line, rows in data.groupby("line"):
        found = rows.groupby(["start_run_id", "run_id"], sort=False)["train_loss"].apply(tuple)
        assert sorted(found) == sorted(map(tuple, lines_of(line)))
    assert (data["monotonic"] == (data["min_delta"] <= TOLERANCE)).all()


def test_a_matching_is_compared_pair_by_pair():
    left, right = panels(drawn("figure_35"))
    heights = [[0.01 + HEIGHTS[kind] * (1 + 0.1 * place) for place in (0, 1, 4)] for kind in HEIGHTS]
    joined = [tuple(round(float(y), 6) for y in line.get_ydata()) for line in right.lines]
    wanted = [tuple(round(height - 0.01, 6) for height in pair) for pair in zip(*heights, strict=True)]
    assert sorted(joined) == sorted(wanted)
    assert len(points(right)) == 9
    means = ", ".join(number(mean(height) - 0.01) for height in heights)
    assert f"means {means}; 3 pairs" in titles(drawn("figure_35"))[1]
    data = drawn("figure_35").data
    for kind, name, line, area in zip(HEIGHTS, data["kind"].unique(), left.lines, left.collections, strict=False):
        np.testing.assert_allclose(line.get_ydata(), np.mean(lines_of(kind), axis=0))
        deviation = stdev(values[5] for values in lines_of(kind))
        top = area.get_paths()[0].vertices[:, 1].max()
        assert top == pytest.approx(mean(values[5] for values in lines_of(kind)) + deviation)
        band = data[(data["kind"] == name) & data["mean"].notna()]
        np.testing.assert_allclose(band["mean"], line.get_ydata())
        assert band["standard_deviation"].iloc[5] == pytest.approx(deviation)
    assert len(left.lines) == len(left.collections) == len(HEIGHTS)


def test_a_suite_without_matchings_shows_what_it_has():
    lines = {name: entry for name, entry in LINES.items() if not (isinstance(entry, PairLines) and entry.matching)}
    drawing = draw("figure_35", landscape(lines))
    assert [label.get_text() for label in panels(drawing)[1].get_xticklabels()] == ["as trained"]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [("figure_21", ["permuted_initial", "permuted_final"]), ("figure_37", ["noise", "zero", "snapshots"])],
)
def test_every_line_to_a_run_is_drawn_beside_its_own_line(name, kinds):
    axes = panels(drawn(name))
    across = len(kinds) if len(kinds) <= 2 else len(SOUND)
    rows = [axes[place : place + across] for place in range(0, len(axes), across)]
    rows = rows if len(kinds) <= 2 else list(zip(*rows, strict=True))  # a column for each run
    for run, row in zip(SOUND, rows, strict=True):
        for kind, ax in zip(kinds, row, strict=True):
            assert looks(ax) == wanted_looks(lines_of(kind, run), lines_of(OWN_LINE, run))
            data = drawn(name).data
            found = data[(data["line"] == kind) & (data["run_id"] == run)].groupby(["draw"], dropna=False)
            assert sorted(found["train_loss"].apply(tuple)) == sorted(map(tuple, lines_of(kind, run)))


def test_the_data_tell_as_many_non_monotone_lines_as_the_title():
    for title, (_, rows) in zip(
        titles(drawn("figure_21")),
        drawn("figure_21").data.query("line != @OWN_LINE").groupby(["run_id", "line"], sort=False),
        strict=True,
    ):
        lines = rows.drop_duplicates("draw")
        assert f"{(~lines['monotonic']).sum()} of {len(lines)} non-monotone" in title


def test_runs_that_did_not_converge_are_counted():
    for name in ("figure_21", "figure_37", "figure_38"):
        assert "2 runs that did not converge are left out." in texts(drawn(name)).replace("\n", " ")


def test_snapshots_and_layers_are_drawn_each_with_their_names():
    for name, column, labels in (
        ("figure_37", 6, ["epoch 2", "epoch 5"]),  # after noise and zero, of three runs each
        ("figure_38", 0, list(PARTS)),
        ("figure_38", 1, list(PARTS)),
    ):
        ax = panels(drawn(name))[column]
        assert sorted(text.get_text() for text in ax.texts) == labels
        heights = {text.get_text(): text.get_position()[1] for text in ax.texts}
        assert abs(heights[labels[0]] - heights[labels[1]]) > 0.05
    for column, kind in enumerate(("from_initial", "from_final")):
        ax = panels(drawn("figure_38"))[column]
        assert looks(ax) == wanted_looks(lines_of(kind, "run_a"), lines_of(OWN_LINE, "run_a"))
        colours = {text.get_text(): to_hex(text.get_color()) == to_hex(MONOTONE) for text in ax.texts}
        assert colours == {"layers.1": False, "layers.3": True}  # the first rises
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
        assert "training accuracy" in ax.get_title()


def lines_between(*ends):
    return [lines_of(kind, end, start)[0] for kind, start, end in ends]


def test_the_curves_beside_a_plane_are_those_between_its_points():
    drawing = drawn("figure_01")
    _, beside = panels(drawing)
    others = lines_between(("initials", "run_a", "run_b"), ("crossed", "run_b", "run_a"))
    trajectory = made().landscapes["landscape"].trajectories["run_a"]
    *straight, path = curves_in(beside)
    assert len(straight) == 3
    assert {tuple(line.get_ydata()) for line in straight} == {tuple(line) for line in [*others, own_line("run_a")]}
    np.testing.assert_array_equal(path.get_xdata(), 1 - trajectory.remaining)
    np.testing.assert_array_equal(path.get_ydata(), trajectory.loss_train)
    lines = drawing.data[drawing.data["what"] == "line"]
    named = {label: tuple(rows["train_loss"]) for label, rows in lines.groupby("label")}
    labels = ["initial 1 → initial 2", "initial 2 → final 1", "initial 1 → final 1"]
    assert named == dict(zip(labels, map(tuple, [*others, own_line("run_a")]), strict=True))


def test_the_title_beside_a_plane_names_the_lines_that_rise():
    data = drawn("figure_23").data
    for plane, title in (
        ("two_initials", titles(drawn("figure_23"))[1]),
        ("two_finals", titles(drawn("figure_23"))[3]),
    ):
        lines = data[(data["what"] == "line") & (data["plane"] == plane)].groupby("label")["train_loss"].apply(list)
        risen = {label: number(rise(values)) for label, values in lines.items() if rise(values) > TOLERANCE}
        title = title.replace("\u00a0", " ").replace("\n", " ")
        assert f"{len(risen)} of {len(lines)} non-monotone" in title
        assert all(f"{label}: min Δ {high}" in title for label, high in risen.items())
    assert risen


def own_line(run):
    return lines_of(OWN_LINE, run)[0]


def test_a_kind_of_line_beside_a_plane_has_dashes_of_its_own():
    data = drawn("figure_23").data
    kinds = data[data["what"] == "line"].drop_duplicates(["plane", "label"]).groupby("label")["kind"].first().to_dict()
    assert kinds == {
        "initial 1 → final 1": "own line",
        "initial 2 → final 2": "own line",
        "initial 1 → initial 2": "between initialisations",
        "initial 1 → final 2": "to another run's optimum",
        "initial 2 → final 1": "to another run's optimum",
        "final 1 → final 2": "between optima",
    }
    below = curves_in(panels(drawn("figure_23"))[3])
    assert len(below) == 6
    dashes = {}
    for line in below:
        label = next(
            name
            for name, rows in data[(data["what"] == "line") & (data["plane"] == "two_finals")].groupby("label")
            if tuple(rows["train_loss"]) == tuple(line.get_ydata())
        )
        dashes.setdefault(kinds[label], set()).add(str(line._unscaled_dash_pattern))
    assert len(dashes) == 4
    assert len(set.union(*dashes.values())) == 4


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
    for ax, across, field in (
        (place, lambda path: path.progress, "residual"),
        (angle, lambda path: path.epoch / 8, "cosine"),
        (step, lambda path: path.epoch / 8, "step_cosine"),
    ):
        assert len(ax.lines) == len(found)
        for line, path in zip(ax.lines, found, strict=True):
            values = getattr(path, field)
            there = np.isfinite(values)
            np.testing.assert_array_equal(line.get_xydata().T, [across(path)[there], values[there]])
    paths, straight = loss.lines[:3], loss.lines[3:]
    assert all(path.is_dashed() for path in paths)
    for trained, path in zip(paths, found, strict=True):
        np.testing.assert_array_equal(trained.get_xydata().T, [path.progress, path.loss_train])
    for line, run in zip(straight, SOUND, strict=True):
        np.testing.assert_allclose(line.get_xydata().T, [ALPHAS, own_line(run)])
        assert not line.is_dashed()
    for line, run in zip(paths, SOUND, strict=True):
        assert (to_hex(line.get_color()) == to_hex(MONOTONE)) == (rise(own_line(run)) <= TOLERANCE)
    data = drawn("figure_36").data
    assert data["kind"].value_counts().to_dict() == {"own line": 3 * len(ALPHAS), "path of training": 12}
    first = data[(data["run_id"] == "run_a") & (data["kind"] == "path of training")]
    np.testing.assert_array_equal(first["residual"], found[0].residual)
    assert "3 runs, at most 0.831" in titles(drawn("figure_36"))[0]
