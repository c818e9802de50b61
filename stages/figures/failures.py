"""Figures 39 and 40: which lines fail by how far their runs travelled, and where along the line they rise."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D

from stages.figures import findings_of_lines, findings_of_numbers
from stages.figures.declare import figure
from stages.figures.facets import LINES, Facets, compose, say
from stages.figures.outputs import Drawing
from stages.figures.style import ALPHA, GREY, INK, NON_MONOTONE, shades
from stages.figures.words import explain, left_out, optimizer_name, optimizers, split, subject
from stages.results.counts import proportions
from stages.results.failures import AT_END, DISTANCE_BINS, KINDS, NEAR_START, distance_bins, failure_kinds
from stages.results.results import Results
from stages.results.rows import converged, curve_table

ALL = "all"
POOLED = "all suites"
CURVE_COLUMNS = [
    "panel",
    "kind",
    "suite",
    "run_id",
    "optimizer",
    "lr",
    "batch_norm",
    "min_delta",
    "bump_alpha",
    "monotonic",
]


@figure(
    39,
    "failure_by_distance",
    shows="Share of non-monotone lines by how far the run travelled.",
    paper="Not in the paper, whose figures 5 and 12 show min Δ against distance. Hardly a line fails that is shorter "
    "than three times the norm of the initial weights; beyond, more and more do, whatever the optimizer.",
    claims=("distance_decides", "short_lines_are_monotone"),
    finding=findings_of_numbers.by_bins,
)
def failure_by_distance(results: Results) -> Drawing:
    """Draw the share of non-monotone lines by bins of normalised distance, a panel for each suite and one for all."""
    rows = results.lines()
    rows = rows.assign(bin=distance_bins(rows).astype(object))
    suites = rows.assign(panel=rows["suite"])
    both = pd.concat([rows.assign(panel=POOLED), suites]) if len(results.suites) > 1 else suites
    known = both[both["bin"].notna()]
    keys = ["panel", "optimizer", "bin"]
    parts = [known.assign(optimizer=ALL), known]
    cells = pd.concat([proportions(part, keys, results.measure.confidence) for part in parts], ignore_index=True)
    cells = cells[cells["converged"] > 0]
    titles = {name: f"{split(group)}\n{left_out(group)}" for name, group in both.groupby("panel", sort=False)}
    facets = Facets(cells, titles, height=2.4, sharex=True, sharey=True)
    names = optimizers(rows)
    looks = {ALL: (INK, "*")} | shades(names)
    for ax, _, part in facets.parts():
        if part.empty:
            say(ax, "no converged run")
        several = part["optimizer"].nunique() > 2
        for place, (name, (colour, marker)) in enumerate(looks.items()):
            own = part[part["optimizer"] == name]
            if own.empty or (name != ALL and not several):
                continue
            x = own["bin"].map(DISTANCE_BINS.index).to_numpy(float) + 0.12 * (place - len(looks) / 2 + 0.5)
            reach = np.stack([own["proportion"] - own["low"], own["high"] - own["proportion"]]).clip(0)
            look = {"color": colour, "marker": marker, "ms": 8 if name == ALL else 4.5, "ls": "", "capsize": 2, "lw": 1}
            ax.errorbar(x, own["proportion"].to_numpy(float), reach, **look)
        for place, total in part[part["optimizer"] == ALL].groupby("bin")["converged"].sum().items():
            ax.text(DISTANCE_BINS.index(place), 1.04, f"{total}", ha="center", va="bottom", fontsize=8, color=GREY)
        ax.set_xticks(range(len(DISTANCE_BINS)), DISTANCE_BINS)
        ax.set(xlim=(-0.5, len(DISTANCE_BINS) - 0.5), ylim=(-0.03, 1.15), ylabel="share non-monotone", xlabel="")
    facets.set_xlabels("normalised distance")
    entries = [
        Line2D(
            [], [], color=colour, marker=marker, ls="", label="all optimizers" if name == ALL else optimizer_name(name)
        )
        for name, (colour, marker) in looks.items()
    ]
    note = (
        f"Normalised distance: |θ_T − θ₀| / |θ₀|. Bars: {100 * results.measure.confidence:g} % Wilson intervals; "
        "above each bin the number of its lines. Optimizers are told apart where a suite has several. "
        f"{explain(results)}"
    )
    compose(facets.figure, f"Which lines fail, by distance: {subject(rows)}", note, entries)
    return Drawing(facets.figure, cells.drop(columns=["trained", "diverged", "above_threshold"]))


@figure(
    40,
    "kinds_of_failure",
    shows="Where along the line non-monotone lines rise.",
    paper="Not in the paper. Some lines have a barrier near the start, others pass their minimum and climb at the "
    "end, as in its noisy quadratic model; hardly any rises in between.",
    claims=(
        "failures_are_of_two_kinds",
        "optimizers_fail_in_their_own_way",
        "failures_at_the_end_vanish_at_the_best_point",
    ),
    finding=findings_of_lines.of_kinds,
)
def kinds_of_failure(results: Results) -> Drawing:
    """Draw the rise along each non-monotone line above its lowest point so far, a panel for each optimizer."""
    rows = results.lines()
    kept = converged(rows)
    labels = kept["optimizer"].map(optimizer_name)
    failing = kept.assign(panel=labels, kind=failure_kinds(kept))[~kept["monotonic"].astype(bool)]
    frame = curve_table(results, failing, {"loss": "loss_train"}, CURVE_COLUMNS)
    lowest = frame.groupby(["suite", "run_id"])["loss"].cummin()
    frame["rise"] = (frame["loss"] - lowest) / frame["min_delta"].astype(float)
    names = optimizers(failing)
    titles = {optimizer_name(name): _counts(failing[failing["optimizer"] == name]) for name in names}
    facets = Facets(frame, titles or {"no optimizer": "0 lines"}, height=2.6, sharex=True, sharey=True)
    for ax, _, part in facets.parts():
        if part.empty:
            say(ax, "no such line")
        else:
            curves = part.assign(line=part["suite"] + part["run_id"]).astype({"alpha": float, "rise": float})
            look = LINES | {"units": "line"}
            sns.lineplot(curves, x="alpha", y="rise", ax=ax, **look)
        for edge in (NEAR_START, AT_END):
            ax.axvline(edge, color=GREY, lw=0.8, ls=":", zorder=1)
        ax.set(xlabel="", ylabel="rise above the lowest loss\nso far, over min Δ", ylim=(-0.03, 1.05))
    facets.set_xlabels(ALPHA)
    entries = [Line2D([], [], color=NON_MONOTONE, label=f"non-monotone ({len(failing)})")]
    note = (
        f"A kind is where the largest rise tops out: α below {NEAR_START:g}, above {AT_END:g}, or in between (dotted). "
        f"Only non-monotone lines are shown: {split(rows)}; {left_out(rows)}. {explain(results)}"
    )
    compose(facets.figure, f"Two kinds of failure: {subject(rows)}", note, entries)
    return Drawing(facets.figure, frame)


def _counts(rows: pd.DataFrame) -> str:
    """Say how many lines there are of each kind of failure."""
    counts = [f"{int((rows['kind'] == kind).sum())} {kind}" for kind in KINDS]
    return f"{len(rows)} lines: {', '.join(counts)}"
