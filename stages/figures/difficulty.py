"""Lines of problems of growing difficulty: figure 26 by the number of training examples, and by label corruption."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from stages.figures.base import Drawing, admitted, count, explain, left_out, split, subject, unit
from stages.figures.bundles import ALPHA, RATES, loss_axis
from stages.figures.declare import figure
from stages.figures.style import (
    GREY,
    MANY,
    MONOTONE,
    NON_MONOTONE,
    canvas,
    caption,
    heading,
    legend,
    rise_axis,
    say,
    verdict_handles,
)
from stages.results.results import Results

KIND = ("suite", "network", "hidden", "layers", "width_multiplier", "train_size", "label_corruption")
PANELS = 9  # as many sizes as the paper trains with
SIZE_COLUMNS = ["suite", "run_id", "train_size", "lr", "curve", "alpha", "train_loss"]
CORRUPTION_COLUMNS = ["suite", "run_id", "label_corruption", "status", "min_delta", "monotonic", "alpha", "train_loss"]


@figure(
    26,
    "dataset_sizes",
    shows="Lines of networks trained on few examples.",
    paper="Smooth and monotone, however unstable training was.",
    claims=("difficulty",),
)
def dataset_sizes(results: Results) -> Drawing:
    """Figure 26: training loss along the line and during training, a panel for each number of training examples."""
    rows = _varying(results, "train_size")
    rows = rows[rows["label_corruption"].astype(float) == 0]
    size_of = rows["train_size"].astype(float).fillna(np.inf)  # all examples: the last
    sizes = sorted(set(size_of))
    shown = [sizes[round(place)] for place in np.linspace(0, len(sizes) - 1, min(len(sizes), PANELS))]
    chosen = rows[size_of.isin(shown)]
    epochs = dict(list(results.epochs.groupby(["suite", "run_id"])))
    rates = sorted(set(chosen["lr"].astype(float)))
    colours = dict(zip(rates, RATES(np.linspace(0, 1, len(rates))), strict=True))
    columns = min(max(len(shown), 1), 3)
    figure, axes = canvas(-(-max(len(shown), 1) // columns), columns, height=3.2)
    for ax in axes.flat[max(len(shown), 1) :]:
        ax.remove()
    drawn = []
    for ax, size in zip(axes.flat, shown or [None], strict=False):
        group = chosen[size_of[chosen.index] == size]
        drawn += _size_panel(ax, results, group, epochs, colours)
        name = "no suite varies it" if size is None else "all examples" if size == np.inf else f"{int(size)} examples"
        heading(ax, name, f"{split(group)}\n{count(group)}")
    handles = [Line2D([], [], color=colour, label=f"learning rate {rate:g}") for rate, colour in colours.items()]
    handles.append(Line2D([], [], color=GREY, lw=1.6, label="along the line"))
    handles.append(Line2D([], [], color=GREY, lw=0.8, ls="--", label="during training"))
    legend(figure, handles)
    others = len(rows) - len(chosen)
    note = (
        "During training: mean loss of the minibatches of each epoch, drawn at its end, from the initial network's "
        f"loss on the training split. {explain(results)}"
        + (f" {others} runs of {len(sizes) - len(shown)} more sizes are not shown." if others else "")
    )
    caption(figure, f"Training loss by number of training examples: {subject(rows)}", note)
    return Drawing(figure, _tidy(drawn))


@figure(
    30,
    "label_corruption",
    shows="Lines of networks trained on corrupted labels.",
    paper="In words: always monotone.",
    claims=("difficulty",),
)
def label_corruption(results: Results) -> Drawing:
    """Appendix C.11: training loss along the line, and min Delta, by the share of corrupted labels."""
    rows = _varying(results, "label_corruption").astype({"label_corruption": float})
    finite = rows[rows["status"] != "diverged"]
    highest = rows["label_corruption"].max() if len(rows) else 1.0
    norm = Normalize(0, 100 * (highest or 1.0))
    figure, (axes,) = canvas(1, 2, width=5.2, height=4.0)
    pairs = results.values(finite, "loss_train")
    _corrupted_lines(axes[0], rows, finite, pairs, norm)
    _corrupted_rises(axes[1], results, rows, finite)
    above = int((rows["status"] == "above threshold").sum())
    counts = f"{split(rows)}\n{len(admitted(rows))} admitted, {above} above threshold"
    diverged = f"{len(rows) - len(finite)} diverged left out"
    heading(axes[0], "loss along the line", f"{counts} (dashed); {diverged}")
    heading(axes[1], "min Δ", f"{counts} (hollow); {diverged}")
    figure.colorbar(ScalarMappable(norm, RATES), ax=axes[0], label="corrupted labels (%)", pad=0.02)
    handles = verdict_handles(results, rows)
    handles.append(Line2D([], [], ls="", marker="o", mfc="none", color=GREY, label=f"above threshold ({above})"))
    legend(figure, handles)
    note = (
        "Corrupted labels: drawn anew, uniformly over the classes, with this probability. Runs above the threshold are "
        f"shown but not counted among the monotone and non-monotone. {explain(results)}"
    )
    caption(figure, f"Lines by label corruption: {subject(rows)}", note)
    times = [len(values) for _, values in pairs]
    data = {name: np.repeat(finite[name].to_numpy(object), times) for name in CORRUPTION_COLUMNS[:-2]}
    data["alpha"] = np.concatenate([np.round(alphas, 6) for alphas, _ in pairs]) if pairs else np.empty(0)
    data["train_loss"] = np.concatenate([values for _, values in pairs]) if pairs else np.empty(0)
    return Drawing(figure, pd.DataFrame(data))


def _varying(results: Results, name: str) -> pd.DataFrame:
    """Return the rows of each kind of network and data that differ in a column; a run that suites share counts once."""
    rows = results.lines(once=False)
    same = [key for key in KIND if key != name]
    values = rows.groupby(same, dropna=False)[name].transform(lambda column: column.nunique(dropna=False))
    return rows[values > 1].drop_duplicates("run_id")


def _size_panel(ax: Axes, results: Results, group: pd.DataFrame, epochs: dict, colours: dict) -> list[tuple]:
    """Draw the admitted runs of one number of examples; return each curve as its row, name, places and losses."""
    kept = admitted(group)
    drawn = []
    highest = 0.0
    pairs = results.values(kept, "loss_train")
    for (_, row), (alphas, values) in zip(kept.iterrows(), pairs, strict=True):
        colour = colours[float(row["lr"])]
        trained = epochs.get((row["suite"], row["run_id"]), results.epochs.head(0)).sort_values("epoch")
        share = np.array([0, *trained["epoch"] / row["epochs"]])
        losses = np.array([np.interp(0.0, alphas, values), *trained["loss"]], dtype=float)
        ax.plot(alphas, values, color=colour, lw=1.6, alpha=0.8, zorder=3)
        ax.plot(share, losses, color=colour, lw=0.8, ls="--", alpha=0.8, zorder=2)
        highest = max(highest, float(values.max()), float(losses.max()))
        drawn += [(row, "line", alphas, values), (row, "training", share, losses)]
    more = ""
    if len(kept):
        more = loss_axis(ax, float(kept["initial_train_loss"].median()), highest)
    else:
        say(ax, "no admitted run" if len(group) else "no suite with several numbers\nof training examples")
    ax.set(xlabel="α, or share of training", ylabel=f"training loss{unit(group)}{more}", xlim=_ends(pairs))
    return drawn


def _tidy(drawn: list[tuple]) -> pd.DataFrame:
    """Return the curves of all sizes, a row for each place."""
    rows, curves, places, losses = zip(*drawn, strict=True) if drawn else [()] * 4
    times = np.array([len(values) for values in losses], dtype=int)
    data = {name: np.repeat([row[name] for row in rows], times) for name in SIZE_COLUMNS[:4]}
    data |= {"curve": np.repeat(curves, times), "alpha": np.round(np.concatenate([*places, []]), 6)}
    return pd.DataFrame(data | {"train_loss": np.concatenate([*losses, []])})


def _corrupted_lines(ax: Axes, rows: pd.DataFrame, finite: pd.DataFrame, pairs: list, norm: Normalize) -> None:
    """Draw the lines of all finite runs."""
    for status, look in (("above threshold", {"linestyles": "--", "linewidths": 0.7}), ("converged", {})):
        chosen = (finite["status"] == status).to_numpy(bool)
        lines = [np.column_stack(pair) for pair, wanted in zip(pairs, chosen, strict=True) if wanted]
        if lines:
            colours = RATES(norm(100 * finite["label_corruption"][chosen].to_numpy(float)))
            ax.add_collection(
                LineCollection(lines, colors=colours, rasterized=True, **{"linewidths": 1.0, "alpha": 0.75} | look)
            )
    more = ""
    if pairs:
        highest = max(float(values.max()) for _, values in pairs)
        more = loss_axis(ax, float(finite["initial_train_loss"].median()), highest)
    else:
        say(ax, _missing(rows))
    ax.set(xlabel=ALPHA, xlim=_ends(pairs), ylabel=f"training loss{unit(rows)}{more}")


def _corrupted_rises(ax: Axes, results: Results, rows: pd.DataFrame, finite: pd.DataFrame) -> None:
    """Draw min Delta of all finite runs."""
    for monotone, colour, marker in ((True, MONOTONE, "o"), (False, NON_MONOTONE, "^")):
        for status, look in (
            ("converged", {"facecolors": [colour], "linewidths": 0}),
            ("above threshold", {"facecolors": "none", "edgecolors": [colour], "linewidths": 1}),
        ):
            chosen = finite[(finite["monotonic"] == monotone) & (finite["status"] == status)]
            x, y = 100 * chosen["label_corruption"], chosen["min_delta"].astype(float)
            ax.scatter(x, y, s=26, marker=marker, alpha=0.75, zorder=3, rasterized=len(finite) > MANY, **look)
    if finite.empty:
        say(ax, _missing(rows))
    rise_axis(ax.yaxis, results, finite["min_delta"].to_numpy(float))
    ax.set(xlabel="corrupted labels (%)", ylabel=f"min Δ{unit(rows)}")


def _ends(pairs: list) -> tuple[float, float]:
    """Return the first and the last alpha, which may lie beyond 0 and 1."""
    return (pairs[0][0][0], pairs[0][0][-1]) if pairs else (0.0, 1.0)


def _missing(rows: pd.DataFrame) -> str:
    return f"no finite run;\n{left_out(rows)}" if len(rows) else "no suite with several shares\nof corrupted labels"
