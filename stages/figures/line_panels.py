"""Panels of losses along lines of several kinds: colour is the verdict, line style the kind of line."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from stages.figures.facets import LINES, PANEL, Facets, compose, say
from stages.figures.outputs import Drawing
from stages.figures.rises import STRIPS, add_strips, mark_rises
from stages.figures.style import GREY, LINE_STYLES, MONOTONE, NON_MONOTONE, OWN_KIND, ends, line_style, loss_axis
from stages.figures.words import explain, unit
from stages.results.results import Results
from stages.results.rows import curve_table

NOTE = (
    "Own line: from a run's initial to its trained weights. Triangles: where a non-monotone line has risen most above "
    "its lowest loss before."
)
"""Sentences for the note below every figure of such lines."""
IDENTITY = ["suite", "line", "start_run_id", "run_id", "draw", "part"]
COLUMNS = [*IDENTITY, "min_delta", "monotonic", "alpha", "train_loss"]
"""Columns that a figure of lines saves; they tell panels and kinds of line apart."""
LABEL = "α (0 = start of the line, 1 = its end)"
FEW = 8
"""Lines in a panel up to which they are drawn broader."""
LABEL_GAP = 0.06
"""Share of a panel's height by which the names of neighbouring lines are apart."""


def curves_frame(results: Results, groups: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the training losses along lines, one row for each alpha of each line.

    Args:
        results: The pooled suites.
        groups: Rows of `Results.lines` or `Results.other_lines` with finite losses; `kind` says what kind of line they
            are, `panel` in which panel they are drawn, and `name` what is written beside a line, if there is.

    Returns:
        `COLUMNS` with these and the kind of `loss`.
    """
    columns = [PANEL, "kind", "name", "loss", *COLUMNS[:-2]]
    parts = [group.reindex(columns=columns).astype(object) for group in (results.lines().head(0), *groups)]
    rows = (
        pd.concat(parts, ignore_index=True)
        .infer_objects()
        .astype({"draw": float, "min_delta": float, "monotonic": bool})
    )
    return curve_table(results, rows, {"train_loss": "loss_train"}, columns)


def line_figure(
    results: Results,
    titles: Mapping[str, tuple[str, str]],
    groups: Sequence[pd.DataFrame],
    columns: int,
    words: tuple[str, str],
    label: str = LABEL,
) -> Drawing:
    """Draw panels of lines, and runs' own lines beside them.

    Args:
        results: The pooled suites.
        titles: By panel: the counts below its title, and the text in it if it has no lines.
        groups: What is drawn, as `curves_frame` takes it; kinds are those of `LINE_STYLES`.
        columns: Number of panels side by side, at most 2.
        words: The figure's title, and the note below it.
        label: Label of the horizontal axes.

    Returns:
        The drawing. Its data are the losses of all lines.
    """
    title, note = words
    frame = curves_frame(results, groups)
    counts = {panel: text for panel, (text, _) in titles.items()}
    facets = Facets(frame, counts, columns, sharex=False, sharey=False)
    for ax, panel, part in facets.parts():
        if part.empty:
            say(ax, titles[panel][1])
            ax.set(xlim=(0, 1), ylabel="training loss")
        else:
            draw_lines(ax, part)
            name_lines(ax, part)
        ax.set_xlabel(label)
    drawn = [(ax, part) for ax, _, part in facets.parts() if len(part)]
    strips = add_strips(results, drawn, IDENTITY, kind="kind")
    note = f"{note} {NOTE}{f' {STRIPS}' if strips else ''} {explain(results)}"
    compose(facets.figure, title, note, line_entries(frame["kind"].unique()))
    return Drawing(facets.figure, frame[[PANEL, "kind", *COLUMNS]])


def draw_lines(ax: Axes, frame: pd.DataFrame) -> None:
    """Draw lines, and a triangle where each non-monotone one has risen most.

    Args:
        ax: The panel.
        frame: Some rows of `curves_frame`.
    """
    frame = frame.assign(number=frame.groupby(IDENTITY, dropna=False, sort=False).ngroup())
    width = 1.4 if frame["number"].nunique() <= FEW else 0.9
    dashes = {kind: dash for kind, dash in LINE_STYLES.items() if kind in set(frame["kind"])}
    kinds = {"style": "kind", "style_order": list(dashes), "dashes": dashes}
    widths = {"size": "kind", "sizes": {kind: 1.8 if kind == OWN_KIND else width for kind in dashes}}
    look = {name: value for name, value in LINES.items() if name != "lw"} | kinds | widths
    sns.lineplot(frame, x="alpha", y="train_loss", ax=ax, **look | {"units": "number"})
    for line in ax.lines:
        if not line.is_dashed():
            line.set(alpha=1, zorder=3, path_effects=[withStroke(linewidth=3.2, foreground="white")])
    mark_rises(ax, frame.assign(run_id=frame["number"]), "alpha", "train_loss")
    starts = frame["train_loss"][frame["kind"] == OWN_KIND].head(1)
    more = loss_axis(ax, starts.max(), frame["train_loss"].max())
    ax.set(xlim=ends(frame), ylabel=f"training loss{unit(frame)}{more}")


def line_entries(kinds: Iterable[str]) -> list[Line2D]:
    """Return legend entries for the verdicts and for kinds of line, in the order of `LINE_STYLES`."""
    present = set(kinds)
    looks = [Line2D([], [], color=GREY, ls=line_style(kind), label=kind) for kind in LINE_STYLES if kind in present]
    return [
        Line2D([], [], color=MONOTONE, label="monotone"),
        Line2D([], [], color=NON_MONOTONE, marker="^", label="non-monotone"),
        *looks,
    ]


def name_lines(ax: Axes, frame: pd.DataFrame) -> None:
    """Write the name of each line beside its start or its end, whichever are farther apart, without overlaps.

    Args:
        ax: The panel, which has the limits and the scale that it keeps.
        frame: Some rows of `curves_frame`, which the panel shows; lines without a `name` get none.
    """
    named = {at: frame[frame["alpha"] == at].dropna(subset="name") for at in ends(frame)}
    heights = {at: _heights(ax, rows["train_loss"]) for at, rows in named.items()}
    if not any(map(len, named.values())):
        return
    at = max(named, key=lambda one: np.ptp(heights[one]))
    left = at == frame["alpha"].min()
    order = np.argsort(heights[at])
    places = heights[at][order]
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + LABEL_GAP)
    places = places.clip(None, 0.96 - LABEL_GAP * np.arange(len(places))[::-1])
    for place, row in zip(places, named[at].iloc[order].itertuples(), strict=True):
        colour = MONOTONE if row.monotonic else NON_MONOTONE
        ax.annotate(
            row.name,
            (at, row.train_loss),
            (0.08 if left else 0.92, place),
            textcoords="axes fraction",
            ha="left" if left else "right",
            va="center",
            fontsize=8,
            color=colour,
            zorder=5,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.5, "shrinkA": 0, "shrinkB": 0},
        )


def _heights(ax: Axes, losses: pd.Series) -> np.ndarray:
    """Return where losses are on a panel, as shares of its height."""
    points = np.column_stack([np.zeros(len(losses)), losses.to_numpy(float)])
    return ax.transAxes.inverted().transform(ax.transData.transform(points))[:, 1]
