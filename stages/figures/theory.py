"""Figures and tables of small models of theory: noisy quadratic model (29), two-layer linear networks (34, table 8)."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from stages.figures import findings_of_numbers, findings_of_tables
from stages.figures.declare import figure, table
from stages.figures.facets import POINTS, Facets, compose, say
from stages.figures.outputs import Drawing, Table
from stages.figures.style import GREY, INK, MANY, linear_then_log, log_axis
from stages.figures.tables import markdown
from stages.figures.words import number
from stages.measures.proportion import wilson
from stages.results.results import Results
from stages.theory import noisy_quadratic as quadratic
from stages.theory import two_layer_linear_summary as linear

BINS = 50  # of every histogram
ENDS = {  # how the end of a line is drawn: words, colour, dashes, marker
    "paper": (r"$\theta_T\sim N(0,\eta K)$, the paper's", INK, "-", "o"),
    "trained": (r"$\theta_T$ after training from $\theta_0$", "0.55", "--", "s"),
}
GRIDS = {"": ("continuous line", "full"), "sampled_": (f"{len(quadratic.ALPHAS)} alphas", "none")}
PROPORTIONS = "lines that never rise"
SLOPE = r"slope $(\theta_T-\theta_0)^{\top}K\theta_T$ at α = 1" + "\n(loss per unit of α)"
HALF_PI, PI = np.pi / 2, np.pi
SETTINGS = {"student_teacher": "student and teacher", "balanced": "balanced", "tabula_rasa": "tabula rasa"}
SCALES = [(INK, "-"), ("0.55", "--"), (GREY, "-."), ("0.25", ":")]
FLAT = 1e-8  # relative min Delta up to which its axis is linear


@figure(
    29,
    "noisy_quadratic",
    shows="The slope at the end of lines of the noisy quadratic model.",
    paper="Symmetric, so half are monotone.",
    claims=("noisy_quadratic",),
    theory=True,
    finding=findings_of_numbers.of_noisy_quadratic,
)
def noisy_quadratic(results: Results) -> Drawing:
    """Figure 29: how the loss slopes at the end of lines of the noisy quadratic model, and how many lines never rise.

    Args:
        results: Results with the lines of `stages.theory.noisy_quadratic`.

    Returns:
        The drawing: a panel for each learning rate and one of proportions. Its data are the bins of the histograms and
        the proportions with their intervals.
    """
    table, confidence = results.theory("noisy_quadratic"), results.measure.confidence
    cells = quadratic.count_monotone_lines(table, confidence)
    titles, bins = {}, []
    for rate, lines in table.groupby("lr"):
        panel = f"learning rate η = {rate:g}"
        bins.append(_bins(lines).assign(panel=panel, lr=rate))
        titles[panel] = "\n".join(
            f"{cell['end']} {number(cell['mean_slope_end'])} ± {number(cell['standard_deviation_slope_end'])}, "
            f"{cell['monotone']}/{cell['lines']} never rise"
            for cell in cells[cells["lr"] == rate].to_dict("records")
        )
    titles[PROPORTIONS] = f"{cells['lines'].min()} lines a point; dotted: the paper's estimate of 1/2"
    frame = pd.concat([*bins, *(_proportions(cells, prefix) for prefix in GRIDS)], ignore_index=True)
    facets = Facets(frame, titles, height=3.0, sharex=False, sharey=False)
    for ax, panel, part in facets.parts():
        if panel == PROPORTIONS:
            _draw_proportions(ax, part)
        else:
            _draw_slopes(ax, part)
    entries = [
        Line2D([], [], color=colour, ls=dash, marker=marker, label=name) for name, colour, dash, marker in ENDS.values()
    ]
    for name, fill in GRIDS.values():
        entries.append(Line2D([], [], color=GREY, ls="", marker="o", fillstyle=fill, label=f"never rises: {name}"))
    note = (
        f"Above each histogram of {BINS} bins: mean ± standard deviation of the slope. A line never rises if its slope "
        "at α = 1 is not above 0; a grid of alphas misses a rise that begins after the middle of its last interval. "
        f"Bars: {100 * confidence:g} % Wilson intervals. Both ends are drawn with the same starts and the same noise."
    )
    title = r"Noisy quadratic model: the slope at the end of lines from $\theta_0\sim N(0, I)$"
    compose(facets.figure, title, note, entries)
    return Drawing(facets.figure, frame)


def _bins(lines: pd.DataFrame) -> pd.DataFrame:
    """Return the histograms of the slopes of one learning rate for each end, over the same bins."""
    edges = np.histogram_bin_edges(lines["slope_end"], BINS)
    bins = []
    for end in ENDS:
        counts = np.histogram(lines["slope_end"][lines["end"] == end], edges)[0]
        bins.append(pd.DataFrame({"end": end, "from": edges[:-1], "to": edges[1:], "count": counts}))
    return pd.concat(bins)


def _proportions(cells: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """Return the proportions of lines that never rise, on one of `GRIDS`, with what is known of their slopes."""
    chosen = {f"{prefix}{name}": name for name in ("monotone", "proportion", "low", "high")}
    about = ["end", "lr", "lines", "mean_slope_end", "standard_deviation_slope_end"]
    return cells[[*about, *chosen]].rename(columns=chosen).assign(panel=PROPORTIONS, grid=GRIDS[prefix][0])


def _draw_slopes(ax: Axes, bins: pd.DataFrame) -> None:
    """Draw the histograms of one learning rate, an outline for each end."""
    for end, (_, colour, dash, _) in ENDS.items():
        rows = bins[bins["end"] == end]
        middles, edges = (rows["from"] + rows["to"]) / 2, [*rows["from"], rows["to"].iloc[-1]]
        look = {"weights": rows["count"], "bins": edges, "element": "step", "color": colour, "ax": ax}
        sns.histplot(x=middles, fill=True, alpha=0.2, lw=0, **look)
        sns.histplot(x=middles, fill=False, ls=dash, lw=1.3, **look)
    ax.axvline(0, color=INK, lw=0.9, ls=":")
    ax.set(xlabel=SLOPE, ylabel="lines in a bin")


def _draw_proportions(ax: Axes, rows: pd.DataFrame) -> None:
    """Draw the proportion of lines that never rise against the learning rate, with its interval."""
    fills = dict(GRIDS.values())
    for (end, grid), group in rows.groupby(["end", "grid"], sort=False):
        _, colour, dash, marker = ENDS[end]
        reach = np.stack([group["proportion"] - group["low"], group["high"] - group["proportion"]]).clip(0)
        look = {"color": colour, "ls": dash, "marker": marker, "fillstyle": fills[grid], "lw": 1, "capsize": 2}
        ax.errorbar(group["lr"].to_numpy(float), group["proportion"].to_numpy(float), reach, ms=5, **look)
    ax.axhline(0.5, color=GREY, lw=0.8, ls=":")
    log_axis(ax.xaxis, rows["lr"].to_numpy(float))
    ax.set(xlabel="learning rate η, log scale", ylabel="proportion that never rises", ylim=(-0.02, 1.02))


@figure(
    34,
    "two_layer_linear",
    shows="Two-layer linear networks.",
    paper="Appendix A.1, without an experiment.",
    theory=True,
    finding=findings_of_numbers.of_linear_networks,
)
def two_layer_linear(results: Results) -> Drawing:
    """Figure 34: the Gauss lengths of lines of two-layer linear networks, and min Delta against them (appendix A.1).

    Args:
        results: Results with the lines of `stages.theory.two_layer_linear`.

    Returns:
        The drawing: a panel of Gauss lengths for each setting and, if some line rises, below it one of min Delta. Its
        data are the networks that converged.
    """
    table, confidence = results.theory("two_layer_linear"), results.measure.confidence
    kept = table[table["converged"]]
    lengths, rises = {}, {}
    for setting, whole in table.groupby("setting", sort=False):
        group = whole[whole["converged"]]
        monotone, below = int(group["monotone"].sum()), int((group["gauss_length"] < HALF_PI).sum())
        low, high = wilson(monotone, len(group), confidence)
        name = SETTINGS.get(setting, setting)
        left = f"{len(whole) - len(group)} of {len(whole)} not converged"
        monotones = f"{monotone} of {len(group)} monotone ({low:.3f}–{high:.3f})"
        lengths[name] = f"{below} of {len(group)} below π/2; {left}\n{monotones}"
        rises[f"{name}: min Δ"] = monotones
    highest = float(kept["relative_min_delta"].max()) if len(kept) else 0.0
    frame = kept.assign(panel=kept["setting"].map(lambda setting: SETTINGS.get(setting, setting)))
    shown, titles = frame, lengths
    if highest > FLAT:
        shown, titles = pd.concat([frame, frame.assign(panel=frame["panel"] + ": min Δ")]), {}
        for pair in zip(lengths.items(), rises.items(), strict=True):
            titles |= dict(pair)
    facets = Facets(shown, titles, height=2.6, sharex=False, sharey=titles is lengths)
    scales = sorted(set(table["scale"]))
    looks = dict(zip(scales, SCALES * (1 + len(scales) // len(SCALES)), strict=False))
    for ax, panel, part in facets.parts():
        if part.empty:
            say(ax, "no network converged")
            ax.set(ylabel="networks in a bin" if panel in lengths else "min Δ / loss at the start")
        elif panel in lengths:
            for scale, (colour, dash) in looks.items():
                look = {"element": "step", "fill": False, "color": colour, "ls": dash, "lw": 1.3}
                chosen = part["gauss_length"][part["scale"] == scale]
                sns.histplot(x=chosen, bins=np.linspace(0, PI, BINS + 1), ax=ax, **look)
            ax.set_ylabel("networks in a bin")
        else:
            points = part.assign(monotonic=part["monotone"])
            look = POINTS | {"rasterized": len(table) > MANY}
            sns.scatterplot(points, x="gauss_length", y="relative_min_delta", ax=ax, **look)
            linear_then_log(ax.yaxis, FLAT, 3 * max(highest, 100 * FLAT))
            ax.set_ylabel("min Δ / loss at the start")
        _mark_angles(ax)
    entries = [Line2D([], [], color=colour, ls=dash, label=f"{scale:g}") for scale, (colour, dash) in looks.items()]
    note = (
        "Networks that did not converge are left out. Gauss length: the angle between z'(0) and z'(1), all outputs and "
        "examples as one curve; at most π. Monotone: the continuous line has no relative rise above the relative loss "
        "at which training stops; behind the counts "
        f"the {100 * confidence:g} % Wilson interval of the proportion. Largest relative rise: {number(highest)}."
    )
    title = "Two-layer linear networks: Gauss length and min Δ of the line from start to end"
    compose(facets.figure, title, note, entries, "scale of the weights at the start")
    columns = ["setting", "scale", "instance", "steps", "gauss_length", "relative_min_delta", "monotone"]
    return Drawing(facets.figure, frame[columns])


def _mark_angles(ax: Axes) -> None:
    """Make the horizontal axis one of angles up to pi, and mark the limits of theorem 3 and of two layers."""
    for angle in (HALF_PI, PI):
        ax.axvline(angle, color=INK, lw=0.9, ls=":")
    ax.set(xlabel="Gauss length (rad)", xlim=(0, 1.04 * PI))
    ax.set_xticks([0, PI / 4, HALF_PI, 3 * PI / 4, PI], ["0", "π/4", "π/2", "3π/4", "π"])


@table(
    8,
    "two_layer_linear",
    shows="Two-layer linear networks.",
    paper="Appendix A.1, without an experiment.",
    theory=True,
    finding=findings_of_tables.of_linear_networks,
)
def two_layer_linear_table(results: Results) -> Table:
    """Count where the statements of appendix A.1 on two-layer linear networks hold.

    Args:
        results: Results with the lines of `stages.theory.two_layer_linear`.

    Returns:
        Tidy: the summary, one row for each setting and scale. Markdown: its counts.
    """
    table, confidence = results.theory("two_layer_linear"), results.measure.confidence
    cells = linear.count_statements(table, confidence)
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
