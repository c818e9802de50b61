"""Figures of lines between different runs: 8, and how a matching of hidden units lowers barriers."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from stages.config import PairLines
from stages.figures.base import Drawing, admitted, explain_admitted, limit, number, split, subject, unit
from stages.figures.bundles import ALPHA
from stages.figures.declare import figure
from stages.figures.style import COLOURS, GREY, MONOTONE, NON_MONOTONE, canvas, caption, heading, legend, say
from stages.results.results import Results

ENDS = (("initial", "initial"), ("initial", "final"), ("final", "final"))
NAMES = {"initial": "initialisation", "final": "optimum"}
OWN = "0.1"
MATCHINGS = {None: "as trained", "weights": "weights matched", "activations": "activations matched"}
LOOKS = {None: COLOURS[1], "weights": COLOURS[0], "activations": COLOURS[2]}
COLUMNS = ["suite", "line", "start_run_id", "run_id", "alpha", "train_loss"]


@figure(
    8,
    "between_runs",
    shows="Lines between ten networks.",
    paper="No barriers but between optima.",
    claims=("no_barriers", "barriers"),
)
def between_runs(results: Results) -> Drawing:
    """Figure 8: lines between initialisations, from initialisations to optima, and between optima of different runs."""
    suites = [suite for suite in results.suites if any(not entry.matching for _, entry in _pairs(results, suite))]
    figure, axes = canvas(max(len(suites), 1), 3, sharex=True)
    drawn, rows_drawn = [], [results.lines().head(0)]
    for ax in axes.flat:
        ax.set(xlabel="α", ylabel="training loss", xlim=(0, 1))
        ax.tick_params(labelbottom=True)
    for suite, row in zip(suites or [None], axes, strict=True):
        own = results.lines(once=False)
        own = own[own["suite"] == suite]
        for (start, end), ax in zip(ENDS, row, strict=True):
            title = f"{NAMES[start]} to {NAMES[end]}"
            names = [name for name, entry in _pairs(results, suite) if (entry.start, entry.end) == (start, end)]
            names = [name for name in names if not results.suites[suite].lines[name].matching]
            group = both_admitted(results, suite, names)
            kept = admitted(group)
            if kept.empty:
                say(ax, "no suite with lines\nbetween runs" if not names else "no line between admitted runs")
                heading(ax, title, f"{len(group)} left out" if names else "")
                continue
            bundles = [(kept[kept["monotonic"]], MONOTONE, "-"), (kept[~kept["monotonic"]], NON_MONOTONE, "--")]
            mine = own[own["run_id"].isin(kept["run_id"])] if (start, end) == ("initial", "final") else own.head(0)
            bundles.append((admitted(mine), OWN, "-"))
            highest = 0.0
            for rows, colour, dash in bundles:
                lines = [np.column_stack(pair) for pair in results.values(rows, "loss_train")]
                highest = max([highest, *(line[:, 1].max() for line in lines)])
                ax.add_collection(LineCollection(lines, colors=[colour], linestyles=dash, linewidths=0.9, alpha=0.6))
            ax.set_ylim(0, highest * 1.05)
            ax.set_ylabel(f"training loss{unit(kept)}")
            counts = f"{split(kept)}, mean barrier {number(kept['barrier'].mean())}"
            away = len(group) - len(kept)
            counts += f"; {away} of runs not admitted left out" if away else ""
            counts += f"\nown pairs: {split(mine)}" if len(mine) else ""
            heading(ax, title if len(suites) < 2 else f"{suite}: {title}", counts)
            drawn += [_tidy(results, rows) for rows in (kept, admitted(mine)) if len(rows)]
            rows_drawn.append(kept)
    handles = [
        Line2D([], [], color=MONOTONE, label="monotone"),
        Line2D([], [], color=NON_MONOTONE, ls="--", label="non-monotone"),
        Line2D([], [], color=OWN, label="a run's own initialisation\nand optimum"),
    ]
    legend(figure, handles)
    note = (
        "Loss of the run at the end of a line, on its training split. Barrier: how far a line rises above the higher "
        f"of its ends. {explain_admitted(results)} "
        f"Non-monotone: min\u00a0Δ\u00a0>\u00a0{limit(results, 'tolerance')}."
    )
    caption(figure, f"Lines between different runs: {subject(pd.concat(rows_drawn))}", note)
    return Drawing(figure, pd.concat(drawn, ignore_index=True) if drawn else pd.DataFrame(columns=COLUMNS))


@figure(
    35,
    "matched_barriers",
    shows="Barriers between optima before and after matching hidden units.",
    paper="Not in the paper.",
    claims=("barriers",),
)
def matched_barriers(results: Results) -> Drawing:
    """Lines between optima before and after their hidden units are matched (Ainsworth et al. 2022)."""
    groups = {matching: [] for matching in MATCHINGS}
    for suite in results.suites:
        for name, entry in _pairs(results, suite):
            if (entry.start, entry.end) == ("final", "final"):
                groups[entry.matching].append(admitted(both_admitted(results, suite, [name])))
    found = {matching: pd.concat(rows) for matching, rows in groups.items() if rows and sum(map(len, rows))}
    figure, ((left, right),) = canvas(1, 2, width=5.2, height=4.2)
    left.set(xlabel=ALPHA.replace("initial", "an optimum").replace("trained", "another"), ylabel="training loss")
    right.set(xlabel="order of hidden units", ylabel="barrier")
    shown = pd.concat(found.values()) if found else results.lines().head(0)
    if not found:
        for ax in (left, right):
            say(ax, "no suite with lines\nbetween admitted optima")
        heading(left, "loss along the lines", "")
        heading(right, "barriers", "")
    else:
        _bands(left, results, found)
        heading(left, "loss along the lines", "mean ± standard deviation over the pairs")
        _barriers(right, found)
        means = ", ".join(f"{number(rows['barrier'].mean())}" for rows in found.values())
        heading(right, "barriers, a pair a line", f"means {means}; {len(next(iter(found.values())))} pairs")
        left.set_ylabel(f"training loss{unit(shown)}")
        right.set_ylabel(f"barrier{unit(shown)}")
    handles = [Line2D([], [], color=LOOKS[matching], marker="o", label=MATCHINGS[matching]) for matching in found]
    legend(figure, [*handles, Patch(facecolor=GREY, alpha=0.25, label="± standard deviation")], "hidden units")
    note = (
        "Barrier: how far a line rises above the higher of its ends. Matched: the hidden units of one optimum, which "
        "may trade places without changing the function, in the order in which their weights (coordinate ascent), or "
        "their activations on the training examples, are most like those of the other, by linear assignment. "
        f"{explain_admitted(results)}"
    )
    caption(figure, f"Barriers between optima before and after matching their units: {subject(shown)}", note)
    named = [rows.assign(matching=MATCHINGS[matching]) for matching, rows in found.items()]
    columns = ["suite", "line", "matching", "start_run_id", "run_id", "barrier", "min_delta", "distance"]
    return Drawing(figure, pd.concat(named)[columns] if named else pd.DataFrame(columns=columns))


def _bands(ax: Axes, results: Results, found: dict[str | None, pd.DataFrame]) -> None:
    highest = 0.0
    for matching, rows in found.items():
        pairs = results.values(rows, "loss_train")
        alphas, losses = pairs[0][0], np.array([values for _, values in pairs])
        mean, deviation = losses.mean(0), losses.std(0, ddof=1) if len(losses) > 1 else np.zeros_like(alphas)
        ax.fill_between(alphas, mean - deviation, mean + deviation, color=LOOKS[matching], alpha=0.25, lw=0)
        ax.plot(alphas, mean, color=LOOKS[matching])
        ax.set_xlim(alphas[0], alphas[-1])
        highest = max(highest, float((mean + deviation).max()))
    ax.set_ylim(0, highest * 1.05 or 1)


def _barriers(ax: Axes, found: dict[str | None, pd.DataFrame]) -> None:
    ends = ["suite", "start_run_id", "run_id"]
    heights = pd.concat({MATCHINGS[name]: rows.set_index(ends)["barrier"] for name, rows in found.items()}, axis=1)
    places = np.arange(heights.shape[1])
    lines = [np.column_stack((places, row)) for row in heights.to_numpy(float)]
    ax.add_collection(LineCollection(lines, colors=[GREY], linewidths=0.5, alpha=0.5))
    for place, matching in zip(places, found, strict=True):
        values = heights[MATCHINGS[matching]].to_numpy(float)
        ax.scatter(np.full(len(values), place), values, color=LOOKS[matching], s=22, zorder=3, clip_on=False)
    ax.set_xticks(places, [name.replace(" ", "\n") for name in heights])
    ax.set_xlim(-0.4, len(places) - 0.6)
    ax.set_ylim(0, float(np.nanmax(heights.to_numpy(float))) * 1.05 or 1)


def _pairs(results: Results, suite: str | None) -> list[tuple[str, PairLines]]:
    """Return the kinds of lines of a suite that are between runs, with their names."""
    if suite is None:
        return []
    return [(name, entry) for name, entry in results.suites[suite].lines.items() if isinstance(entry, PairLines)]


def both_admitted(results: Results, suite: str | None, names: list[str]) -> pd.DataFrame:
    """Return the rows of some kinds of lines; those that start at a run that is not admitted have its status."""
    own = results.lines(once=False)
    status = own[own["suite"] == suite].set_index("run_id")["status"]
    rows = pd.concat([own.head(0), *(results.other_lines(suite, name) for name in names)], ignore_index=True)
    at_start = rows["start_run_id"].map(status)
    return rows.assign(status=rows["status"].where(rows["status"] != "converged", at_start))


def _tidy(results: Results, rows: pd.DataFrame) -> pd.DataFrame:
    parts = [
        pd.DataFrame({name: row[name] for name in COLUMNS[:4]} | {"alpha": np.round(alphas, 6), "train_loss": values})
        for (_, row), (alphas, values) in zip(rows.iterrows(), results.values(rows, "loss_train"), strict=True)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
