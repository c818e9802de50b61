"""Figure 25: mean min Delta by learning rate and the size of the network."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter

from stages.figures.base import ACTIVATIONS, OPTIMIZERS, Drawing, count, explain, optimizers, subject, unit
from stages.figures.declare import figure
from stages.figures.style import COLOURS, GREY, canvas, caption, heading, legend, say
from stages.figures.tables import tally
from stages.results.results import Results

MAP = "rocket_r"
SIZES = {"width": "units of each hidden layer", "depth": "hidden layers"}


@figure(
    25,
    "heatmaps",
    shows="Mean min Δ by rate, width and depth.",
    paper="The rate matters, width and depth do not.",
    claims=("large_rates",),
)
def heatmaps(results: Results) -> Drawing:
    """Figure 25: mean min Delta over all admitted runs of a cell, learning rate by width and by depth.

    The authors' release averages over non-monotone runs only and shows cells whose runs are all monotone as if none had
    reached the threshold; here the two look different.

    Args:
        results: The pooled suites.

    Returns:
        A grid of heatmaps: rows are width and depth with and without batch norm, columns optimizers.
    """
    rows = results.lines()
    rows = rows[rows["width"].notna()]
    names = optimizers(rows) or [None]
    choices = [True, False] if len(set(rows["batch_norm"])) != 1 else [bool(rows["batch_norm"].iloc[0])]
    grids = {size: _select(rows, size) for size in SIZES}
    cells = pd.concat(
        [
            _cells(chosen, size).assign(fixed=fixed, activation=activation)
            for size, (chosen, fixed, activation) in grids.items()
        ]
    )
    means = cells["mean_min_delta"].to_numpy(float)
    norm = _norm(results, means)
    figure, axes = canvas(2 * len(choices), len(names), width=4.6, height=2.9)
    for i, (size, on) in enumerate((size, on) for size in SIZES for on in choices):
        for ax, name in zip(axes[i], names, strict=True):
            chosen, fixed, activation = grids[size]
            group = chosen[(chosen["batch_norm"] == on) & (chosen["optimizer"] == name)]
            panel = cells[(cells["by"] == size) & (cells["batch_norm"] == on) & (cells["optimizer"] == name)]
            _panel(ax, panel, size, sorted(set(chosen["lr"])), sorted(set(chosen[size])), norm)
            title = f"{OPTIMIZERS.get(name, name or 'no run')}, {'batch norm' if on else 'no batch norm'}, {activation}"
            other = f"{fixed} hidden layers" if size == "width" else f"{fixed} units a layer"
            heading(ax, f"{title}, {other}", count(group))
    _legends(figure, axes, norm, means, unit(rows))
    shown = set().union(*(chosen["run_id"] for chosen, _, _ in grids.values()))
    unequal = len(results.lines()) - len(rows)
    note = (
        "Mean over all admitted runs of a cell, monotone ones included; in a cell: non-monotone / admitted runs. "
        + (f"{unequal} runs without hidden layers of one width have no place here. " if unequal else "")
        + f"{len(rows) - len(shown)} runs of other activations or sizes are not shown. {explain(results)}"
    )
    caption(figure, f"Mean min Δ by learning rate and size: {subject(rows)}", note)
    return Drawing(figure, cells.reset_index(drop=True))


def _select(rows: pd.DataFrame, size: str) -> tuple[pd.DataFrame, str, str]:
    """Return the rows to show by `size`, at the value of the other size that leaves most of it, and for ReLU if any."""
    other = "depth" if size == "width" else "width"
    names = sorted(set(rows["activation"]))
    if not names:
        return rows, "no", "no run"
    activation = "relu" if "relu" in names else names[0]
    rows = rows[rows["activation"] == activation]
    variety = rows.groupby(other)[size].nunique()
    best = variety[variety == variety.max()].index.min()
    return rows[rows[other] == best], f"{best:g}", ACTIVATIONS.get(activation, activation)


def _cells(rows: pd.DataFrame, size: str) -> pd.DataFrame:
    """Return counts and the mean min Delta of each cell."""
    keys = ["optimizer", "batch_norm", "lr", size]
    cells = tally(rows, keys)
    kept = rows[rows["status"] == "converged"].astype({"min_delta": float})
    means = kept.groupby(keys)["min_delta"].mean().rename("mean_min_delta").reset_index()
    cells = cells.merge(means.astype({"batch_norm": bool}), on=keys, how="left")
    return cells.rename(columns={size: "size"}).assign(by=size)


def _norm(results: Results, means: np.ndarray) -> SymLogNorm:
    largest = np.nanmax(means, initial=0.0)
    tolerance = max(results.limits("tolerance").values(), default=0.0)
    threshold = tolerance or 1e-3 * largest or 1.0
    return SymLogNorm(threshold, linscale=0.5, vmin=0.0, vmax=max(largest, threshold), base=10)


def _panel(ax: Axes, cells: pd.DataFrame, size: str, rates: list, sizes: list, norm: SymLogNorm) -> None:
    ax.set(xlabel="learning rate", ylabel=SIZES[size])
    ax.grid(visible=False)
    if not sizes:
        say(ax, "no network whose hidden layers\nare all equally wide")
        return
    ax.set(xlim=(-0.5, len(rates) - 0.5), ylim=(-0.5, len(sizes) - 0.5))
    ax.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates], rotation=45, fontsize=8.5)
    ax.set_yticks(range(len(sizes)), [f"{value:g}" for value in sizes])
    ax.set_facecolor("0.93")
    colours = ScalarMappable(norm, MAP)
    for cell in cells.itertuples():
        corner = rates.index(cell.lr) - 0.5, sizes.index(cell.size) - 0.5
        if not cell.admitted:
            ax.add_patch(Rectangle(corner, 1, 1, **_empty_look()))
            continue
        colour = colours.to_rgba(cell.mean_min_delta)
        ax.add_patch(Rectangle(corner, 1, 1, facecolor=colour, edgecolor="white", lw=0.5))
        ink = "0.1" if np.dot(colour[:3], (0.299, 0.587, 0.114)) > 0.5 else "white"
        text = f"{cell.non_monotone}/{cell.admitted}"
        ax.text(corner[0] + 0.5, corner[1] + 0.5, text, ha="center", va="center", fontsize=8, color=ink)


def _empty_look() -> dict:
    return {"facecolor": (*COLOURS[9], 0.35), "edgecolor": COLOURS[9], "hatch": "////", "lw": 0}


def _legends(figure: Figure, axes: np.ndarray, norm: SymLogNorm, means: np.ndarray, measured: str) -> None:
    bar = figure.colorbar(ScalarMappable(norm, MAP), ax=axes, label=f"mean min Δ{measured}", shrink=0.5, pad=0.02)
    threshold, largest = norm.linthresh, norm.vmax
    ticks = [10.0**k for k in range(int(np.ceil(np.log10(threshold))), int(np.floor(np.log10(largest))) + 1)]
    bar.ax.yaxis.set_major_locator(FixedLocator([0, *(ticks or [largest])]))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.ax.minorticks_off()
    monotone = ScalarMappable(norm, MAP).to_rgba(0.0)
    entries = [
        Patch(facecolor=monotone, edgecolor=GREY, lw=0.5, label="mean min Δ = 0"),
        Patch(**_empty_look(), label="no admitted run"),
        Patch(facecolor="0.93", edgecolor=GREY, lw=0.5, label="not trained"),
    ]
    legend(figure, entries)
