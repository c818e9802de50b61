"""Figures of the loss along lines: 2, 4, 11, 24, 27 and 28."""

import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from stages.figures.base import (
    OPTIMIZERS,
    Drawing,
    admitted,
    architecture,
    count,
    explain,
    left_out,
    number,
    optimizers,
    setting,
    split,
    subject,
    unit,
)
from stages.figures.declare import figure
from stages.figures.style import (
    COLOURS,
    GREY,
    MONOTONE,
    NON_MONOTONE,
    canvas,
    caption,
    heading,
    legend,
    say,
    verdict_handles,
)
from stages.measures.contrast import contrast
from stages.results.results import Results

ALPHA = "α (0 = initial, 1 = trained)"
RATES = ListedColormap(mpl.colormaps["viridis"](np.linspace(0, 0.92, 256)))  # its last, pale part is lost on white
SPLITS = (("training split", COLOURS[0], "-"), ("test split", COLOURS[3], "--"))
STEEP = 3  # times the loss at the start from which a loss axis goes on logarithmically


@figure(
    4,
    "autoencoder_lines",
    shows="Training loss on lines of autoencoders.",
    paper="SGD and Adam are both mostly monotone.",
)
@figure(
    11,
    "lines_by_optimizer",
    shows="Lines by optimizer.",
    paper="K-FAC, RMSProp and Adam break monotonicity more often than SGD.",
    claims=("adaptive",),
)
def lines_by_optimizer(results: Results) -> Drawing:
    """Figures 4 and 11: training loss along every line, a row for each dataset, a column for each optimizer."""
    rows = results.lines()
    return _by_optimizer(results, rows, rows["dataset"])


@figure(
    2,
    "architectures",
    shows="Training loss on lines of convolutional networks.",
    paper="Monotone with SGD, often not with Adam.",
)
def lines_by_architecture(results: Results) -> Drawing:
    """Figure 2: training loss along every line, a row for each architecture, a column for each optimizer."""
    rows = results.lines()
    names = [architecture(row) for _, row in rows.iterrows()]
    several = rows["dataset"].nunique() > 1
    names = [f"{dataset}, {name}" if several else name for dataset, name in zip(rows["dataset"], names, strict=True)]
    return _by_optimizer(results, rows, pd.Series(names, index=rows.index, dtype=object))


def _by_optimizer(results: Results, rows: pd.DataFrame, by: pd.Series) -> Drawing:
    """Draw the training loss along every line, a row for each value of `by`, a column for each optimizer."""
    values = list(dict.fromkeys(by)) or [None]
    names = optimizers(rows) or [None]
    figure, axes = canvas(len(values), len(names), sharex=True, sharey="row")
    for (i, value), (j, name) in itertools.product(enumerate(values), enumerate(names)):
        whole = rows[by == value]
        group = whole[whole["optimizer"] == name]
        ax = axes[i, j]
        for monotone in (True, False):
            chosen = admitted(group)[admitted(group)["monotonic"] == monotone]
            look = {"colors": [MONOTONE], "alpha": 0.55} if monotone else {"colors": [NON_MONOTONE], "linestyles": "--"}
            _bundle(ax, results, chosen, linewidths=0.9 if monotone else 1.3, **look)
        _finish(ax, results, whole, group)
        place = f"{value}, " if len(values) > 1 else ""
        heading(ax, f"{place}{OPTIMIZERS.get(name, name or 'no run')}", f"{split(group)}\n{count(group)}")
    legend(figure, verdict_handles(results, rows, lines=True))
    caption(figure, f"Training loss on the line from initial to trained network: {subject(rows)}", explain(results))
    return Drawing(figure, _tidy(results, admitted(rows), {"train_loss": "loss_train"}))


