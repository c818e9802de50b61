"""Figure 42 and table 13: how often a line fails, by the kind of failure, the distance travelled and the optimizer."""

from textwrap import wrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from stages.figures.declare import figure, table
from stages.figures.facets import say
from stages.figures.outputs import Drawing, Table
from stages.figures.style import GREY, NON_MONOTONE
from stages.figures.tables import markdown
from stages.figures.words import explain, left_out, optimizer_name, optimizers, split, subject
from stages.measures.proportion import wilson
from stages.results.failures import (
    AT_END,
    DISTANCE_BINS,
    DISTANCE_EDGES,
    KINDS,
    NEAR_START,
    START,
    distance_bins,
    failure_kinds,
)
from stages.results.results import Results
from stages.results.rows import converged

ANY = "any"
"""Name of all kinds of failure together."""
LOOKS = {
    ANY: {"color": NON_MONOTONE, "marker": "^", "lw": 2.6, "ms": 9},
    KINDS[0]: {"color": "0.35", "marker": "<", "lw": 1.6, "ms": 7},
    KINDS[1]: {"color": "0.5", "marker": "D", "lw": 1.6, "ms": 5},
    KINDS[2]: {"color": "0.1", "marker": ">", "lw": 1.6, "ms": 7},
}
"""Line and mark of each kind of failure."""


def failure_rates(rows: pd.DataFrame, by: pd.Series, places: tuple[str, ...], confidence: float) -> pd.DataFrame:
    """Return the share of lines that fail in each way.

    Args:
        rows: Rows of `Results.lines` of converged runs.
        by: The group of each row, with the index of the rows.
        places: Names of the groups, in their order.
        confidence: Confidence level of the intervals, such as 0.95.

    Returns:
        One row a kind of failure and group that has lines: `failure` (`any` or one of `KINDS`), `group`, `lines`,
        `failures`, `share`, and its Wilson interval `low` to `high`.
    """
    kinds = failure_kinds(rows)
    cells = []
    for kind in LOOKS:
        failed = ~rows["monotonic"].astype(bool) if kind == ANY else kinds == kind
        for place in places:
            here = (by == place).to_numpy()
            lines, failures = int(here.sum()), int((failed & here).sum())
            if lines:
                low, high = wilson(failures, lines, confidence)
                cells.append((kind, place, lines, failures, failures / lines, low, high))
    return pd.DataFrame(cells, columns=["failure", "group", "lines", "failures", "share", "low", "high"])


def draw_failure_rates(ax: Axes, cells: pd.DataFrame, places: tuple[str, ...], size: float = 10) -> None:
    """Draw the share of failing lines by group, one line a kind of failure, each named at its right end.

    Args:
        ax: The panel.
        cells: Rows of `failure_rates`.
        places: Names of the groups, from left to right.
        size: Size of the letters in points.
    """
    ends = {}
    for place, (kind, look) in enumerate(LOOKS.items()):
        own = cells[cells["failure"] == kind]
        x = own["group"].map(places.index).to_numpy(float) + 0.04 * (place - 1.5)
        share = own["share"].to_numpy(float)
        reach = np.stack([own["share"] - own["low"], own["high"] - own["share"]]).clip(0)
        ax.errorbar(x, share, reach, capsize=3, elinewidth=1, clip_on=False, zorder=5 if kind == ANY else 4, **look)
        if len(own):
            ends[kind] = share[-1]
    last = max((places.index(group) for group in cells["group"]), default=0)
    top = float(cells["high"].max()) if len(cells) else 1.0
    for kind, height in _apart(ends, 0.055 * top / 0.5).items():
        label = "any failure" if kind == ANY else kind
        ax.text(last + 0.15, height, label, color=LOOKS[kind]["color"], va="center", size=size, weight="bold")
    totals = cells[cells["failure"] == ANY].set_index("group")["lines"]
    ax.set_xticks(range(len(places)), [f"{place}\n{totals.get(place, 0)} lines" for place in places], size=size)
    ax.set(xlim=(-0.3, len(places) - 0.05), ylim=(-0.02 * top, 1.05 * top))
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.tick_params(axis="y", labelsize=size)


def _apart(heights: dict[str, float], gap: float) -> dict[str, float]:
    """Return heights in ascending order that are moved up where they are nearer to each other than a gap."""
    moved: dict[str, float] = {}
    lowest = -np.inf
    for name, height in sorted(heights.items(), key=lambda entry: entry[1]):
        lowest = moved[name] = max(height, lowest + gap)
    return moved


