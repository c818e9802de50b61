"""Figures of two-dimensional sections of weight space: 1, 9, 19, 22 and 23."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from stages.config import OWN_LINE, PairLines
from stages.figures.base import Drawing, number, setting, subject, unit
from stages.figures.bundles import loss_axis
from stages.figures.declare import figure
from stages.figures.style import COLOURS, canvas, caption, heading, legend, say
from stages.lines.landscape import Surface, Trajectory
from stages.results.results import Results

LEVELS = 12
BEYOND = 1.5  # times the highest loss of a marked point up to which levels go: far walls would flatten the rest
PATHS = (COLOURS[3], COLOURS[1], COLOURS[4])
MARKS = {"initial": "o", "final": "X"}
KINDS = {"initial": "initial", "final": "trained"}
MAPS = {"loss": "Greens", "accuracy": "Purples"}  # the paper's colours
COLUMNS = ["suite", "plane", "what", "label", "x", "y", "off_plane", "train_loss", "train_accuracy"]
SHARE = r"share of the way, $1-\|\theta-\theta_T\|\,/\,\|\theta_0-\theta_T\|$"

Chosen = list[tuple[str, str, Surface]]


@figure(
    1,
    "plane_and_curves",
    shows="A plane through two initialisations and an optimum with the path of training, and the losses on the lines.",
    paper="Loss falls along the line from either initialisation; training takes a bent path.",
)
@figure(
    19,
    "failing_plane",
    shows="A plane through a network whose line rises.",
    paper="A barrier, then a flat region.",
)
def plane_and_curves(results: Results) -> Drawing:
    """Figures 1 and 19: each plane with the path of training, and beside it the losses on that path and on lines."""
    chosen = _all(results)[:1]
    return _with_curves(results, chosen, side_by_side=True, training=True)


@figure(
    9,
    "planes",
    shows="Planes of a masked language model.",
    paper="Both initialisations are monotonically connected to both optima.",
)
def planes(results: Results) -> Drawing:
    """Figure 9: training loss on each plane."""
    return _maps(results, ("loss",))


@figure(
    22,
    "loss_and_accuracy",
    shows="Planes of residual networks: loss and accuracy.",
    paper="Monotone from initialisations to optima.",
)
def loss_and_accuracy(results: Results) -> Drawing:
    """Figure 22: training loss and training accuracy on each plane."""
    return _maps(results, ("loss", "accuracy"))


@figure(
    23,
    "planes_and_lines",
    shows="Planes of a masked language model with the losses on lines.",
    paper="Monotone between all pairs.",
)
def planes_and_lines(results: Results) -> Drawing:
    """Figure 23: training loss on each plane, and below it along the lines between its points."""
    return _with_curves(results, _all(results), side_by_side=False, training=False)


def _all(results: Results) -> Chosen:
    return [
        (suite, name, surface)
        for suite, landscape in results.landscapes.items()
        for name, surface in landscape.planes.items()
    ]


def _maps(results: Results, fields: tuple[str, ...]) -> Drawing:
    """Draw a column for each plane, a row for each field."""
    chosen = _all(results)
    figure, axes = canvas(len(fields), max(len(chosen), 1), width=6.2, height=4.6)
    for field, row in zip(fields, axes, strict=True):
        for ax, (suite, name, surface) in zip(row, chosen, strict=False):
            _map(figure, ax, results, suite, name, surface, field)
        if not chosen:
            _nothing(row[0])
    return _finish(figure, results, chosen)


def _with_curves(results: Results, chosen: Chosen, side_by_side: bool, training: bool) -> Drawing:
    """Draw planes, and beside or below each the losses along lines between its points."""
    shape = (max(len(chosen), 1), 2) if side_by_side else (2, max(len(chosen), 1))
    figure, axes = canvas(*shape, width=6.0, height=4.6)
    pairs = axes if side_by_side else axes.T
    for pair, (suite, name, surface) in zip(pairs, chosen, strict=False):
        _map(figure, pair[0], results, suite, name, surface, "loss")
        _curves(pair[1], results, suite, surface, training)
    if not chosen:
        for ax in pairs[0]:
            _nothing(ax)
    return _finish(figure, results, chosen)


def _finish(figure: Figure, results: Results, chosen: Chosen) -> Drawing:
    rows = results.lines(once=False)
    used = [rows[(rows["suite"] == suite) & rows["run_id"].isin(surface.runs)] for suite, _, surface in chosen]
    shown = pd.concat([rows.head(0), *used])
    handles = [
        Line2D(
            [],
            [],
            color="k",
            marker=marker,
            ls="",
            mec="w",
            ms=8,
            label={"initial": "initial", "final": "trained"}[kind],
        )
        for kind, marker in MARKS.items()
    ]
    hollow = any((surface.marks[3:, 2] > 0).any() for _, _, surface in chosen)
    if hollow:
        handles.append(Line2D([], [], color="k", marker="o", ls="", mfc="w", ms=8, label="projected onto the plane"))
    if any(surface.paths for _, _, surface in chosen):
        handles.append(Line2D([], [], color=PATHS[0], marker=".", label="path of training,\nprojected"))
    legend(figure, handles)
    settings = list(dict.fromkeys(setting(row, ["dataset", "seed"]) for _, row in shown.iterrows()))
    note = (
        "Axes in weight distance: along the line from the first point to the second, and at right angles to it in the "
        "plane; trainable parameters only. Training split; batch-norm statistics, if there are any, estimated anew at "
        f"each point of the grid. {'; '.join(settings[:3])}."
    )
    caption(figure, f"Planes through three points of weight space: {subject(shown)}", note)
    data = [_tidy(*one) for one in chosen]
    return Drawing(figure, pd.concat(data, ignore_index=True) if data else pd.DataFrame(columns=COLUMNS))


def _nothing(ax: Axes) -> None:
    ax.set(xlabel="weight distance", ylabel="weight distance")
    say(ax, "no suite with a plane\nof runs that did not diverge")
    heading(ax, "no plane", "")


def _map(figure: Figure, ax: Axes, results: Results, suite: str, name: str, surface: Surface, field: str) -> None:
    """Draw one field over a plane with contours, marked points and paths."""
    values = getattr(surface, f"{field}_train")
    title = f"{name.replace('_', ' ')}: training {field}"
    first, second, third = (label.replace("_", " ") for label in surface.labels[:3])
    ax.set(xlabel=f"weight distance from {first} towards {second}", ylabel=f"weight distance towards {third}")
    if not np.isfinite(values).any():
        say(ax, f"no {field}")
        heading(ax, title, "")
        return
    levels = _levels(values, surface, field)
    beyond = "max" if np.nanmax(values) > levels[-1] else "neither"
    shades = mpl.colormaps[MAPS[field]](np.linspace(0.1, 0.85, len(levels) - (beyond == "neither")))
    shades = ListedColormap(shades[::-1] if field == "loss" else shades)
    norm = BoundaryNorm(levels, shades.N, extend=beyond)
    filled = ax.contourf(surface.x, surface.y, values, levels=levels, cmap=shades, norm=norm, extend=beyond)
    lines = ax.contour(surface.x, surface.y, values, levels=levels, colors="0.25", linewidths=0.5)
    outline = [withStroke(linewidth=2.5, foreground="w")]
    for text in ax.clabel(lines, levels[1::2], fontsize=7, fmt="%.3g"):
        text.set_path_effects(outline)
    rows = results.lines(once=False)
    scale = unit(rows[rows["suite"] == suite]) if field == "loss" else ""
    figure.colorbar(filled, ax=ax, label=f"training {field}{scale}", pad=0.02)
    place = 0
    for run_id, length, colour in zip(surface.paths, surface.lengths, PATHS * 9, strict=False):
        steps = surface.steps[place : place + length]
        place += length
        ax.plot(steps[:, 0], steps[:, 1], color=colour, marker=".", ms=4, lw=1.2, zorder=4, label=run_id)
    for label, kind, (x, y, off) in zip(surface.labels, surface.kinds, surface.marks, strict=True):
        look = {"mfc": "w", "mec": "k"} if off > 0 else {"mfc": "k", "mec": "w"}
        ax.plot(x, y, marker=MARKS[kind], ms=9, ls="", zorder=5, **look)
        text = label.replace("_", " ") + (f"\n({number(off)} off the plane)" if off > 0 else "")
        ax.annotate(text, (x, y), (7, 7), textcoords="offset points", fontsize=9, path_effects=outline, zorder=6)
    first, second, third = (label.replace("_", " ") for label in surface.labels[:3])
    ax.set(xlabel=f"weight distance from {first} towards {second}", ylabel=f"weight distance towards {third}")
    grid = f"{len(surface.y)} x {len(surface.x)} points"
    heading(
        ax,
        f"{name.replace('_', ' ')}: training {field}",
        f"{grid}, {number(np.nanmin(values))} to {number(np.nanmax(values))}",
    )


def _levels(values: np.ndarray, surface: Surface, field: str) -> np.ndarray:
    """Return levels of contours: of losses up to somewhat above those at the marked points, if some are far higher."""
    if field == "accuracy":
        return np.linspace(0, 1, 11)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    rows = np.abs(surface.y[:, None] - surface.marks[:, 1]).argmin(0)
    columns = np.abs(surface.x[:, None] - surface.marks[:, 0]).argmin(0)
    high = min(high, BEYOND * max(float(np.nanmax(values[rows, columns], initial=low)), low + 1e-3))
    levels = MaxNLocator(LEVELS).tick_values(low, high)
    return levels if len(levels) > 2 else np.linspace(low - 0.5, high + 0.5, 3)


def _curves(ax: Axes, results: Results, suite: str, surface: Surface, training: bool) -> None:
    """Draw the losses along all lines between points of a plane that the suite has, and on the paths of training."""
    rows = _between(results, suite, surface)
    pairs = results.values(rows, "loss_train")
    highest, start = 0.0, 1.0
    for place, ((_, row), (alphas, values)) in enumerate(zip(rows.iterrows(), pairs, strict=True)):
        own = row["line"] == OWN_LINE
        ax.plot(
            alphas,
            values,
            color=COLOURS[place % len(COLOURS)],
            ls="-" if own else "--",
            label=f"{row['label']} (min Δ {number(row['min_delta'])})",
        )
        highest, start = max(highest, float(values.max())), float(pairs[0][1][0])
    for run_id, colour in zip(surface.paths if training else (), PATHS * 9, strict=False):
        trajectory: Trajectory = results.landscapes[suite].trajectories[run_id]
        ax.plot(1 - trajectory.remaining, trajectory.loss_train, color=colour, marker=".", ms=5, lw=1, label="training")
        highest = max(highest, float(trajectory.loss_train.max()))
    ax.set_xlabel(SHARE if training else "α")
    if not len(rows):
        say(ax, "no line between these points")
        ax.set_ylabel("training loss")
    else:
        ax.set_ylabel(f"training loss{unit(rows)}{loss_axis(ax, start, highest)}")
        ax.legend(fontsize=8, loc="best")
    heading(ax, "training loss between the points", f"{len(rows)} lines" if len(rows) else "")


def _between(results: Results, suite: str, surface: Surface) -> pd.DataFrame:
    """Return the rows of lines whose ends are marked on a plane, with a `label` that names them."""
    names = dict(zip(zip(surface.runs, surface.kinds, strict=True), surface.labels, strict=True))
    about = results.suites[suite].lines
    kinds = {OWN_LINE: ("initial", "final")}
    kinds |= {
        name: (entry.start, entry.end)
        for name, entry in about.items()
        if isinstance(entry, PairLines) and not entry.matching
    }
    found = []
    for name, (start, end) in kinds.items():
        rows = results.other_lines(suite, name)
        ends = [
            (names.get((first, start)), names.get((last, end)))
            for first, last in zip(rows["start_run_id"], rows["run_id"], strict=True)
        ]
        labels = [f"{a} → {b}".replace("_", " ") if a and b else None for a, b in ends]
        found.append(rows.assign(label=labels))
    whole = pd.concat(found, ignore_index=True)
    return whole[whole["label"].notna() & whole["min_delta"].notna()]


def _tidy(suite: str, name: str, surface: Surface) -> pd.DataFrame:
    """Return the grid, the marked points and the paths as one tidy table."""
    x, y = np.meshgrid(surface.x, surface.y)
    grid = {"what": "grid", "x": x.ravel(), "y": y.ravel(), "train_loss": surface.loss_train.ravel()}
    grid |= {"train_accuracy": surface.accuracy_train.ravel()}
    marks = dict(zip(("x", "y", "off_plane"), surface.marks.T, strict=True))
    steps = dict(zip(("x", "y", "off_plane"), surface.steps.T, strict=True))
    tables = [
        pd.DataFrame(grid),
        pd.DataFrame({"what": "mark", "label": surface.labels} | marks),
        pd.DataFrame({"what": "path", "label": np.repeat(np.array(surface.paths, object), surface.lengths)} | steps),
    ]
    return pd.concat(tables, ignore_index=True).assign(suite=suite, plane=name).reindex(columns=COLUMNS)