@figure(
    24,
    "all_lines",
    shows="All lines of table 1.",
    paper="Batch norm and large rates break monotonicity.",
    claims=("small_rates", "large_rates"),
)
def all_lines(results: Results) -> Drawing:
    """Figure 24: training loss along every line by dataset and batch norm, optimizer (columns) and learning rate."""
    rows = results.lines()
    kept = admitted(rows)
    panels = list(dict.fromkeys(zip(rows["dataset"], rows["batch_norm"], strict=True))) or [(None, False)]
    panels.sort(key=lambda panel: (str(panel[0]), not panel[1]))
    names = optimizers(rows) or [None]
    rates = kept["lr"].to_numpy(float)
    low, high = (rates.min(), rates.max()) if rates.size else (1.0, 1.0)
    norm = LogNorm(low, high if high > low else low * 1.01)
    figure, axes = canvas(len(panels), len(names), height=3.2, sharex=True, sharey="row")
    for (i, (dataset, on)), (j, name) in itertools.product(enumerate(panels), enumerate(names)):
        whole = rows[(rows["dataset"] == dataset) & (rows["batch_norm"] == on)]
        group = whole[whole["optimizer"] == name]
        chosen = admitted(group).sort_values("lr", kind="stable")
        _bundle(
            axes[i, j], results, chosen, linewidths=0.9, alpha=0.65, colors=RATES(norm(chosen["lr"].to_numpy(float)))
        )
        _finish(axes[i, j], results, whole, group)
        text = (
            f"{dataset}, {'batch norm' if on else 'no batch norm'}, {OPTIMIZERS.get(name, name)}" if name else "no run"
        )
        heading(axes[i, j], text, f"{split(group)}\n{count(group)}")
    if rates.size:
        bar = figure.colorbar(ScalarMappable(norm, RATES), ax=axes, label="learning rate", aspect=40, pad=0.02)
        shown = sorted(set(rates))
        bar.ax.yaxis.set_major_locator(FixedLocator(shown))
        bar.ax.yaxis.set_minor_locator(NullLocator())
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    caption(figure, f"Training loss on the line of every admitted run: {subject(rows)}", explain(results))
    return Drawing(figure, _tidy(results, kept, {"train_loss": "loss_train"}))


@figure(
    27,
    "train_and_test",
    shows="Lines on the training and the test split.",
    paper="Both alike.",
)
@figure(
    28,
    "residual_train_and_test",
    shows="The same for residual networks.",
    paper="Both alike.",
)
def train_and_test(results: Results) -> Drawing:
    """Figures 27 and 28: training and test loss along a monotone and a non-monotone line of each suite."""
    rows = results.lines(once=False)
    suites = list(dict.fromkeys(rows["suite"])) or [None]
    figure, axes = canvas(len(suites), 2, width=5.6, sharex=True)
    chosen = []
    for pair, suite in zip(axes, suites, strict=True):
        group = rows[rows["suite"] == suite]
        for ax, row, kind in zip(pair, contrast(admitted(group)), ("monotone", "non-monotone"), strict=True):
            ax.set(xlabel=ALPHA, ylabel=f"loss{unit(group)}")
            ax.tick_params(labelbottom=True)
            if row is None:
                say(ax, f"no {kind} admitted run")
                heading(ax, f"{suite or 'no suite'}: {kind}", f"{split(group)}; {left_out(group)}")
                continue
            one = group.loc[[row.name]]
            chosen.append(one)
            highest = 0.0
            for field, (_, colour, dash) in zip(("loss_train", "loss_test"), SPLITS, strict=True):
                alphas, values = results.values(one, field)[0]
                ax.plot(alphas, values, color=colour, ls=dash)
                ax.set_xlim(alphas[0], alphas[-1])
                highest = max(highest, float(np.nanmax(values, initial=0.0)))
            ax.set_ylabel(f"loss{unit(group)}{loss_axis(ax, float(row['initial_train_loss']), highest)}")
            deltas = f"min Δ {number(row['min_delta'])} (training), {number(row['min_delta_test'])} (test)"
            heading(ax, f"{suite}: {kind}", f"{setting(row)}\n{deltas}")
    legend(figure, [Line2D([], [], color=colour, ls=dash, label=name) for name, colour, dash in SPLITS])
    note = (
        "Right: the non-monotone run with the largest min Δ. Left: a monotone run of the same setting but for "
        f"optimizer and learning rate if there is one, else the monotone run of median distance. Chosen from "
        f"{len(admitted(rows))} admitted runs; {left_out(rows)}. {explain(results)}"
    )
    caption(figure, f"Loss on the training and the test split: {subject(rows)}", note)
    shown = pd.concat(chosen) if chosen else admitted(rows).head(0)
    return Drawing(figure, _tidy(results, shown, {"train_loss": "loss_train", "test_loss": "loss_test"}))


