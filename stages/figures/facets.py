"""Panels of tidy frames: a seaborn `FacetGrid` with counts as titles, a title above, legend and note below."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stages.figures.rises import mark_rises
from stages.figures.style import GREY, MANY, MONOTONE, NON_MONOTONE
from stages.figures.words import limit
from stages.results.results import Results
from stages.results.rows import converged

PANEL = "panel"
WIDTH = {1: 6.0, 2: 9.0}
"""Inches across a figure, by its number of columns."""
VERDICT = {"hue": "monotonic", "hue_order": [True, False], "palette": {True: MONOTONE, False: NON_MONOTONE}}
"""Arguments of seaborn's functions that colour a mark by the verdict on its line."""
MARKS = {"style": "monotonic", "style_order": [True, False], "markers": {True: "o", False: "^"}}
POINTS = VERDICT | MARKS | {"s": 26, "alpha": 0.65, "linewidth": 0, "clip_on": False, "zorder": 3, "legend": False}
"""Arguments of `seaborn.scatterplot` for one point a line: a blue circle if it is monotone, else an orange triangle."""
LINES = VERDICT | {
    "units": "run_id",
    "estimator": None,
    "errorbar": None,
    "alpha": 0.6,
    "lw": 1.0,
    "rasterized": True,
    "legend": False,
}
"""Arguments of `seaborn.lineplot` for curves of single lines."""


class Facets(sns.FacetGrid):
    """Panels of a tidy frame, one for each value of its column `panel`, wrapped into columns."""

    def __init__(
        self, frame: pd.DataFrame, titles: Mapping[str, str], columns: int = 2, height: float = 3.0, **options: object
    ) -> None:
        """Make the panels, empty but for their titles.

        Args:
            frame: What will be drawn, with a column `panel`.
            titles: The panels in their order, those without a row of `frame` too: what each shows, and the counts
                that stand below it in smaller letters.
            columns: Number of panels side by side, at most 2.
            height: Inches from one panel to the next below it.
            options: Arguments of `seaborn.FacetGrid`, such as `sharey`.
        """
        titles = dict(titles) or {"no run": "0 shown"}
        columns = min(columns, len(titles), 2)
        look = {"col_order": list(titles), "col_wrap": columns, "height": height, "despine": False}
        super().__init__(frame, col=PANEL, aspect=WIDTH[columns] / columns / height, **look, **options)
        plt.close(self.figure)  # pyplot would keep it open; the figure itself stays
        for (title, counts), ax in zip(titles.items(), self.axes.flat, strict=True):
            ax.set_title("")
            heading(ax, title, counts)

    def tight_layout(self, *_: object, **__: object) -> "Facets":
        """Do nothing: the constrained layout, which `compose` sets, keeps room for titles and legends."""
        return self

    def parts(self) -> Iterator[tuple[Axes, str, pd.DataFrame]]:
        """Go over the panels: each with its name and the rows of the frame that belong there."""
        for (_, place, _), part in self.facet_data():
            yield self.axes.flat[place], self.col_names[place], part

    def scatter(self, x: str, y: str, empty: str = "no converged run", **look: object) -> None:
        """Draw a point for each row, in the look of its verdict unless `look` says otherwise.

        Args:
            x: Column of the places.
            y: Column of the heights.
            empty: Written in panels without a point.
            look: Arguments of `seaborn.scatterplot` that differ from `POINTS`.
        """
        for ax, _, part in self.parts():
            if part.empty:
                say(ax, empty)
            else:
                look = POINTS | {"rasterized": len(self.data) > MANY} | look
                sns.scatterplot(part.astype({x: float, y: float}), x=x, y=y, ax=ax, **look)
            ax.set(xlabel="", ylabel="")

    def curves(
        self, x: str, y: str, empty: str | Mapping[str, str] = "no converged run", marks: bool = True, **look: object
    ) -> None:
        """Draw a curve for each run, in the colour of its verdict unless `look` says otherwise.

        Args:
            x: Column of the places, such as `alpha`.
            y: Column of the heights, such as a loss.
            empty: Written in panels without a curve; by panel where they differ.
            marks: Whether a triangle marks where a non-monotone line has risen most.
            look: Arguments of `seaborn.lineplot` that differ from `LINES`; `units` tells the curves of a panel apart.
        """
        for ax, name, part in self.parts():
            if part.empty:
                say(ax, empty if isinstance(empty, str) else empty.get(name, "no converged run"))
            else:
                sns.lineplot(part.astype({x: float, y: float}), x=x, y=y, ax=ax, **(LINES | look))
                if marks:
                    mark_rises(ax, part, x, y)
            ax.set(xlabel="", ylabel="")


