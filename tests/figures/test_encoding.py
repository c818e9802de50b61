"""One encoding in all figures: colours of marks are the verdict's or greys, own lines are solid, widths fit a page."""

import io
import re
from functools import cache

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import test_drawings
import test_landscape
from figures_drawn import draw, panels, points, titles
from figures_results import results
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from statistics_results import made_lines
from test_drawings import COMMON
from test_example_turning import two_lines
from test_hard_problems import of_corruption, of_sizes
from test_landscape import FIGURES as OF_LANDSCAPES
from test_theory import lines as noisy_lines
from test_theory import networks as linear_networks
from test_theory import results_of
from test_wide_networks import networks

from stages.figures.findings import distinct
from stages.figures.registry import figures
from stages.figures.rises import largest_rises
from stages.figures.style import LINE_STYLES, MAPS, MONOTONE, NON_MONOTONE, OWN_KIND, thinned

WIDEST = 11  # inches
ALMOST_GREY = 0.08  # difference of the parts of red, green and blue of the theme's greys
MADE = {"figure_26": of_sizes, "figure_30": of_corruption, "figure_32": two_lines, "figure_33": networks}
MADE |= {"figure_29": lambda: results_of(noisy_lines()), "figure_34": lambda: results_of(linear_networks())}
MADE |= {"figure_41": lambda: made_lines([[0.0, 0.0, 0.004, 0.003], [0.05, 0.04, 0.06, 0.06], [0.0] * 4])}


@cache
def drawn(name):
    """Return a figure as other tests draw it where they do: each is drawn once a process."""
    if name in COMMON:
        return test_drawings.drawn(name)
    return (
        test_landscape.drawn(name) if name in OF_LANDSCAPES else draw(name, MADE[name]() if name in MADE else results())
    )


def colours(figure):
    """Return the colours of all lines, points, bars and words of a figure, but not those of colour maps."""
    found = []
    for artist in figure.findobj(lambda one: isinstance(one, Line2D | mpl.text.Text)):
        found.append(artist.get_color())
        if isinstance(artist, Line2D):
            found += [artist.get_markerfacecolor(), artist.get_markeredgecolor()]
    for artist in figure.findobj(lambda one: isinstance(one, PathCollection | LineCollection | mpl.patches.Patch)):
        if isinstance(artist, mpl.patches.Patch) or artist.get_array() is None:
            found += [*np.atleast_2d(mpl.colors.to_rgba_array(artist.get_facecolor()))]
            found += [*np.atleast_2d(mpl.colors.to_rgba_array(artist.get_edgecolor()))]
    return [one for one in found if not isinstance(one, str) or one not in ("none", "auto")]


@cache
def declared():
    """Return the colours of verdicts, and that of a min Delta of 0 on the heatmap, which its legend shows."""
    colours = (MONOTONE, NON_MONOTONE, MAPS["min_delta"](0.0)[:3])
    return {tuple(round(float(part), 3) for part in colour) for colour in colours}


def outside(figure):
    """Return the colours of a figure that are neither a verdict's nor a grey."""
    found = {tuple(round(float(part), 3) for part in to_rgb(colour)) for colour in colours(figure)}
    return {colour for colour in found if max(colour) - min(colour) > ALMOST_GREY and colour not in declared()}


@pytest.mark.parametrize("name", figures())
def test_every_mark_is_blue_orange_or_grey_and_the_figure_fits_a_page(name):
    figure = drawn(name).figure
    assert figure.get_figwidth() <= WIDEST
    columns = {ax.get_subplotspec().colspan.start for ax in panels(drawn(name)) if ax.get_subplotspec()}
    assert len(columns) <= 2
    assert outside(figure) == set()
    for ax in figure.axes:
        for bundle in ax.collections:
            if isinstance(bundle, mpl.collections.QuadMesh | mpl.contour.QuadContourSet):
                assert bundle.get_cmap().name == "from_list" or bundle.get_cmap() in MAPS.values()


def test_another_colour_is_found():
    figure = mpl.figure.Figure()
    figure.subplots().plot([0, 1], color="tab:red")
    assert outside(figure) == {tuple(round(part, 3) for part in to_rgb("tab:red"))}


