"""Figures and tables of small models of theory: the noisy quadratic model (29) and two-layer linear networks."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from stages.figures.base import Drawing, Table, number
from stages.figures.declare import figure, table
from stages.figures.style import (
    COLOURS,
    GREY,
    MANY,
    canvas,
    caption,
    heading,
    legend,
    linear_then_log,
    log_axis,
    say,
)
from stages.figures.tables import markdown
from stages.measures.proportion import wilson
from stages.results.results import Results
from stages.theory import noisy_quadratic as quadratic
from stages.theory import two_layer_linear_summary as linear

BINS = 50  # of every histogram
ACROSS = 3  # panels in a row
ENDS = {  # where lines end: words, colour, dashes, marker
    "paper": (r"$\theta_T\sim N(0,\eta K)$, the paper's", COLOURS[0], "-", "o"),
    "trained": (r"$\theta_T$ after training from $\theta_0$", COLOURS[1], "--", "s"),
}
GRIDS = {"": ("continuous line", "full"), "sampled_": (f"{len(quadratic.ALPHAS)} alphas", "none")}
SLOPE = r"slope $(\theta_T-\theta_0)^{\top}K\theta_T$ at α = 1 (loss per unit of α)"
HALF_PI, PI = np.pi / 2, np.pi
SETTINGS = {"student_teacher": "student and teacher", "balanced": "balanced", "tabula_rasa": "tabula rasa"}
SCALES = [
    (COLOURS[i], dash, marker) for i, dash, marker in ((0, "-", "o"), (1, "--", "^"), (2, "-.", "s"), (4, ":", "D"))
]
FLAT = 1e-8  # relative min Delta up to which its axis is linear


@figure(
    29,
    "noisy_quadratic",
    shows="The slope at the end of lines of the noisy quadratic model.",
    paper="Symmetric, so half are monotone.",
    claims=("noisy_quadratic",),
    theory=True,
)
def noisy_quadratic(results: Results) -> Drawing:
    """Figure 29: how the loss slopes at the end of lines of the noisy quadratic model, and how many lines never rise.

    Args:
        results: Results with the lines of `stages.theory.noisy_quadratic`.

    Returns:
        The drawing: a panel for each learning rate and one of proportions. Its data are the bins of the histograms,
        each with the summary of its end and learning rate.
    """
    table, confidence = results.theory("noisy_quadratic"), results.measure.confidence
    cells = quadratic.summary(table, confidence)
    rates = sorted(set(table["lr"]))
    figure, axes = canvas(-(-(len(rates) + 1) // ACROSS), ACROSS, width=4.6)
    for ax in axes.flat[len(rates) + 1 :]:
        ax.remove()
    bins = [_slopes(ax, table, cells, rate) for ax, rate in zip(axes.flat, rates, strict=False)]
    _proportions(axes.flat[len(rates)], cells)
    handles = [
        Line2D([], [], color=colour, ls=dash, marker=marker, label=name) for name, colour, dash, marker in ENDS.values()
    ]
    for name, fill in GRIDS.values():
        handles.append(Line2D([], [], color=GREY, ls="", marker="o", fillstyle=fill, label=f"never rises: {name}"))
    legend(figure, handles)
    note = (
        f"Above each histogram of {BINS} bins: mean ± standard deviation of the slope. A line never rises if its slope "
        "at α = 1 is not above 0; a grid of alphas misses a rise that begins after the middle of its last interval. "
        f"Bars: {100 * confidence:g} % Wilson intervals. Both ends are drawn with the same starts and the same noise."
    )
    caption(figure, r"Noisy quadratic model: the slope at the end of lines from $\theta_0\sim N(0, I)$", note)
    return Drawing(figure, pd.concat(bins, ignore_index=True).merge(cells, on=["end", "lr"]))


def _slopes(ax: Axes, table: pd.DataFrame, cells: pd.DataFrame, rate: float) -> pd.DataFrame:
    """Draw the histograms of one learning rate, a line for each end; return their bins."""
    lines = table[table["lr"] == rate]
    edges = np.histogram_bin_edges(lines["slope_end"], BINS)
    bins, words = [], []
    for end, (_, colour, dash, _) in ENDS.items():
        slopes = lines[lines["end"] == end]["slope_end"]
        counts = np.histogram(slopes, edges)[0]
        ax.stairs(counts, edges, color=colour, ls=dash, lw=1.3, fill=False)
        ax.stairs(counts, edges, color=colour, alpha=0.2, fill=True)
        bins.append(pd.DataFrame({"end": end, "lr": rate, "from": edges[:-1], "to": edges[1:], "count": counts}))
        cell = cells[(cells["end"] == end) & (cells["lr"] == rate)].iloc[0]
        spread = f"{number(cell['mean_slope_end'])} ± {number(cell['standard_deviation_slope_end'])}"
        words.append(f"{end}: {spread}; {cell['monotone']} of {cell['lines']} never rise")
    ax.axvline(0, color="0.1", lw=0.9, ls=":")
    ax.set(xlabel=SLOPE, ylabel="lines in a bin")
    heading(ax, f"learning rate η = {rate:g}", "\n".join(words))
    return pd.concat(bins)


def _proportions(ax: Axes, cells: pd.DataFrame) -> None:
    """Draw the proportion of lines that never rise against the learning rate."""
    for end, (_, colour, dash, marker) in ENDS.items():
        group = cells[cells["end"] == end]
        for prefix, (_, fill) in GRIDS.items():
            middle, low, high = (group[f"{prefix}{name}"].to_numpy(float) for name in ("proportion", "low", "high"))
            reach = np.stack([middle - low, high - middle]).clip(0)
            look = {"color": colour, "ls": dash, "marker": marker, "fillstyle": fill, "lw": 1, "capsize": 2}
            ax.errorbar(group["lr"].to_numpy(float), middle, reach, ms=5, **look)
    ax.axhline(0.5, color=GREY, lw=0.8, ls=":")
    log_axis(ax.xaxis, cells["lr"].to_numpy(float))
    ax.set(xlabel="learning rate η, log scale", ylabel="proportion of lines that never rise", ylim=(-0.02, 1.02))
    heading(ax, "lines that never rise", f"{cells['lines'].min()} lines a point; dotted: the paper's estimate of 1/2")


@figure(
    34,
    "two_layer_linear",
    shows="Two-layer linear networks.",
    paper="Appendix A.1, without an experiment.",
    theory=True,
)
def two_layer_linear(results: Results) -> Drawing:
    """Draw the Gauss lengths of lines of two-layer linear networks, and min Delta against them (appendix A.1).

    Args:
        results: Results with the lines of `stages.theory.two_layer_linear`.

    Returns:
        The drawing: a column for each setting, Gauss lengths above and min Delta below. Its data are the networks that
        converged.
    """
    table, confidence = results.theory("two_layer_linear"), results.measure.confidence
    settings = dict.fromkeys(table["setting"])
    scales = sorted(set(table["scale"]))
    looks = dict(zip(scales, SCALES * (1 + len(scales) // len(SCALES)), strict=False))
    figure, axes = canvas(2, len(settings), width=4.6, height=3.2, sharex=True, sharey="row")
    for (upper, lower), setting in zip(axes.T, settings, strict=True):
        group = table[table["setting"] == setting]
        kept = group[group["converged"]]
        for scale, (colour, dash, marker) in looks.items():
            lines = kept[kept["scale"] == scale]
            counts, edges = np.histogram(lines["gauss_length"], BINS, (0, PI))
            upper.stairs(counts, edges, color=colour, ls=dash, lw=1.3)
            look = {"facecolors": "none", "edgecolors": [colour], "marker": marker, "s": 24, "clip_on": False}
            rises = lines["relative_min_delta"]
            lower.scatter(lines["gauss_length"], rises, zorder=3, rasterized=len(table) > MANY, **look)
        below = int((kept["gauss_length"] < HALF_PI).sum())
        left = f"{len(group) - len(kept)} of {len(group)} not converged left out"
        monotone = int(kept["monotone"].sum())
        low, high = wilson(monotone, len(kept), confidence)
        heading(upper, SETTINGS.get(setting, setting), f"{below} of {len(kept)} below π/2; {left}")
        heading(lower, "min Δ", f"{monotone} of {len(kept)} monotone ({low:.3f}–{high:.3f})")
        for ax in (upper, lower):
            _mark_angles(ax)
            if kept.empty:
                say(ax, "no network converged")
        upper.set(ylabel="networks in a bin")
        lower.set(ylabel="min Δ / loss at the start")
    rises = table[table["converged"]]["relative_min_delta"].to_numpy(float)
    linear_then_log(axes[1, 0].yaxis, FLAT, 3 * max(rises.max(initial=0.0), 100 * FLAT))
    handles = [
        Line2D([], [], color=colour, ls=dash, marker=marker, fillstyle="none", label=f"{scale:g}")
        for scale, (colour, dash, marker) in looks.items()
    ]
    legend(figure, handles, "scale of the weights\nat the start")
    note = (
        "Gauss length: the angle between z'(0) and z'(1), all outputs and examples as one curve; at most π. min Δ: of "
        f"the continuous line. Monotone: no relative rise above the relative loss at which training stops; behind the "
        f"counts the {100 * confidence:g} % Wilson interval of the proportion."
    )
    caption(figure, "Two-layer linear networks: Gauss length and min Δ of the line from start to end", note)
    columns = ["setting", "scale", "instance", "steps", "gauss_length", "relative_min_delta", "monotone"]
    return Drawing(figure, table[table["converged"]][columns])


def _mark_angles(ax: Axes) -> None:
    """Make the horizontal axis one of angles up to pi, and mark the limits of theorem 3 and of two layers."""
    for angle in (HALF_PI, PI):
        ax.axvline(angle, color="0.1", lw=0.9, ls=":")
    ax.set(xlabel="Gauss length (rad)", xlim=(0, 1.04 * PI))
    ax.set_xticks([0, PI / 4, HALF_PI, 3 * PI / 4, PI], ["0", "π/4", "π/2", "3π/4", "π"])
    ax.tick_params(labelbottom=True, labelleft=True)


@table(
    8,
    "two_layer_linear",
    shows="Two-layer linear networks.",
    paper="Appendix A.1, without an experiment.",
    theory=True,
)
def two_layer_linear_table(results: Results) -> Table:
    """Count where the statements of appendix A.1 on two-layer linear networks hold.

    Args:
        results: Results with the lines of `stages.theory.two_layer_linear`.

    Returns:
        Tidy: the summary, one row for each setting and scale. Markdown: its counts.
    """
    table, confidence = results.theory("two_layer_linear"), results.measure.confidence
    cells = linear.summary(table, confidence)
    counts = {
        "trained": "trained",
        "converged": "converged",
        "at_most_pi": "Gauss length ≤ π",
        "below_half_pi": "< π/2",
        "eigenvalues_met": "eigenvalues of M ≥ 0",
        "symmetric_part_met": "of the symmetric part ≥ 0",
        "eigenvalues_met_alone": "of M only",
        "monotone": "monotone",
        "below_half_pi_not_surrogate_monotone": "< π/2, surrogate not monotone",
    }
    head = ["setting", "scale", *counts.values(), "proportion monotone"]
    lines = [
        [SETTINGS.get(cell["setting"], cell["setting"]), f"{cell['scale']:g}"]
        + [str(cell[name]) for name in counts]
        + ["–" if not cell["converged"] else f"{cell['proportion']:.2f}<br>{cell['low']:.2f}–{cell['high']:.2f}"]
        for _, cell in cells.iterrows()
    ]
    note = (
        "Counts from the third on are of converged networks. Gauss length: the total turning at 50 alphas for ≤ π, the "
        "angle between z'(0) and z'(1) for < π/2. Eigenvalues: real parts, of M = (D₁W₀ + V₀D₂)ᵀ(D₁W_T + V_T D₂), the "
        "paper's criterion; of its symmetric part, which decides whether ⟨z'(0), z'(1)⟩ ≥ 0 for all inputs; of M only: "
        "networks for which some inputs have a Gauss length above π/2 although the paper's criterion holds. Surrogate: "
        "the network's own outputs at the end as target; by theorem 3 that count is 0. "
        f"Below a proportion: {100 * confidence:g} % Wilson interval."
    )
    title = "Two-layer linear networks: where the statements of appendix A.1 hold"
    return Table(cells, markdown(title, 1, head, lines, note))
