"""The forest plot as a picture, for pages that cannot draw."""

from collections.abc import Sequence
from textwrap import shorten

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stages.figures.style import THEME
from stages.reporting.forest import ForestGroup
from stages.reporting.judged_claim import interval
from stages.reporting.png import png_bytes
from stages.reporting.verdict_looks import look_of, marked

WIDTH, ROW, GAP, TOP = 11.0, 0.26, 0.85, 0.5
"""Inches: of the picture, a claim, what stands between two groups, and the legend."""
LEFT, RIGHT = 0.45, 0.7
"""Ends of the axes, as shares of the width; statements stand to the left, numbers to the right."""


def forest_picture(groups: Sequence[ForestGroup]) -> bytes:
    """Draw the forest plot.

    Args:
        groups: The claims by kind of effect.

    Returns:
        The bytes of a PNG picture.
    """
    heights = [ROW * (len(group.rows) + 0.5) for group in groups]
    total = TOP + sum(heights) + GAP * max(len(groups), 1)
    with mpl.rc_context(THEME | {"axes.grid": False}):
        drawing = Figure((WIDTH, total))
        top = total - TOP
        for group, height in zip(groups, heights, strict=True):
            top -= 0.35
            axes = drawing.add_axes((LEFT, (top - height) / total, RIGHT - LEFT, height / total))
            _draw(axes, group)
            top -= height + GAP - 0.35
        entries = [
            Line2D([], [], color="0.2", marker="o", ms=5, lw=1.5, label="effect here, with its interval"),
            Line2D([], [], color="#c2185b", marker="|", ms=11, mew=2.5, ls="", label="the paper's effect"),
            Line2D([], [], color="0.5", lw=1, ls="--", label="no effect"),
        ]
        drawing.legend(handles=entries, loc="upper left", ncols=3, fontsize=9)
        return png_bytes(drawing)


def _draw(ax: Axes, group: ForestGroup) -> None:
    ax.set(xlim=(0, 1), ylim=(len(group.rows) - 0.25, -0.75), yticks=[])
    ax.set_xticks([place for place, _ in group.ticks], [label for _, label in group.ticks], size=8)
    ax.spines[["left", "right", "top"]].set_visible(False)
    head = group.kind.name[0].upper() + group.kind.name[1:]
    ax.text(-0.02, -0.9, head, transform=ax.transData, ha="right", va="bottom", size=9.5, weight="bold")
    if group.null is not None:
        ax.axvline(group.null, color="0.5", lw=1, ls="--", zorder=1)
    for height, row in enumerate(group.rows):
        colour = look_of(row.judged.verdict).colour
        ax.plot([row.low, row.high], [height, height], color=colour, lw=1.5, zorder=3, clip_on=False)
        ax.plot(row.effect, height, "o", color=colour, ms=5, zorder=4, clip_on=False)
        if row.paper is not None:
            ax.plot(row.paper, height, "|", color="#c2185b", ms=11, mew=2.5, zorder=5, clip_on=False)
        statement = shorten(row.judged.claim.statement, 74, placeholder=" …")
        ax.text(-0.02, height, statement, ha="right", va="center", size=8.5)
        words = f"{interval(row.judged.found)}  {marked(row.judged.verdict)}"
        ax.text(1.02, height, words, ha="left", va="center", size=8.5, color=colour)