def test_kinds_of_line_have_dashes_of_their_own_and_own_lines_are_solid():
    assert LINE_STYLES[OWN_KIND] == ""
    assert len(set(LINE_STYLES.values())) == len(LINE_STYLES)


CURVES = ["figure_02", "figure_04", "figure_06", "figure_08", "figure_11", "figure_20", "figure_21", "figure_24"]
CURVES += ["figure_27", "figure_28", "figure_37", "figure_38"]


@pytest.mark.parametrize("name", CURVES)
def test_panels_with_a_non_monotone_line_have_triangles_and_a_strip_that_ends_at_min_delta(name):
    for ax in panels(drawn(name)):
        risen = [line for line in ax.lines if to_rgb(line.get_color()) == NON_MONOTONE and len(line.get_xdata()) > 2]
        strips = [child for child in ax.child_axes if child.get_label() == "<strip>"]
        assert len(strips) == (1 if risen else 0)
        if risen:
            assert strips[0].get_yscale() == "log"
            assert len(points(ax)) == len(risen)
            tops = [line.get_ydata()[0] for line in strips[0].lines if line.get_marker() == "^"]
            wanted = [max(value - min(y[: place + 1]) for place, value in enumerate(y)) for y in map(heights, risen)]
            np.testing.assert_allclose(sorted(tops), sorted(wanted), rtol=1e-6)


def heights(line):
    return [float(value) for value in line.get_ydata()]


def test_the_largest_rise_so_far_never_falls_and_is_of_its_own_line():
    losses = pd.Series([2.0, 1.0, 1.5, 1.2, 2.5, 3.0, 2.0, 1.0, 1.0, 0.0])
    lines = pd.Series(["a"] * 5 + ["b"] * 5)
    assert list(largest_rises(losses, [lines])) == [0, 0, 0.5, 0.5, 1.5, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("name", figures())
def test_the_finding_is_a_sentence_that_follows_from_the_csv(name):
    item, drawing = figures()[name], drawn(name)
    sentence = item.sentence(thinned(drawing.data)[0])
    assert item.finding is not None
    assert sentence[-1] == "."
    assert sentence[0].isupper() or sentence[0].isdigit()
    assert "nan" not in sentence
    assert sentence == item.finding(drawing.data), "rounding changes what is found"
    nothing = item.sentence(thinned(drawing.data.head(0))[0])
    assert nothing[-1] == "."


COUNTED = [f"figure_{number:02}" for number in (2, 4, 5, 6, 8, 11, 12, 13, 14, 16, 18, 20, 21, 24, 26, 30, 37, 38)]


@pytest.mark.parametrize("name", COUNTED)
def test_the_csv_gives_the_counts_in_the_titles(name):
    data = pd.read_csv(io.BytesIO(thinned(drawn(name).data)[0]))
    for column, kept in (("status", "converged"), ("curve", "line")):
        data = data[data[column] == kept] if column in data else data
    data = data[data["kind"] != OWN_KIND] if "kind" in data else data
    seen = 0
    for title in titles(drawn(name)):
        first = re.sub(": (distance|Gauss length)$", "", title.split("\n")[0])
        panel = next((one for one in data["panel"].unique() if one == first), None)
        found = re.search(r"(\d+) of (\d+) non-monotone", " ".join(title.split("\n")[1:]))
        if panel is None or found is None:
            continue
        rows = distinct(data[data["panel"] == panel])
        assert (int((~rows["monotonic"].astype(bool)).sum()), len(rows)) == tuple(map(int, found.groups()))
        seen += 1
    assert seen


@pytest.mark.parametrize("name", ["figure_06", "figure_08", "figure_20", "figure_21", "figure_37", "figure_38"])
def test_the_losses_in_the_csv_give_its_verdicts(name):
    data = pd.read_csv(io.BytesIO(thinned(drawn(name).data)[0]))
    lines = [data[name] for name in ("panel", "line", "start_run_id", "run_id", "draw", "part")]
    rises = largest_rises(data["train_loss"], lines).groupby(lines, dropna=False).max()
    verdicts = data["monotonic"].groupby(lines, dropna=False).first()
    tolerance = 0.0 if name in ("figure_06", "figure_20") else 0.001
    assert ((rises <= tolerance) == verdicts).all()