def _bundle(ax: Axes, results: Results, rows: pd.DataFrame, **look: object) -> None:
    lines = [np.column_stack(pair) for pair in results.values(rows, "loss_train")]
    if lines:
        ax.add_collection(LineCollection(lines, rasterized=True, **look))


def _finish(ax: Axes, results: Results, rows: pd.DataFrame, group: pd.DataFrame) -> None:
    """Give a panel of `group` the axes that suit all of `rows`; a steep rise is drawn logarithmically."""
    kept = admitted(rows)
    alphas = [pair[0] for pair in results.values(kept.head(1), "loss_train")] or [np.array([0.0, 1.0])]
    ax.set(xlabel=ALPHA, xlim=(alphas[0][0], alphas[0][-1]))
    ax.tick_params(labelbottom=True, labelleft=True)
    more = ""
    if len(kept):
        highest = max(float(values.max()) for _, values in results.values(kept, "loss_train"))
        more = loss_axis(ax, float(kept["initial_train_loss"].median()), highest)
    if admitted(group).empty:
        say(ax, "no admitted run")
    ax.set_ylabel(f"training loss{unit(rows)}{more}")


def loss_axis(ax: Axes, start: float, highest: float) -> str:
    """Set a loss axis, logarithmic above the loss at the start if it goes far beyond; return what its label adds."""
    if not highest > STEEP * start > 0:
        ax.set_ylim(0, highest * 1.05 or 1)
        return ""
    digit = 10.0 ** np.floor(np.log10(start))
    digits = np.ceil(start / digit)
    linear = float(digits * digit)
    ax.set_yscale("symlog", linthresh=linear, linscale=max(1.0, np.log10(highest / linear)))
    ax.set_ylim(0, highest * 1.2)
    ax.axhline(linear, color=GREY, lw=0.6, ls=":")
    step = digit * (0.5 if digits == 1 else 1 if digits <= 5 else 2)
    above = 10.0 ** np.arange(np.ceil(np.log10(linear * 1.5)), np.floor(np.log10(highest * 1.2)) + 1)
    ax.yaxis.set_major_locator(FixedLocator([*np.arange(0, linear + step / 2, step), *above]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2g}" if value < 1e2 else f"{value:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    return f"\nlinear up to {number(linear)}, then logarithmic"


def _tidy(results: Results, rows: pd.DataFrame, fields: dict[str, str]) -> pd.DataFrame:
    """Return the drawn curves, a row for each alpha of each line; the suite only where several are pooled."""
    identity = ["suite", "run_id"] if len(results.suites) > 1 else ["run_id"]
    alphas = [np.round(pair[0], 6) for pair in results.values(rows, next(iter(fields.values())))]
    times = [len(values) for values in alphas]
    data = {name: np.repeat(rows[name].to_numpy(object), times) for name in identity}
    data["alpha"] = np.concatenate(alphas) if alphas else np.empty(0)
    for name, field in fields.items():
        values = [pair[1] for pair in results.values(rows, field)]
        data[name] = np.concatenate(values) if values else np.empty(0)
    return pd.DataFrame(data)