def panels(rows: int, columns: int, height: float = 3.2, **options: object) -> tuple:
    """Return a figure of empty panels for what is drawn by hand, and the panels in shape (rows, columns)."""
    figure = Figure(figsize=(WIDTH[columns], rows * height))
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def heading(ax: Axes, title: str, counts: str) -> None:
    """Write above a panel what it shows and, below that and smaller, its counts, both broken to its width."""
    inches = ax.figure.get_figwidth() / ax.get_subplotspec().get_gridspec().ncols - 0.9
    title = "\n".join(textwrap.wrap(title, int(13.5 * inches), break_on_hyphens=False))
    counts = "\n".join(line for long in counts.split("\n") for line in textwrap.wrap(long, int(15.5 * inches)))
    ax.set_title(counts, fontsize=8.5, color=GREY, loc="left")
    lines = counts.count("\n") + 1 if counts else 0
    ax.set_title(title + "\n" * lines, fontsize=10, x=0, ha="left")  # a title's width does not narrow the panel


def say(ax: Axes, text: str) -> None:
    """Write in a panel why it is empty."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=GREY)


def verdict_entries(rows: pd.DataFrame, lines: bool = False) -> list[Line2D]:
    """Return legend entries for monotone and non-monotone with their numbers, as points or as lines.

    Args:
        rows: Rows of `Results.lines`, of which the converged count.
        lines: Whether the figure shows curves, not points.
    """
    verdicts = converged(rows)["monotonic"].astype(bool)
    entries = []
    for name, number, colour, marker in (
        ("monotone", int(verdicts.sum()), MONOTONE, "o"),
        ("non-monotone", int((~verdicts).sum()), NON_MONOTONE, "^"),
    ):
        look = {"ls": "-" if lines else "", "marker": "" if lines and marker == "o" else marker}
        entries.append(Line2D([], [], color=colour, label=f"{name} ({number})", **look))
    return entries


def tolerance_entry(results: Results) -> Line2D:
    """Return the legend entry of the line that `rise_axis` draws at the tolerance."""
    return Line2D([], [], color=GREY, lw=0.8, ls=":", label=f"tolerance {limit(results, 'tolerance')}")


def compose(figure: Figure, title: str, note: str, entries: Sequence[Artist] = (), legend_title: str = "") -> None:
    """Write a title above the panels of a figure, and a legend and a note below them; the figure grows for these.

    Args:
        figure: The figure, as high as its panels.
        title: What the figure shows.
        note: What a reader must know to read it; broken into lines.
        entries: Entries of the legend.
        legend_title: Stands above the legend's entries.
    """
    width = figure.get_figwidth()
    above = textwrap.wrap(title, int(width * 11), break_on_hyphens=False)
    below = textwrap.wrap(note, int(width * 15), break_on_hyphens=False)
    longest = max((len(str(entry.get_label())) for entry in entries), default=0)
    across = max(1, min(len(entries), int(width * 11 / (longest + 7))))
    rows = -(-len(entries) // across) + bool(legend_title)
    note_height = 0.1 + 0.165 * len(below)
    foot = note_height + (0.08 + 0.215 * rows if entries else 0)
    height = figure.get_figheight() + foot + 0.25 * len(above)
    figure.set_figheight(height)
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.07, rect=(0, foot / height, 1, 1 - foot / height))
    figure.suptitle("\n".join(above), fontsize=11.5, x=0.01, ha="left")
    look = {"fontsize": 8.5, "color": GREY, "x": 0.01, "y": (note_height - 0.06) / height, "ha": "left", "va": "top"}
    figure.supxlabel("\n".join(below), **look).set_in_layout(False)
    if entries:
        place = {"loc": "upper left", "bbox_to_anchor": (0, foot / height), "alignment": "left", "borderpad": 0.2}
        figure.legend(handles=list(entries), ncols=across, title=legend_title or None, fontsize=9, **place)
