"""Theorem 9: distance, min Delta and Gauss length of networks of growing width."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from stages.figures.base import Drawing, admitted, count, explain, left_out, number, split, subject
from stages.figures.declare import figure
from stages.figures.style import (
    COLOURS,
    GAUSS,
    GREY,
    MANY,
    canvas,
    caption,
    heading,
    legend,
    linear_then_log,
    log_axis,
    say,
    scatter_verdicts,
    verdict_handles,
)
from stages.measures.power_law import fit
from stages.results.results import Results

WIDTH = "units of each hidden layer"
LAZY = -0.5  # exponent of the distance in the lazy regime (lemma 7 of the paper)
LEAST = 1e-6  # of min Delta over the loss at the start: rounding of single precision is below
LENGTHS = {"gauss_length_smooth": (COLOURS[2], "s"), "gauss_length_turning": (COLOURS[4], "D")}
COLUMNS = ["suite", "run_id", "dataset", "optimizer", "lr", "depth", "width", "distance", "initial_train_loss"]
COLUMNS += ["min_delta", "monotonic", *LENGTHS]


@figure(
    33,
    "wide_networks",
    shows="Theorem 9: distance and rise against the width.",
    paper="A theorem, without an experiment.",
    claims=("theorem_9",),
)
def wide_networks(results: Results) -> Drawing:
    """Theorem 9: distance, relative min Delta and Gauss length against the width of the hidden layers."""
    everything = results.lines()
    rows = everything[everything["width"].notna()].astype({"width": float})
    widths = sorted(set(rows["width"]))
    figure, axes = canvas(1, 3, sharex=True)
    _distances(axes[0, 0], results, rows)
    _rises(axes[0, 1], rows)
    _lengths(axes[0, 2], rows)
    for ax in axes.flat:
        log_axis(ax.xaxis, np.array(widths))
        if 0 < len(widths) <= 8:
            ax.xaxis.set_major_locator(FixedLocator(widths))
        ax.set_xlabel(f"{WIDTH}, log scale")
    handles = verdict_handles(results, rows)[:2]
    handles.append(Line2D([], [], color="0.1", lw=1.2, label="least squares"))
    handles.append(Line2D([], [], color=GREY, lw=1.2, ls="--", label="exponent −1/2"))
    for name, (colour, marker) in LENGTHS.items():
        label = f"Gauss length, {'smooth' if name == 'gauss_length_smooth' else 'turning'}"
        handles.append(Line2D([], [], color=colour, marker=marker, lw=1, label=label))
    legend(figure, handles)
    unequal = len(everything) - len(rows)
    note = (
        "Theorem 9 is about gradient descent on the squared error at a learning rate inverse to the width: the "
        "distance then falls at least as fast as the width to the power −1/2 (lemma 7), and a wide enough network has "
        f"a monotone line. {_settings(rows)}Least squares of ln(distance) on ln(width); "
        f"{100 * results.measure.confidence:g} % bootstrap interval. Lines through Gauss lengths: "
        f"medians. {explain(results)}"
        + (f" {unequal} runs without hidden layers of one width have no place here." if unequal else "")
    )
    caption(figure, f"Width of the hidden layers: {subject(rows)}", note)
    return Drawing(figure, admitted(rows)[COLUMNS])


def _distances(ax: Axes, results: Results, rows: pd.DataFrame) -> None:
    kept = admitted(rows)
    x, y = kept["width"].to_numpy(float), kept["distance"].to_numpy(float)
    drawn = np.isfinite(y) & (y > 0)
    scatter_verdicts(ax, kept[drawn], kept["width"][drawn].astype(float), pd.Series(y, kept.index)[drawn])
    params = results.measure
    law = fit(x, y, params.confidence, params.bootstrap, params.bootstrap_seed)
    if np.isfinite(law.exponent):
        ends = np.array([x[drawn].min(), x[drawn].max()])
        ax.plot(ends, law.prefactor * ends**law.exponent, color="0.1", lw=1.2)
        middle = np.exp(np.log(x[drawn]).mean())  # where the two lines cross
        height = law.prefactor * middle**law.exponent
        ax.plot(ends, height * (ends / middle) ** LAZY, color=GREY, lw=1.2, ls="--")
        text = f"exponent {law.exponent:.3f} [{law.exponent_low:.3f}, {law.exponent_high:.3f}]"
        text += f", R² {law.r_squared:.3f}"
    else:
        text = "too few points to fit"
        if not drawn.any():
            say(ax, "no admitted run")
    log_axis(ax.yaxis, y)
    ax.set_ylabel(r"distance $\|\theta_T-\theta_0\|$, log scale")
    heading(ax, "distance", f"{text}\n{count(rows, int(drawn.sum()))}")


def _rises(ax: Axes, rows: pd.DataFrame) -> None:
    kept = admitted(rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        y = kept["min_delta"].to_numpy(float) / kept["initial_train_loss"].to_numpy(float)
    drawn = np.isfinite(y)
    scatter_verdicts(ax, kept[drawn], kept["width"][drawn].astype(float), pd.Series(y, kept.index)[drawn])
    if not drawn.any():
        say(ax, "no admitted run")
    linear_then_log(ax.yaxis, LEAST, max(y[drawn].max(initial=0.0), 10 * LEAST) * 2)
    ax.set_ylabel(f"min Δ / loss at α = 0\nlinear up to {number(LEAST)}, then logarithmic")
    heading(ax, "min Δ", f"{split(rows)}\n{count(rows, int(drawn.sum()))}")


def _lengths(ax: Axes, rows: pd.DataFrame) -> None:
    kept = admitted(rows)
    shown = []
    for name, (colour, marker) in LENGTHS.items():
        y = kept[name].astype(float)
        drawn = kept[np.isfinite(y) & (y > 0)]
        look = {"color": colour, "marker": marker, "s": 18, "alpha": 0.5, "linewidths": 0}
        ax.scatter(drawn["width"], drawn[name].astype(float), rasterized=len(kept) > MANY, **look)
        middle = drawn.astype({name: float}).groupby("width")[name].median()
        ax.plot(middle.index.to_numpy(float), middle.to_numpy(float), color=colour, lw=1)
        shown.append(len(drawn))
    if not any(shown):
        say(ax, "no admitted run" if kept.empty else "no admitted run with a Gauss length")
    log_axis(ax.yaxis, kept[list(LENGTHS)].to_numpy(float).ravel())
    ax.set_ylabel(f"{GAUSS['gauss_length_smooth']}, log scale")
    heading(ax, "Gauss length", f"smooth {shown[0]}, turning {shown[1]} shown\n{len(kept)} admitted; {left_out(rows)}")


def _settings(rows: pd.DataFrame) -> str:
    """Say what is pooled beside the width."""
    parts = []
    for name, words in (("depth", "hidden layers"), ("lr", "learning rates")):
        values = [number(value) for value in sorted(set(rows[name].astype(float)))]
        parts.append(f"{words} {', '.join(values) if len(values) <= 4 else f'{values[0]} to {values[-1]}'}")
    losses = ", ".join(dict.fromkeys(rows["loss"].astype(str).str.replace("_", " ")))
    return f"Pooled here: {losses}; {'; '.join(parts)}. " if len(rows) else ""
