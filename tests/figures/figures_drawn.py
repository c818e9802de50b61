"""What the tests of figures look at: a figure drawn in the theme, its panels, marks and words."""

import re

import matplotlib as mpl
from matplotlib.collections import LineCollection, PathCollection

from stages.figures.registry import figures
from stages.figures.style import THEME


def draw(name, made):
    with mpl.rc_context(THEME):
        return figures()[name].make(made)


def rehearse(drawing):
    """Do all that drawing does but for the layout, which is what takes time."""
    drawing.figure.set_layout_engine("none")
    drawing.figure.draw_without_rendering()


def panels(drawing):
    return [ax for ax in drawing.figure.axes if ax.get_label() != "<colorbar>"]


def titles(drawing):
    """Return each panel's title and the counts below it."""
    found = []
    for ax in panels(drawing):
        title = " ".join((ax.get_title() or _annotations(ax)[0]).split())
        found.append(f"{title}\n{_unbroken(ax.get_title(loc='left'))}")
    return found


def xlabel(ax):
    """Return the label of a panel's horizontal axis, which stands below its strip if it has one."""
    return ax.get_xlabel() or "".join(strip.get_xlabel() for strip in ax.child_axes)


def labelled(drawing):
    """Return whether some panel of each column names the horizontal axis, and some of each row the vertical one."""
    found = panels(drawing)
    columns, rows = ([getattr(ax.get_subplotspec(), span) for ax in found] for span in ("colspan", "rowspan"))
    across = {str(place) for place, ax in zip(columns, found, strict=True) if xlabel(ax)}
    upwards = {str(place) for place, ax in zip(rows, found, strict=True) if ax.get_ylabel()}
    return across == {str(place) for place in columns} and upwards == {str(place) for place in rows}


def said(ax):
    """Return what is written in the middle of a panel."""
    return [text.get_text() for text in ax.texts if text.get_position() == (0.5, 0.5)]


def texts(drawing):
    figure = drawing.figure
    written = [text.get_text() for ax in figure.axes for text in [*ax.texts, ax.title, ax._left_title]]
    return _unbroken("\n".join([*written, figure.get_suptitle(), figure.get_supxlabel()])).replace("\u00a0", " ")


def points(ax):
    """Return the points of a panel, sorted."""
    found = [offset for one in ax.collections if isinstance(one, PathCollection) for offset in one.get_offsets()]
    return sorted((float(x), float(y)) for x, y in found)


def segments(ax):
    """Return the lines of a panel's bundles."""
    return [line for one in ax.collections if isinstance(one, LineCollection) for line in one.get_segments()]


def curves_in(ax):
    """Return the curves of a panel, without the straight ones that mark a level."""
    return [line for line in ax.lines if len(line.get_xdata()) > 2]


def empty(ax):
    return not (points(ax) or segments(ax) or curves_in(ax))


def _unbroken(counts):
    """Return counts without the line breaks that narrow panels need."""
    return re.sub(r"diverged\s+left\s+out", "diverged left out", counts)


def _annotations(ax):
    return [text.get_text() for text in ax.texts if text.get_position() != (0.5, 0.5)]
