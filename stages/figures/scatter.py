"""Figures that set min Delta against another number of each line: 5, 10, 12, 13, 14, 16 and 18."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from stages.figures import findings_of_numbers
from stages.figures.declare import figure
from stages.figures.facets import Facets, compose, tolerance_entry, verdict_entries
from stages.figures.outputs import Drawing
from stages.figures.style import DISTANCE, GAUSS, log_axis, rise_axis
from stages.figures.words import (
    count,
    explain,
    left_out,
    network_name,
    number,
    optimizer_name,
    optimizers,
    split,
    subject,
    unit,
)
from stages.results.results import Results
from stages.results.rows import converged

LABELS = {"normalized_distance": DISTANCE} | GAUSS
PAPER_RATES = [0.1, 0.0001]
COLUMNS = ["panel", "suite", "run_id", "dataset", "optimizer", "lr", "batch_norm", "min_delta", "monotonic"]
BOTH = ["normalized_distance", "gauss_length_smooth"]
NAMES = dict(zip(BOTH, ("distance", "Gauss length"), strict=True))
FEW = 10  # converged runs from which a kind of network has a panel of its own
TWO = "distance and Gauss length"


@figure(
    5,
    "rise_by_learning_rate",
    shows="Min Δ against distance and against Gauss length.",
    paper="Networks that moved little, or turned little, are monotone.",
    claims=("distance_predicts_failure", "gauss_length_predicts_failure", "short_paths_are_monotone"),
    finding=findings_of_numbers.by_distance_and_length,
)
def rise_by_learning_rate(results: Results) -> Drawing:
    """Figure 5: min Delta against distance and Gauss length, a row for each of two learning rates."""
    rows = results.lines()
    reached = sorted(set(converged(rows)["lr"]))
    names = {}
    for rate, place, which in zip(PAPER_RATES, (-1, 0), ("largest", "smallest"), strict=True):
        if rate in reached:
            names[rate] = "as in the paper"
        elif reached:
            names.setdefault(reached[place], f"{which} with converged runs")
    names = {rate: f"learning rate {rate:g} ({why})" for rate, why in names.items()}
    others = rows[~rows["lr"].isin(list(names))] if names else rows.head(0)
    note = f" {len(converged(others))} more converged runs have other learning rates" if len(others) else ""
    note += f" ({left_out(others)})." if len(others) else ""
    panels = rows["lr"].map(names)
    return _rises(results, rows.assign(panel=panels), list(names.values()), f"{TWO} by learning rate", note=note)


@figure(
    12,
    "rise_by_optimizer",
    shows="Figure 5 by optimizer.",
    paper="Adam moves farther, and is more often non-monotone.",
    claims=("adaptive_optimizers_break_monotonicity", "distance_predicts_failure"),
    finding=findings_of_numbers.by_optimizer,
)
def rise_by_optimizer(results: Results) -> Drawing:
    """Figure 12: min Delta against distance and Gauss length, a row for each optimizer."""
    rows = results.lines()
    names = {name: optimizer_name(name) for name in optimizers(rows)}
    return _rises(results, rows.assign(panel=rows["optimizer"].map(names)), list(names.values()), f"{TWO} by optimizer")


@figure(
    13,
    "autoencoder_rise",
    shows="Figure 5 for autoencoders.",
    paper="Short distances and Gauss lengths are monotone.",
    finding=findings_of_numbers.by_distance_and_length,
)
def autoencoder_rise(results: Results) -> Drawing:
    """Figure 13: min Delta against distance and Gauss length."""
    name = "all optimizers and learning rates"
    return _rises(results, results.lines().assign(panel=name), [name], TWO)


@figure(
    14,
    "residual_distance",
    shows="Min Δ against distance for residual networks.",
    paper="Farther networks are more often non-monotone.",
    finding=findings_of_numbers.by_distance,
)
def distance_and_rise(results: Results) -> Drawing:
    """Figure 14: min Delta against distance, a panel for each suite."""
    return _by_suite(results, "normalized_distance")


@figure(
    16,
    "residual_gauss_length",
    shows="Min Δ against Gauss length for residual networks.",
    paper="Small Gauss lengths are generally monotone; larger bumps occur at larger lengths.",
    finding=findings_of_numbers.by_gauss_length,
)
def gauss_length_and_rise(results: Results) -> Drawing:
    """Figure 16: min Delta against Gauss length, a panel for each suite."""
    return _by_suite(results, "gauss_length_smooth")


def _by_suite(results: Results, x: str) -> Drawing:
    rows = results.lines()
    names, more = list(dict.fromkeys(rows["suite"])), ["layers", "initialization"]
    return _rises(results, rows.assign(panel=rows["suite"]), names, f"{NAMES[x]} by suite", [x], more)


@figure(
    18,
    "rise_by_batch_norm",
    shows="Min Δ against distance, with batch norm and without.",
    paper="With batch norm the distance has a higher variance, so more networks travel far.",
    claims=("batch_norm_breaks_monotonicity",),
    finding=findings_of_numbers.by_batch_norm,
)
def rise_by_batch_norm(results: Results) -> Drawing:
    """Figure 18: min Delta against distance, with and without batch normalisation."""
    rows = results.lines()
    panel = rows["batch_norm"].map({True: "batch norm", False: "no batch norm"})
    names = ["batch norm", "no batch norm"]
    return _rises(results, rows.assign(panel=panel), names, "distance by batch norm", BOTH[:1])


def _rises(
    results: Results,
    rows: pd.DataFrame,
    names: list[str],
    against: str,
    xs: Sequence[str] = BOTH,
    more: Sequence[str] = (),
    note: str = "",
) -> Drawing:
    """Draw min Delta of converged runs against other numbers.

    Args:
        results: The pooled suites.
        rows: Lines with a column `panel`; those without a panel are not shown.
        names: The panels in their order.
        against: What the other numbers are, for the title.
        xs: Columns of these numbers: each has a panel beside the others.
        more: Columns that the data have, too.
        note: Ends the note below the figure.

    Returns:
        A row of panels for each name if there are several numbers, else a panel for each name.
    """
    rows = rows[rows["panel"].notna()]
    kept = converged(rows).astype(dict.fromkeys(["min_delta", *xs], float))
    points = kept.melt(COLUMNS, xs, var_name="x", value_name="value")
    points = points[np.isfinite(points["value"]) & (points["value"] > 0)]
    titles, shown = {}, []
    for name, x in itertools.product(names or ["no run"], xs):
        group = rows[rows["panel"] == name]
        title = f"{name}: {NAMES[x]}" if len(xs) > 1 else name
        found = (points["panel"] == name) & (points["x"] == x)
        titles[title] = f"{split(group)}\n{count(group, int(found.sum()))}"
        points.loc[found, "panel"] = title
        shown.append(x)
    facets = Facets(points, titles, sharex=len(xs) == 1)
    facets.scatter("value", "min_delta")
    for ax, x in zip(facets.axes.flat, shown, strict=True):
        log_axis(ax.xaxis, kept[x].to_numpy(), fit=True)
        rise_axis(ax.yaxis, results, kept["min_delta"].to_numpy())
        ax.set_xlabel(f"{LABELS[x]}, log scale")
    facets.set_ylabels(f"min Δ{unit(rows)}")
    title = f"min Δ and {against}: {subject(rows)}"
    compose(facets.figure, title, explain(results) + note, [*verdict_entries(rows), tolerance_entry(results)])
    return Drawing(facets.figure, kept[[*COLUMNS, *more, *xs]])


@figure(
    10,
    "test_accuracy",
    shows="Test accuracy against min Δ.",
    paper="Monotone and non-monotone networks generalise alike.",
    claims=("accuracy_does_not_differ", "accuracy_does_not_differ_convolutional"),
    finding=findings_of_numbers.of_accuracy,
)
def accuracy_and_rise(results: Results) -> Drawing:
    """Figure 10: test accuracy against min Delta, panels by dataset and kind of network."""
    rows = results.lines()
    rows["panel"] = _kinds(rows)
    kept = converged(rows).astype({"min_delta": float, "test_accuracy": float})
    points = kept[kept["test_accuracy"].notna()].assign(percent=100 * kept["test_accuracy"])
    titles = {}
    for name, group in rows.groupby("panel", sort=False):
        own = points[points["panel"] == name]
        means = [
            f"{kind}: {_mean(own['percent'][own['monotonic'] == monotone].to_numpy())}"
            for kind, monotone in (("monotone", True), ("non-monotone", False))
        ]
        titles[name] = "\n".join([*means, count(group, len(own))])
    facets = Facets(points, titles, sharex=False, sharey=False)
    facets.scatter("min_delta", "percent", "no converged run with a test accuracy")
    for ax, name, part in facets.parts():
        suites = dict.fromkeys(rows["suite"][rows["panel"] == name])
        rise_axis(ax.xaxis, results.only(*suites), part["min_delta"].to_numpy())
    facets.set_axis_labels(f"min Δ{unit(rows)}", "test accuracy (%)")
    note = f"Mean ± standard error of the mean over runs. {explain(results)}"
    title = f"Test accuracy and min Δ: {subject(rows)}"
    compose(facets.figure, title, note, [*verdict_entries(rows), tolerance_entry(results)])
    return Drawing(facets.figure, kept[[*COLUMNS, "network", "test_accuracy"]])


def _kinds(rows: pd.DataFrame) -> pd.Series:
    """Name each line's dataset and kind of network; kinds with few converged runs share a panel of their dataset."""
    networks = rows["network"].map(network_name)
    alone = converged(rows).groupby(["dataset", "network"])["run_id"].count() >= FEW
    few = np.array(
        [not alone.get(kind, False) for kind in zip(rows["dataset"], rows["network"], strict=True)], dtype=bool
    )
    shared = networks[few].groupby(rows["dataset"]).agg(lambda names: ", ".join(dict.fromkeys(names)))
    return rows["dataset"].astype(str) + ", " + networks.mask(few, rows["dataset"].map(shared))


def _mean(values: np.ndarray) -> str:
    """Write mean and standard error of accuracies in per cent."""
    if values.size < 2:
        return f"{number(values[0])} % (n = 1)" if values.size else "none (n = 0)"
    error = values.std(ddof=1) / np.sqrt(values.size)
    return f"{values.mean():.2f} ± {error:.2f} % (n = {values.size})"
