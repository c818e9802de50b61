"""Figure 25: mean min Delta by learning rate and the size of the network."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import SymLogNorm
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter

from stages.figures import findings_of_numbers
from stages.figures.declare import figure
from stages.figures.facets import Facets, compose, say
from stages.figures.outputs import Drawing
from stages.figures.style import GREY, MAPS, PALE
from stages.figures.words import ACTIVATIONS, count, explain, optimizer_name, optimizers, subject, unit
from stages.results.counts import tally
from stages.results.results import Results
from stages.results.rows import converged

MAP = MAPS["min_delta"]
SIZES = ("width", "depth")
NOT_TRAINED = "white"
NONE_CONVERGED = {"facecolor": "white", "edgecolor": PALE, "hatch": "////", "lw": 0}


@figure(
    25,
    "heatmaps",
    shows="Mean min Δ by rate, width and depth.",
    paper="The rate matters, width and depth do not.",
    claims=("large_learning_rates_break_monotonicity", "width_does_not_matter", "depth_does_not_matter"),
    finding=findings_of_numbers.of_cells,
)
def heatmaps(results: Results) -> Drawing:
    """Figure 25: mean min Delta over all converged runs of a cell, learning rate by width and by depth.

    The authors' release averages over non-monotone runs only and shows cells whose runs are all monotone as if none had
    reached the threshold; here the two look different.

    Args:
        results: The pooled suites.

    Returns:
        A heatmap by width and one by depth, with and without batch norm; a row for each optimizer and size.
    """
    rows = results.lines()
    rows = rows[rows["width"].notna()]
    tables, titles, shown = [], {}, set()
    for size in SIZES:
        chosen, fixed, activation = _select(rows, size)
        other = f"{fixed} hidden layers" if size == "width" else f"{fixed} units"
        cells = _cells(chosen, size).assign(fixed=fixed, activation=activation)
        shown |= set(chosen["run_id"])
        for on in sorted(set(rows["batch_norm"]), reverse=True) or [True]:
            panel = f"{'batch norm' if on else 'no batch norm'}, by {size} ({activation}, {other})"
            tables.append(cells[cells["batch_norm"] == on].assign(panel=panel))
            titles[panel] = count(chosen[chosen["batch_norm"] == on])
    cells = pd.concat(tables, ignore_index=True)
    norm = _norm(results, cells["mean_min_delta"].to_numpy(float))
    facets = Facets(cells, titles, height=3.6, sharex=False, sharey=False)
    for ax, _, part in facets.parts():
        ax.grid(visible=False)
        if part.empty:
            say(ax, "no network whose hidden layers\nare all equally wide")
        else:
            _draw(ax, part, [name for name in optimizers(rows) if name in set(part["optimizer"])], norm)
        ax.set(xlabel="learning rate", ylabel="optimizer, size")
    single = bool((cells["converged"] <= 1).all())
    runs = f"mean min Δ of 1 to {cells['converged'].max():g} runs"
    _add_colour_bar(facets, norm, f"{'min Δ of the one run' if single else runs}{unit(rows)}")
    unequal = len(results.lines()) - len(rows)
    what = "A cell holds one converged run" if single else "Mean over all converged runs of a cell, monotone ones too"
    note = (
        f"{what}; in a cell: non-monotone / converged runs. Width: units of each hidden layer; depth: hidden layers. "
        + (f"{unequal} runs without hidden layers of one width have no place here. " if unequal else "")
        + f"{len(rows) - len(shown)} runs of other activations or sizes are not shown. {explain(results)}"
    )
    entries = [
        Patch(facecolor=ScalarMappable(norm, MAP).to_rgba(0.0), edgecolor=GREY, lw=0.5, label="min Δ = 0"),
        Patch(**NONE_CONVERGED, label="no converged run"),
        Patch(facecolor=NOT_TRAINED, edgecolor=GREY, lw=0.5, label="not trained"),
    ]
    compose(facets.figure, f"Min Δ by learning rate and size: {subject(rows)}", note, entries)
    return Drawing(facets.figure, cells)


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
    means = converged(rows).astype({"min_delta": float}).groupby(keys)["min_delta"].mean().rename("mean_min_delta")
    cells = tally(rows, keys).merge(means.reset_index().astype({"batch_norm": bool}), on=keys, how="left")
    return cells.rename(columns={size: "size"}).assign(by=size)


def _norm(results: Results, means: np.ndarray) -> SymLogNorm:
    largest = np.nanmax(means, initial=0.0)
    tolerance = max(results.limits("tolerance").values(), default=0.0)
    threshold = tolerance or 1e-3 * largest or 1.0
    return SymLogNorm(threshold, linscale=0.5, vmin=0.0, vmax=max(largest, threshold), base=10)


def _draw(ax: Axes, cells: pd.DataFrame, names: list[str], norm: SymLogNorm) -> None:
    """Draw a heatmap: learning rates from left to right; below one another optimizers and, of each, sizes."""
    texts = [f"{cell.non_monotone}/{cell.converged}" if cell.converged else "" for cell in cells.itertuples()]
    labels = [f"{optimizer_name(cell.optimizer)}, {cell.size:g}" for cell in cells.itertuples()]
    places = cells["optimizer"].map(names.index)
    cells = cells.assign(row=labels, counts=texts).iloc[np.lexsort((-cells["size"], places))]
    order = {"index": list(dict.fromkeys(cells["row"])), "columns": sorted(set(cells["lr"]))}
    values, texts, counts = (
        cells.pivot(index="row", columns="lr", values=name).reindex(**order)
        for name in ("mean_min_delta", "counts", "converged")
    )
    ax.set_facecolor(NOT_TRAINED)
    look = {"annot_kws": {"fontsize": 8}, "linewidths": 0.5, "cbar": False, "vmin": norm.vmin, "vmax": norm.vmax}
    sns.heatmap(values.astype(float), annot=texts.fillna("").to_numpy(), fmt="", norm=norm, cmap=MAP, ax=ax, **look)
    for place in np.argwhere(counts.to_numpy() == 0):
        ax.add_patch(Rectangle(place[::-1], 1, 1, **NONE_CONVERGED))
    ax.set_xticks(ax.get_xticks(), [f"{rate:g}" for rate in order["columns"]], rotation=45, fontsize=8.5)
    ax.set_yticks(ax.get_yticks(), order["index"], rotation=0, fontsize=8.5)


def _add_colour_bar(facets: Facets, norm: SymLogNorm, label: str) -> None:
    bar = facets.figure.colorbar(ScalarMappable(norm, MAP), ax=facets.axes, label=label, shrink=0.6, pad=0.05)
    ticks = [10.0**k for k in range(int(np.ceil(np.log10(norm.linthresh))), int(np.floor(np.log10(norm.vmax))) + 1)]
    bar.ax.yaxis.set_major_locator(FixedLocator([0, *(ticks or [norm.vmax])]))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.ax.minorticks_off()
