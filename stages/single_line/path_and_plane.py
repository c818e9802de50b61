"""The path of training through several checkpoints, and the plane through three of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from stages.figures.style import THEME
from stages.measures.projection import basis, progress
from stages.networks.batch_norm import Statistics
from stages.single_line.line_evaluator import LineEvaluator, ignore
from stages.single_line.line_result import LineResult
from stages.single_line.prepared_network import Point

GRID = 15
"""Number of points a side of a plane."""
MARGIN = 0.15
"""Margin around the points shown, as a share of their extent."""
HIGHEST = 2.0
"""Multiple of the largest loss at a checkpoint up to which the levels of a plane go."""


def path_frame(points: Sequence[Point], trainable: int, lines: Sequence[LineResult]) -> pd.DataFrame:
    """Return the path of training relative to the line from its first to its last checkpoint.

    Args:
        points: The K checkpoints.
        trainable: Number of trainable parameters.
        lines: The lines of the first K - 1 checkpoints to the last, which hold their losses.

    Returns:
        One row a checkpoint, with the columns of `stages.measures.projection.Progress`, losses and accuracies.
    """
    found = pd.DataFrame(vars(progress(np.stack([point.theta[:trainable].numpy() for point in points]))))
    found.insert(0, "checkpoint", [point.name for point in points])
    values = [line.curve.iloc[0] for line in lines] + [lines[-1].curve.iloc[-1]]
    return found.assign(**{name: [row[name] for row in values] for name in lines[0].curve.columns if name != "alpha"})


@dataclass(frozen=True)
class Plane:
    """Losses on a plane through three checkpoints; coordinates are Euclidean distances of trainable parameters."""

    grid: pd.DataFrame
    """One row a point of the grid: `x`, `y`, `train_loss`, `train_accuracy`, `test_loss`, `test_accuracy`."""
    marks: pd.DataFrame
    """One row a checkpoint: `checkpoint`, `x`, `y`, `off_plane`, and `order` on the path of training; the first three
    span the plane."""

    def frame(self) -> pd.DataFrame:
        """Return grid and marks as one tidy table."""
        return pd.concat([self.grid.assign(what="grid"), self.marks.assign(what="mark")], ignore_index=True)


def evaluate_plane(
    evaluator: LineEvaluator,
    points: Sequence[Point],
    examples: int,
    order: Sequence[int],
    progress: Callable[[float], None] = ignore,
    grid: int = GRID,
) -> Plane:
    """Evaluate the plane through three checkpoints.

    Args:
        evaluator: The evaluator.
        points: At least three checkpoints; the first three span the plane, others are projected onto it.
        examples: Number of training examples.
        order: Places in `points` of those on the path of training, in its order; none for no path.
        progress: Called with the share, from 0 to 1, of the work that is done.
        grid: Number of grid points a side.

    Returns:
        The plane.

    Raises:
        UserError: If the three are on one line, or memory is too little.
    """
    trainable = evaluator.prepared.trainable
    weights = [point.theta[:trainable].numpy() for point in points]
    axes = basis(*weights[:3])
    marks = np.concatenate([axes.coordinates(one[None]) for one in weights])
    marks[0], marks[1, 1:], marks[2, 2] = 0, 0, 0  # by definition, beyond rounding
    low, high = marks[:, :2].min(0), marks[:, :2].max(0)
    margin = MARGIN * (high - low)
    columns, rows = (np.linspace(low[axis] - margin[axis], high[axis] + margin[axis], grid) for axis in (0, 1))
    alphas = columns / axes.length
    frames = []
    for number, height in enumerate(rows):
        across = height / marks[2, 1]
        shift = across * marks[2, 0] / axes.length
        ends = [_combine(points, start - shift, across) for start in (0.0, 1.0)]
        found, _ = evaluator.sweep(ends[0], ends[1], alphas, examples)
        values = {
            "train_loss": found.loss_train,
            "train_accuracy": found.accuracy_train,
            "test_loss": found.loss_test,
            "test_accuracy": found.accuracy_test,
        }
        frames.append(pd.DataFrame({"x": columns, "y": height} | values))
        progress((number + 1) / grid)
    where = pd.DataFrame(
        {"checkpoint": [point.name for point in points]} | dict(zip(("x", "y", "off_plane"), marks.T, strict=True))
    )
    places = pd.Series({place: number for number, place in enumerate(order)}, dtype=float)
    return Plane(pd.concat(frames, ignore_index=True), where.assign(order=places.reindex(where.index)))


def _combine(points: Sequence[Point], along: float, across: float) -> Point:
    """Return the point first + along (second - first) + across (third - first), its statistics alike."""
    first, second, third = points[:3]
    theta = first.theta + along * (second.theta - first.theta) + across * (third.theta - first.theta)
    statistics: Statistics | None = None
    if first.statistics is not None and second.statistics is not None and third.statistics is not None:
        statistics = {}
        for name, one in first.statistics.items():
            value = one + along * (second.statistics[name] - one) + across * (third.statistics[name] - one)
            statistics[name] = value.clamp(min=0) if name.endswith(".variance") else value
    return Point("plane", theta, statistics)


def draw_plane(plane: Plane) -> Figure:
    """Draw the training loss on a plane, with the checkpoints and the path through them."""
    values = plane.grid.pivot(index="y", columns="x", values="train_loss")
    rows = np.abs(values.index.to_numpy()[:, None] - plane.marks["y"].to_numpy()).argmin(0)
    columns = np.abs(values.columns.to_numpy()[:, None] - plane.marks["x"].to_numpy()).argmin(0)
    losses = values.to_numpy()
    low = float(np.nanmin(losses))
    high = min(float(np.nanmax(losses)), HIGHEST * max(float(np.nanmax(losses[rows, columns])), low + 1e-3))
    levels = MaxNLocator(12).tick_values(low, max(high, low + 1e-6))
    with mpl.rc_context(THEME):
        figure, ax = plt.subplots(figsize=(6, 4.5))
        colours = sns.color_palette("mako_r", as_cmap=True)
        norm = BoundaryNorm(levels, colours.N, extend="max")
        filled = ax.contourf(values.columns, values.index, losses, levels, cmap=colours, norm=norm, extend="max")
        figure.colorbar(filled, ax=ax, label="training loss")
        path = plane.marks.dropna(subset="order").sort_values("order")
        ax.plot(path["x"], path["y"], color="0.3", lw=1)
        sns.scatterplot(plane.marks, x="x", y="y", color="white", edgecolor="black", s=40, zorder=3, ax=ax)
        for mark in plane.marks.itertuples():
            right = mark.x > np.quantile(values.columns, 0.75)
            shift, side = ((-6, 5), "right") if right else ((6, 5), "left")
            place = (mark.x, mark.y)
            text = ax.annotate(mark.checkpoint, place, shift, textcoords="offset points", fontsize=9, ha=side, zorder=4)
            text.set_path_effects([withStroke(linewidth=2.5, foreground="w")])
        ax.set(xlabel="weight distance from the first to the last", ylabel="weight distance across")
        ax.grid(False)
        return figure


def draw_path(frame: pd.DataFrame) -> Figure:
    """Draw the path of training: loss and distance off the line, against progress along the line."""
    labels = {"train_loss": "training loss", "residual": "distance off the line"}
    long = frame.melt(["checkpoint", "progress"], list(labels), var_name="quantity")
    long["quantity"] = long["quantity"].map(labels)
    with mpl.rc_context(THEME):
        grid = sns.relplot(
            long,
            x="progress",
            y="value",
            col="quantity",
            kind="line",
            marker="o",
            sort=False,
            height=3.2,
            facet_kws={"sharey": False},
        )
        grid.set_titles("{col_name}")
        grid.set_axis_labels("progress along the line, as a share of its length", "")
        return grid.figure
