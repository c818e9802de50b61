"""Figures of lines from fresh initialisations to an optimum: 6 and 20."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from stages.config import FreshLines
from stages.figures.base import VARIANTS, Drawing, admitted, left_out, limit, number, setting, split, subject, unit
from stages.figures.bundles import ALPHA, loss_axis
from stages.figures.declare import figure
from stages.figures.style import GREY, MONOTONE, NON_MONOTONE, canvas, caption, heading, legend, say
from stages.results.results import Results

COLUMNS = ["run_id", "lines", "alpha", "mean", "standard_deviation", "own", "suite", "line"]
KINDS = ((True, "monotone", MONOTONE), (False, "non-monotone", NON_MONOTONE))  # of the optimum's own line


@figure(
    6,
    "fresh_initialisations",
    shows="Lines from fresh initialisations to a monotone and to a non-monotone optimum.",
    paper="They behave as the line from the own initialisation.",
    claims=("fresh",),
)
def fresh_initialisations(results: Results) -> Drawing:
    """Figure 6: lines from fresh initialisations by a network's own scheme, mean and standard deviation of the loss."""
    return _bands(results, lambda entry: entry.initialization == "own")


@figure(
    20,
    "other_initialisations",
    shows="Lines from initialisations by another scheme.",
    paper="From block-identity initialisations the lines to the same optimum are monotone.",
    claims=("block_identity",),
)
def other_initialisations(results: Results) -> Drawing:
    """Figure 20: as figure 6, beside lines from initialisations by another scheme than the network's own."""
    return _bands(results, lambda entry: True)


def _bands(results: Results, wanted: Callable[[FreshLines], bool]) -> Drawing:
    """Draw a column for each suite and kind of fresh lines, a row for the optimum of a monotone line and another."""
    columns = [
        (suite, name, entry)
        for suite, about in results.suites.items()
        for name, entry in about.lines.items()
        if isinstance(entry, FreshLines) and wanted(entry)
    ]
    figure, axes = canvas(2, max(len(columns), 1), width=5.2, sharex=True)
    own = results.lines(once=False)
    data = []
    drawn = []
    for ax in axes.flat:
        ax.set(xlabel=ALPHA, ylabel="training loss", xlim=(0, 1))
        ax.tick_params(labelbottom=True)
    for ax in axes[:, len(columns) :].flat:
        say(ax, "no suite with lines\nfrom fresh initialisations")
    for pair, (suite, name, entry) in zip(axes.T, columns, strict=False):
        fresh = results.other_lines(suite, name)
        for ax, (monotone, kind, colour) in zip(pair, KINDS, strict=True):
            ends = own[(own["suite"] == suite) & (own["monotonic"] == monotone)]
            group = fresh[fresh["run_id"].isin(ends["run_id"])]
            kept = admitted(group)
            if kept.empty:
                say(ax, f"no {kind} admitted run" if group.empty else "no line with finite losses")
                heading(ax, f"{suite}: {kind}", "" if group.empty else left_out(group))
                continue
            end = ends[ends["run_id"] == group["run_id"].iloc[0]]
            drawn.append(end)
            data.append(band(ax, results, end, kept, colour).assign(suite=suite, line=group["line"].iloc[0]))
            row = end.iloc[0]
            other = entry.initialization.replace("_", " ")
            if other != "own":
                other += f" ({VARIANTS[bool(row['batch_norm']), entry.initialization]})"
            counts = f"{split(group)}, mean min Δ {number(kept['min_delta'].mean())}; "
            counts += f"own min Δ {number(row['min_delta'])}"
            counts += f"; {len(group) - len(kept)} diverged left out" if len(kept) < len(group) else ""
            heading(ax, f"{suite}: {kind}, scheme: {other}", f"{setting(row, ['dataset'])}\n{counts}")
    handles = [Line2D([], [], color=colour, label=f"mean, optimum of a {kind} line") for _, kind, colour in KINDS]
    handles.append(Patch(facecolor=GREY, alpha=0.25, label="± standard deviation"))
    handles.append(Line2D([], [], color="0.1", ls="--", lw=1, label="own initialisation"))
    legend(figure, handles)
    note = (
        f"Training loss; scheme: of the initialisations. Upper row: to the end of a run whose own line is monotone; "
        f"lower row: of one whose is not, with the largest min Δ. "
        f"Non-monotone: min\u00a0Δ\u00a0>\u00a0{limit(results, 'tolerance')}."
    )
    shown = pd.concat(drawn) if drawn else own.head(0)
    caption(figure, f"Lines from fresh initialisations to one optimum: {subject(shown)}", note)
    return Drawing(figure, pd.concat(data, ignore_index=True) if data else pd.DataFrame(columns=COLUMNS))


def band(ax: Axes, results: Results, end: pd.DataFrame, group: pd.DataFrame, colour: tuple) -> pd.DataFrame:
    """Draw the losses of some lines as a band, and that of the optimum's own line; return what is drawn."""
    pairs = results.values(group, "loss_train")
    alphas, losses = pairs[0][0], np.array([values for _, values in pairs])
    ((_, own),) = results.values(end, "loss_train")
    mean, deviation = losses.mean(0), losses.std(0, ddof=1) if len(losses) > 1 else np.zeros_like(alphas)
    ax.fill_between(alphas, mean - deviation, mean + deviation, color=colour, alpha=0.25, lw=0)
    ax.plot(alphas, mean, color=colour)
    ax.plot(alphas, own, color="0.1", ls="--", lw=1)
    ax.set_xlim(alphas[0], alphas[-1])
    highest = max(float((mean + deviation).max()), float(own.max()))
    ax.set_ylabel(f"training loss{unit(end)}{loss_axis(ax, float(mean[0]), highest)}")
    drawn = {"alpha": np.round(alphas, 6), "mean": mean, "standard_deviation": deviation, "own": own}
    return pd.DataFrame({"run_id": end["run_id"].iloc[0], "lines": len(losses)} | drawn)