def short_and_long(cells: pd.DataFrame) -> str:
    """Say how many lines fail in the two bins of short distances, and how many in the two of long ones.

    Args:
        cells: The data of figure 42.

    Returns:
        A sentence.
    """
    known = cells[cells["failure"] == ANY].set_index("normalized_distance")[["lines", "failures"]]
    short, long = (known[known.index.isin(bins)].sum() for bins in (DISTANCE_BINS[:2], DISTANCE_BINS[2:]))
    edge = f"{DISTANCE_EDGES[2]:g} |θ₀|"
    return (
        f"Of {int(short['lines'])} lines shorter than {edge} {int(short['failures'])} fail, of {int(long['lines'])} "
        f"longer ones {int(long['failures'])}."
    )


def kinds_in_all(cells: pd.DataFrame) -> str:
    """Say how many lines fail in each way, given the data of table 13."""
    known = cells[cells["optimizer"] == "all"].set_index("failure")
    if known.empty:
        return "No run has converged."
    counts = ", ".join(f"{int(known['failures'][kind])} {kind}" for kind in KINDS)
    return f"Of {int(known['lines'][ANY])} lines {int(known['failures'][ANY])} fail: {counts}."


@figure(
    42,
    "failure_rate_by_distance",
    shows="Share of lines that fail, by distance travelled and by where along the line the loss rises.",
    paper="Not in the paper, whose figure 5 shows min Δ against distance.",
    claims=("distance_decides", "short_lines_are_monotone", "failures_are_of_two_kinds"),
    finding=short_and_long,
)
def failure_rate_by_distance(results: Results) -> Drawing:
    """Draw the share of failing lines by bins of normalised distance, one line a kind of failure."""
    rows = results.lines()
    kept = converged(rows)
    kept = kept[kept["normalized_distance"].notna()]
    cells = failure_rates(kept, distance_bins(kept).astype(object), DISTANCE_BINS, results.measure.confidence)
    drawing, ax = plt.subplots(figsize=(9, 5), layout="constrained")
    plt.close(drawing)
    draw_failure_rates(ax, cells, DISTANCE_BINS)
    if cells.empty:
        say(ax, "no converged run")
    ax.set(ylabel="share of lines that fail", xlabel="distance from initial to final weights, over |θ₀|")
    data = cells.rename(columns={"group": "normalized_distance"})
    ax.set_title(short_and_long(data), loc="left", size=11, weight="bold")
    note = (
        f"{subject(rows)}: {split(rows)}; {left_out(rows)}. A failure is near the start if its largest rise tops out "
        f"below α = {NEAR_START:g}, at the end if above {AT_END:g}. Bars: {100 * results.measure.confidence:g} % "
        "Wilson intervals."
    )
    drawing.supxlabel("\n".join(wrap(note, 140)), x=0.01, ha="left", size=8.5, color=GREY)
    return Drawing(drawing, data)


@table(
    13,
    "failures_by_kind",
    shows="Lines that fail near the start, in between and at the end, by optimizer.",
    paper="Not in the paper.",
    claims=("failures_are_of_two_kinds", "optimizers_fail_in_their_own_way"),
    finding=kinds_in_all,
)
def failures_by_kind(results: Results) -> Table:
    """Table 13: a row for each optimizer and one for all, a column for each kind of failure.

    Args:
        results: The pooled suites.

    Returns:
        Tidy: one row an optimizer and kind of failure, with counts, share and interval. Markdown: failures with their
        share of all converged runs' lines.
    """
    rows = results.lines()
    kept = converged(rows)
    names = tuple(optimizers(kept))
    confidence = results.measure.confidence
    cells = failure_rates(kept, kept["optimizer"].astype(str), names, confidence)
    everything = failure_rates(kept, pd.Series("all", index=kept.index), ("all",), confidence)
    cells = pd.concat([cells, everything], ignore_index=True).rename(columns={"group": "optimizer"})
    lines = []
    for name in [*names, "all"]:
        own = cells[cells["optimizer"] == name].set_index("failure")
        if len(own):
            counts = [f"{own['failures'][kind]} ({100 * own['share'][kind]:.1f} %)" for kind in (*KINDS, ANY)]
            lines.append([name if name == "all" else optimizer_name(name), str(own["lines"][ANY]), *counts])
    head = ["optimizer", "lines", *KINDS, "any failure"]
    note = (
        f"In a cell: failures, and their share of the lines of converged runs. A failure is {START} if its largest "
        f"rise tops out below α = {NEAR_START:g}, {KINDS[2]} if above {AT_END:g}. {explain(results)} {left_out(rows)}."
    )
    return Table(cells, markdown(f"Failures by kind: {subject(rows)}", 1, head, lines, note))
