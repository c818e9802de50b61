"""Where lines rise: a triangle on each non-monotone line, and below a panel a strip of the largest rise so far."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from stages.figures.style import GREY, MONOTONE, NON_MONOTONE, OWN_KIND, line_style
from stages.results.results import Results

STRIP = "largest rise\nso far"
STRIPS = (
    "Strips below panels with a non-monotone line: the largest rise of the loss up to each α, which ends at "
    "min\u00a0Δ; dotted: the tolerance."
)
"""Sentence for the note below every figure with strips."""
HEIGHT, GAP = 0.75, 0.1
"""Height of a strip and the gap above it in inches."""
MANY = 100
"""Lines in a strip above which they are rasterised."""


def mark_rises(ax: Axes, curves: pd.DataFrame, x: str, y: str) -> None:
    """Draw a triangle on each non-monotone line, where it lies farthest above its lowest point before.

    Args:
        ax: The panel.
        curves: Its curves, one place a row, in order; runs are told apart by `run_id`.
        x: Column of the places.
        y: Column of the heights.
    """
    risen = curves[~curves["monotonic"].astype(bool)]
    rises = risen[y] - risen.groupby("run_id")[y].cummin()
    tops = risen.loc[rises.groupby(risen["run_id"]).idxmax()]
    ax.scatter(tops[x], tops[y], s=22, marker="^", color=NON_MONOTONE, zorder=3, clip_on=False)


def largest_rises(losses: pd.Series, lines: Sequence[pd.Series]) -> pd.Series:
    """Return the largest rise of the loss up to each point of lines: it ends at min Delta.

    Args:
        losses: Losses in the order of alpha, one point a row.
        lines: Columns that tell the lines apart.

    Returns:
        For each point the largest L(b) - L(a) of its line with a <= b <= alpha, at least 0.
    """
    rises = losses - losses.groupby(lines, dropna=False, sort=False).cummin()
    return rises.groupby(lines, dropna=False, sort=False).cummax()


def add_strips(
    results: Results,
    parts: Iterable[tuple[Axes, pd.DataFrame]],
    identity: Sequence[str],
    loss: str = "train_loss",
    kind: str = "",
) -> bool:
    """Draw below panels the largest rise so far by alpha, on a log scale that all panels share.

    Most rises cannot be seen at the scale of the loss. A panel without a non-monotone line has no strip. The figure
    grows by the strips.

    Args:
        results: The pooled suites, whose tolerances are drawn as dotted lines.
        parts: The panels, each with its lines, one point a row in the order of alpha, with columns `alpha` and
            `monotonic`.
        identity: Columns that tell the lines of a panel apart.
        loss: Column of the losses.
        kind: Column of the kinds of line, of `LINE_STYLES`; without it all are own lines.

    Returns:
        Whether some strip is drawn.
    """
    panels = []
    for ax, part in parts:
        lines = [part[name] for name in identity]
        rises = largest_rises(part[loss].astype(float), lines)
        panels.append((ax, part.assign(rise=rises, line=part.groupby(list(identity), dropna=False).ngroup())))
    risen = [part[~part["monotonic"].astype(bool)].groupby("line")["rise"].max() for _, part in panels]
    risen = pd.concat(risen) if risen else pd.Series(dtype=float)
    if not (risen > 0).any():
        return False
    tolerances = sorted(set(results.limits("tolerance").values()))
    smallest = min([risen[risen > 0].min(), *(value for value in tolerances if value > 0)])
    bottom = 10.0 ** np.floor(np.log10(smallest / 1.5))  # a decade, so that the axis has a tick
    panels = [(ax, part) for ax, part in panels if not part["monotonic"].astype(bool).all()]
    for ax, part in panels:
        _draw_strip(ax, part, kind, (bottom, 2 * risen.max()), tolerances)
    figure = panels[0][0].figure
    rows = {ax.get_subplotspec().rowspan.start for ax, _ in panels}
    figure.set_figheight(figure.get_figheight() + len(rows) * (HEIGHT + GAP))
    return True


def _draw_strip(ax: Axes, part: pd.DataFrame, kind: str, limits: tuple[float, float], tolerances: list[float]) -> None:
    """Draw the strip below a panel, which takes over the panel's horizontal axis."""
    inches = ax.figure.dpi_scale_trans + ScaledTranslation(0, 0, ax.transAxes)  # upwards from the panel's lower edge
    place = {"transform": blended_transform_factory(ax.transAxes, inches)}
    strip = ax.inset_axes([0, -HEIGHT - GAP, 1, HEIGHT], sharex=ax, label="<strip>", **place)
    few = part["line"].nunique() <= MANY
    for _, line in part.groupby("line", sort=False):
        if not line["rise"].max() > limits[0]:
            continue
        steep = line["rise"].clip(lower=limits[0] / 10)
        monotone = bool(line["monotonic"].iloc[0])
        name = line[kind].iloc[0] if kind else OWN_KIND
        look = {"color": MONOTONE if monotone else NON_MONOTONE, "ls": line_style(name), "alpha": 0.7}
        strip.plot(line["alpha"], steep, lw=0.9, rasterized=not few, **look)
        if not monotone:
            top = line["alpha"].iloc[int(np.argmax(line["rise"]))]
            strip.plot(top, line["rise"].max(), marker="^", ms=4, color=NON_MONOTONE, clip_on=False, zorder=3)
    for value in tolerances:
        if value > 0:
            strip.axhline(value, color=GREY, lw=0.8, ls=":", zorder=1)
    strip.set(yscale="log", ylim=limits, xlabel=ax.get_xlabel())
    strip.yaxis.set_major_locator(LogLocator(10, numticks=4))
    strip.yaxis.set_minor_locator(NullLocator())
    strip.tick_params(labelsize=8)
    strip.set_ylabel(STRIP, fontsize=8.5)
    ax.tick_params(labelbottom=False)
    ax.set_xlabel("")
