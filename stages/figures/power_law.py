"""Figures of the power law between distance and Gauss length: 7, 15 and 17."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from stages.figures.base import OPTIMIZERS, Drawing, admitted, count, explain_admitted, optimizers, subject
from stages.figures.declare import figure
from stages.figures.style import (
    DISTANCE,
    GAUSS,
    GREY,
    MANY,
    OPTIMIZER_COLOURS,
    canvas,
    caption,
    heading,
    legend,
    log_axis,
    say,
)
from stages.measures import power_law as measure
from stages.results.results import Results

MARKERS = {False: "o", True: "s"}  # by batch norm


@figure(
    7,
    "power_law",
    shows="Gauss length against distance.",
    paper="A power law, R² 0.616.",
    claims=("power_law",),
)
@figure(
    15,
    "autoencoder_power_law",
    shows="Gauss length against distance for autoencoders.",
    paper="A power law, R² 0.705.",
    claims=("power_law_autoencoders",),
)
def power_law(results: Results) -> Drawing:
    """Figures 7 and 15: Gauss length against distance on logarithms, with the fitted power law."""
    return _power_laws(results, {"": results.lines()})


@figure(
    17,
    "residual_power_law",
    shows="Gauss length against distance for residual networks.",
    paper="R² 0.399 and 0.402.",
    claims=("power_law_residual",),
)
def power_law_by_suite(results: Results) -> Drawing:
    """Figure 17: as figure 7, a row for each suite with a fit of its own."""
    rows = results.lines()
    suites = dict.fromkeys(rows["suite"])
    return _power_laws(results, {f"{suite}: ": rows[rows["suite"] == suite] for suite in suites} or {"": rows})


def _power_laws(results: Results, groups: dict[str, pd.DataFrame]) -> Drawing:
    """Draw a row for each group of lines, by the words before its titles; a column for each Gauss length."""
    rows = results.lines()
    names = optimizers(rows)
    figure, axes = canvas(len(groups), 2, width=5.2, height=4.2, sharex=True, sharey="col")
    for pair, (title, group) in zip(axes, groups.items(), strict=True):
        for ax, length in zip(pair, GAUSS, strict=True):
            _panel(ax, results, rows, group, length, title)
    handles = [
        Line2D([], [], ls="", marker="D", color=OPTIMIZER_COLOURS[name], label=OPTIMIZERS.get(name, name))
        for name in names
    ]
    for on in sorted(set(rows["batch_norm"])):
        label = "batch norm" if on else "no batch norm"
        handles.append(Line2D([], [], ls="", marker=MARKERS[on], color=GREY, label=label))
    handles.append(Line2D([], [], color="0.1", lw=1.2, label="least squares"))
    legend(figure, handles)
    note = (
        f"Least squares of ln(Gauss length) on ln(distance) over all points of a panel; "
        f"{100 * results.measure.confidence:g} % bootstrap intervals. {explain_admitted(results)}"
    )
    caption(figure, f"Power law of Gauss length and distance: {subject(rows)}", note)
    columns = ["suite", "run_id", "dataset", "optimizer", "lr", "batch_norm", "normalized_distance", *GAUSS]
    return Drawing(figure, admitted(rows)[columns])


def _panel(ax: Axes, results: Results, rows: pd.DataFrame, group: pd.DataFrame, length: str, title: str) -> None:
    """Draw one group of lines, on axes that suit all of `rows`."""
    kept = admitted(group)
    x, y = kept["normalized_distance"].to_numpy(float), kept[length].to_numpy(float)
    drawn = np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)
    for name, colour in OPTIMIZER_COLOURS.items():
        for on, marker in MARKERS.items():
            chosen = drawn & (kept["optimizer"] == name).to_numpy(bool) & (kept["batch_norm"] == on).to_numpy(bool)
            look = {"color": colour, "marker": marker, "s": 22, "alpha": 0.6, "linewidths": 0}
            ax.scatter(x[chosen], y[chosen], rasterized=len(kept) > MANY, **look)
    params = results.measure
    fit = measure.fit(x, y, params.confidence, params.bootstrap, params.bootstrap_seed)
    if np.isfinite(fit.exponent):
        ends = np.array([x[drawn].min(), x[drawn].max()])
        ax.plot(ends, fit.prefactor * ends**fit.exponent, color="0.1", lw=1.2)
        law = f"exponent {fit.exponent:.3f} [{fit.exponent_low:.3f}, {fit.exponent_high:.3f}]"
        law += f"\nR² {fit.r_squared:.3f} [{fit.r_squared_low:.3f}, {fit.r_squared_high:.3f}]"
    else:
        law = "too few points to fit"
        if not drawn.any():
            say(ax, "no admitted run")
    log_axis(ax.xaxis, admitted(rows)["normalized_distance"].to_numpy(float))
    log_axis(ax.yaxis, admitted(rows)[length].to_numpy(float))
    ax.tick_params(labelbottom=True, labelleft=True)
    ax.set(xlabel=f"{DISTANCE}, log scale", ylabel=f"{GAUSS[length]}, log scale")
    kind = "smooth estimator (the paper's)" if length == "gauss_length_smooth" else "total turning, corners included"
    heading(ax, title + kind, f"{law}\n{count(group, int(drawn.sum()))}")
