"""Figures that set min Delta against another number of each line: 5, 10, 12, 13, 14, 16 and 18."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from stages.figures.base import (
    NETWORKS,
    OPTIMIZERS,
    Drawing,
    admitted,
    count,
    explain,
    left_out,
    number,
    optimizers,
    split,
    subject,
    unit,
)
from stages.figures.declare import figure
from stages.figures.style import (
    DISTANCE,
    GAUSS,
    canvas,
    caption,
    heading,
    legend,
    log_axis,
    rise_axis,
    say,
    scatter_verdicts,
    verdict_handles,
)
from stages.results.results import Results

LABELS = {"normalized_distance": DISTANCE} | GAUSS
PAPER_RATES = [0.1, 0.0001]
SHOWN = ["suite", "run_id", "dataset", "optimizer", "lr", "batch_norm", "min_delta", "monotonic"]


@figure(
    5,
    "rise_by_learning_rate",
    shows="Min Δ against distance and against Gauss length.",
    paper="Networks that moved little, or turned little, are monotone.",
    claims=("far", "long", "short"),
)
def rise_by_learning_rate(results: Results) -> Drawing:
    """Figure 5: min Delta against distance and Gauss length, a row for each of two learning rates."""
    rows = results.lines()
    reached = sorted(set(admitted(rows)["lr"]))
    rates = {}
    for rate, place, name in zip(PAPER_RATES, (-1, 0), ("largest", "smallest"), strict=True):
        if rate in reached:
            rates[rate] = "as in the paper"
        elif reached:
            rates.setdefault(reached[place], f"{name} with admitted runs")
    groups = {f"learning rate {rate:g} ({why})": rows[rows["lr"] == rate] for rate, why in rates.items()}
    others = rows[~rows["lr"].isin(list(rates))] if rates else rows.head(0)
    note = f" {len(admitted(others))} more admitted runs have other learning rates" if len(others) else ""
    note += f" ({left_out(others)})." if len(others) else ""
    return _rises(results, groups or {"all learning rates": rows}, "learning rate", note)


@figure(
    12,
    "rise_by_optimizer",
    shows="Figure 5 by optimizer.",
    paper="Adam moves farther, and is more often non-monotone.",
    claims=("adaptive", "far"),
)
def rise_by_optimizer(results: Results) -> Drawing:
    """Figure 12: min Delta against distance and Gauss length, a row for each optimizer."""
    rows = results.lines()
    groups = {OPTIMIZERS.get(name, name): rows[rows["optimizer"] == name] for name in optimizers(rows)}
    return _rises(results, groups or {"all optimizers": rows}, "optimizer")


@figure(
    13,
    "autoencoder_rise",
    shows="Figure 5 for autoencoders.",
    paper="Short distances and Gauss lengths are monotone.",
)
def autoencoder_rise(results: Results) -> Drawing:
    """Figure 13: min Delta against distance and Gauss length."""
    return _rises(results, {"all optimizers and learning rates": results.lines()}, "")


@figure(
    14,
    "residual_distance",
    shows="Min Δ against distance for residual networks.",
    paper="Farther networks are more often non-monotone.",
)
def distance_and_rise(results: Results) -> Drawing:
    """Figure 14: min Delta against distance, a panel for each suite."""
    return _by_suite(results, "normalized_distance", "distance")


@figure(
    16,
    "residual_gauss_length",
    shows="Min Δ against Gauss length for residual networks.",
    paper="Little relation.",
)
def gauss_length_and_rise(results: Results) -> Drawing:
    """Figure 16: min Delta against Gauss length, a panel for each suite."""
    return _by_suite(results, "gauss_length_smooth", "Gauss length")


def _by_suite(results: Results, x: str, name: str) -> Drawing:
    rows = results.lines()
    suites = list(dict.fromkeys(rows["suite"])) or ["no suite"]
    figure, axes = canvas(1, len(suites), sharex=True, sharey=True)
    for ax, suite in zip(axes[0], suites, strict=True):
        group = rows[rows["suite"] == suite]
        drawn = _points(ax, results, rows, group, x)
        heading(ax, suite, _counts(group, drawn))
    legend(figure, verdict_handles(results, rows))
    caption(figure, f"min Δ and {name}: {subject(rows)}", explain(results))
    return Drawing(figure, admitted(rows)[[*SHOWN, "layers", "initialization", x]])


@figure(
    18,
    "rise_by_batch_norm",
    shows="Min Δ against distance, with batch norm and without.",
    paper="Batch norm moves weights farther.",
    claims=("batch_norm",),
)
def rise_by_batch_norm(results: Results) -> Drawing:
    """Figure 18: min Delta against distance, with and without batch normalisation."""
    rows = results.lines()
    figure, axes = canvas(1, 2, sharex=True, sharey=True)
    for ax, on in zip(axes[0], (True, False), strict=True):
        _points(ax, results, rows, rows[rows["batch_norm"] == on], "normalized_distance")
        heading(ax, "batch norm" if on else "no batch norm", _counts(rows[rows["batch_norm"] == on]))
    legend(figure, verdict_handles(results, rows))
    caption(figure, f"min Δ and distance by batch norm: {subject(rows)}", explain(results))
    return Drawing(figure, admitted(rows)[[*SHOWN, "normalized_distance"]])


@figure(
    10,
    "test_accuracy",
    shows="Test accuracy against min Δ.",
    paper="Monotone and non-monotone networks generalise alike.",
    claims=("accuracy",),
)
def accuracy_and_rise(results: Results) -> Drawing:
    """Figure 10: test accuracy against min Delta, a panel for each dataset and kind of network."""
    rows = results.lines()
    kinds = list(dict.fromkeys(zip(rows["dataset"], rows["network"], strict=True))) or [("no dataset", "no network")]
    columns = min(len(kinds), 3)
    figure, axes = canvas(-(-len(kinds) // columns), columns)
    for ax in axes.flat[len(kinds) :]:
        ax.remove()
    for ax, (dataset, network) in zip(axes.flat, kinds, strict=False):
        group = rows[(rows["dataset"] == dataset) & (rows["network"] == network)]
        kept = admitted(group)
        drawn = kept[kept["test_accuracy"].notna()]
        scatter_verdicts(ax, drawn, drawn["min_delta"].astype(float), 100 * drawn["test_accuracy"].astype(float))
        if drawn.empty:
            say(ax, "no admitted run with a test accuracy")
        own = results.only(*dict.fromkeys(group["suite"]))
        rise_axis(ax.xaxis, own, kept["min_delta"].to_numpy(float))
        ax.set(xlabel=f"min Δ{unit(group)}", ylabel="test accuracy (%)")
        means = [
            f"{name}: {_mean(drawn[drawn['monotonic'] == monotone]['test_accuracy'])}"
            for name, monotone in (("monotone", True), ("non-monotone", False))
        ]
        heading(ax, f"{dataset}, {NETWORKS.get(network, network)}", "\n".join([*means, count(group, len(drawn))]))
    legend(figure, verdict_handles(results, rows))
    note = f"Mean ± standard error of the mean over runs. {explain(results)}"
    caption(figure, f"Test accuracy and min Δ: {subject(rows)}", note)
    return Drawing(figure, admitted(rows)[[*SHOWN, "network", "test_accuracy"]])


def _rises(results: Results, groups: dict[str, pd.DataFrame], by: str, note: str = "") -> Drawing:
    rows = pd.concat(list(groups.values())).sort_index()
    figure, axes = canvas(len(groups), 2, sharex="col", sharey=True)
    for pair, (name, group) in zip(axes, groups.items(), strict=True):
        for ax, x in zip(pair, ("normalized_distance", "gauss_length_smooth"), strict=True):
            drawn = _points(ax, results, rows, group, x)
            heading(ax, name, _counts(group, drawn))
    legend(figure, verdict_handles(results, rows))
    title = f"min Δ, distance and Gauss length{f' by {by}' if by else ''}: {subject(rows)}"
    caption(figure, title, explain(results) + note)
    return Drawing(figure, admitted(rows)[[*SHOWN, "normalized_distance", "gauss_length_smooth"]])


def _points(ax: Axes, results: Results, rows: pd.DataFrame, group: pd.DataFrame, x: str) -> int:
    """Draw a panel of min Delta against `x`, on axes that suit all of `rows`; return the number of points."""
    kept = admitted(group)
    values = kept[x].astype(float)
    drawn = kept[np.isfinite(values) & (values > 0)]
    scatter_verdicts(ax, drawn, drawn[x].astype(float), drawn["min_delta"].astype(float))
    if drawn.empty:
        say(ax, "no admitted run")
    log_axis(ax.xaxis, admitted(rows)[x].to_numpy(float))
    rise_axis(ax.yaxis, results, admitted(rows)["min_delta"].to_numpy(float))
    ax.set(xlabel=f"{LABELS[x]}, log scale", ylabel=f"min Δ{unit(rows)}")
    ax.tick_params(labelbottom=True, labelleft=True)
    return len(drawn)


def _counts(group: pd.DataFrame, drawn: int | None = None) -> str:
    return f"{split(group)}\n{count(group, drawn)}"


def _mean(accuracies: pd.Series) -> str:
    """Write mean and standard error of accuracies in per cent."""
    values = 100 * accuracies.to_numpy(float)
    if values.size < 2:
        return f"{number(values[0])} % (n = 1)" if values.size else "none (n = 0)"
    error = values.std(ddof=1) / np.sqrt(values.size)
    return f"{values.mean():.2f} ± {error:.2f} % (n = {values.size})"
