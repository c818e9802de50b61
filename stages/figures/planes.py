"""Figures of two-dimensional sections of weight space: 1, 9, 19, 22 and 23."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from scipy.interpolate import PchipInterpolator

from stages.config import OWN_LINE, PairLines
from stages.figures import findings_of_lines
from stages.figures.declare import figure
from stages.figures.facets import compose, heading, panels, say
from stages.figures.line_panels import IDENTITY, LABEL, NOTE, curves_frame, draw_lines, line_entries
from stages.figures.outputs import Drawing
from stages.figures.rises import STRIPS, add_strips
from stages.figures.style import MAPS, OWN_KIND, PATH
from stages.figures.words import number, setting, subject, unit
from stages.lines.landscape import Surface, Trajectory
from stages.results.results import Results

LEVELS = 12
BEYOND = 1.5  # times the highest loss of a marked point up to which levels go: far walls would flatten the rest
FINE = 81  # points along each side of a plane at which contours are interpolated
MARKS = {"initial": "o", "final": "X"}
NAMES = {"initial": "initial", "final": "trained"}
KINDS = {
    ("initial", "initial"): "between initialisations",
    ("initial", "final"): "to another run's optimum",
    ("final", "final"): "between optima",
}
"""Kind of line in `LINE_STYLES` by the ends of lines between two runs."""
COLUMNS = ["suite", "plane", "what", "label", "kind", "x", "y", "off_plane", "train_loss", "train_accuracy"]
COLUMNS += ["share", "min_delta", "monotonic"]
SHARE = r"share of the way, $1-\|\theta-\theta_T\|\,/\,\|\theta_0-\theta_T\|$"

Chosen = list[tuple[str, str, Surface]]


@figure(
    1,
    "plane_and_curves",
    shows="A plane through two initialisations and an optimum with the path of training, and the losses on the lines.",
    paper="Loss falls along the line from either initialisation; training takes a bent path.",
    finding=findings_of_lines.of_one_plane,
)
@figure(
    19,
    "failing_plane",
    shows="A plane through a network whose line rises.",
    paper="A barrier, then a flat region.",
    finding=findings_of_lines.of_one_plane,
)
def plane_and_curves(results: Results) -> Drawing:
    """Figures 1 and 19: a plane with the path of training, and beside it the losses on that path and along lines."""
    return _with_curves(results, _all(results)[:1], training=True)


@figure(
    9,
    "planes",
    shows="Planes of a masked language model.",
    paper="Both initialisations are monotonically connected to both optima.",
    finding=findings_of_lines.of_planes,
)
def planes(results: Results) -> Drawing:
    """Figure 9: training loss on each plane."""
    return _maps(results, ("train_loss",))


@figure(
    22,
    "loss_and_accuracy",
    shows="Planes of residual networks: loss and accuracy.",
    paper="Monotone from initialisations to optima.",
    finding=findings_of_lines.of_planes,
)
def loss_and_accuracy(results: Results) -> Drawing:
    """Figure 22: training loss and training accuracy on each plane."""
    return _maps(results, ("train_loss", "train_accuracy"))


@figure(
    23,
    "planes_and_lines",
    shows="Planes of a masked language model with the losses on lines.",
    paper="Monotone between all pairs.",
    finding=findings_of_lines.of_planes_and_lines,
)
def planes_and_lines(results: Results) -> Drawing:
    """Figure 23: training loss on each plane, and beside it along the lines between its points."""
    return _with_curves(results, _all(results), training=False)


def _all(results: Results) -> Chosen:
    return [
        (suite, name, surface)
        for suite, landscape in results.landscapes.items()
        for name, surface in landscape.planes.items()
    ]


def _maps(results: Results, fields: tuple[str, ...]) -> Drawing:
    """Draw the fields of each plane, planes side by side."""
    chosen = _all(results)
    across = min(max(len(chosen), 1), 2)
    figure, axes = panels(len(fields) * -(-max(len(chosen), 1) // across), across, height=3.8)
    frames = [_plane_frame(*one) for one in chosen]
    for place, (frame, (*_, surface)) in enumerate(zip(frames, chosen, strict=True)):
        for row, field in enumerate(fields):
            _draw_plane(axes[place // across * len(fields) + row, place % across], results, frame, surface, field)
    for ax in axes[:, len(chosen) % across :].flat if len(chosen) > across and len(chosen) % across else ():
        if not ax.has_data():
            ax.remove()
    return _finish(figure, results, chosen, frames, strips=False)


def _with_curves(results: Results, chosen: Chosen, training: bool) -> Drawing:
    """Draw planes, and beside each the losses along lines between its points and, if wanted, of training."""
    figure, axes = panels(max(len(chosen), 1), 2, height=3.8)
    frames, drawn = [], []
    for (left, right), (suite, name, surface) in zip(axes, chosen, strict=False):
        plane = _plane_frame(suite, name, surface)
        lines = curves_frame(results, [_between(results, suite, surface)]).rename(columns={"name": "label"})
        path = _path_frame(results.landscapes[suite].trajectories, surface.paths if training else ())
        _draw_plane(left, results, plane, surface, "train_loss")
        _draw_curves(right, lines, path)
        right.set_xlabel(SHARE if training else LABEL)
        drawn += [(right, lines)] if len(lines) else []
        lines = lines.assign(share=lines["alpha"], what="line", suite=suite, plane=name)
        frames += [plane, lines, path.assign(what="training", suite=suite, plane=name)]
    strips = add_strips(results, drawn, IDENTITY, kind="kind")
    return _finish(figure, results, chosen, frames, strips)


def _finish(figure: Figure, results: Results, chosen: Chosen, frames: list[pd.DataFrame], strips: bool) -> Drawing:
    """Add title, note and legend to the drawn planes; where there is none, say so in each panel."""
    if not chosen:
        for ax in figure.axes:
            ax.set(xlabel="weight distance", ylabel="weight distance")
            say(ax, "no suite with a plane\nof runs that did not diverge")
            heading(ax, "no plane", "")
    frame = pd.concat([pd.DataFrame(columns=COLUMNS, dtype=object), *(one.astype(object) for one in frames)])
    rows = results.lines(once=False)
    shown = pd.concat([rows[rows["run_id"].isin(surface.runs)] for *_, surface in chosen] or [rows.head(0)])
    look = {"color": "k", "ls": "", "mec": "w", "ms": 8}
    entries = [Line2D([], [], marker=MARKS[kind], label=label, **look) for kind, label in NAMES.items()]
    if (frame["off_plane"][frame["what"] == "mark"].astype(float) > 0).any():
        entries.append(Line2D([], [], marker="o", label="projected onto the plane", **look | {"mfc": "w", "mec": "k"}))
    if (frame["what"] == "path").any():
        entries.append(Line2D([], [], label="path of training", **PATH))
    kinds = set(frame["kind"][frame["what"] == "line"])
    settings = list(dict.fromkeys(setting(row, ["dataset", "seed"]) for _, row in shown.iterrows()))
    note = (
        "Axes in weight distance: along the line from the first point to the second, and at right angles to it in the "
        "plane; trainable parameters only. Training split; batch-norm statistics, if there are any, estimated anew at "
        "each point of the grid. Contours: interpolated between the points of the grid by monotone cubics. "
        f"{'; '.join(settings[:3])}.{' ' + NOTE if kinds else ''}{' ' + STRIPS if strips else ''}"
    )
    entries += line_entries(kinds) if kinds else []
    compose(figure, f"Planes through three points of weight space: {subject(shown)}", note, entries)
    return Drawing(figure, frame[COLUMNS].infer_objects())


def _plane_frame(suite: str, name: str, surface: Surface) -> pd.DataFrame:
    """Return the grid, the marked points and the paths of a plane as one tidy table."""
    x, y = np.meshgrid(surface.x, surface.y)
    grid = {"what": "grid", "x": x.ravel(), "y": y.ravel(), "train_loss": surface.loss_train.ravel()}
    grid |= {"train_accuracy": surface.accuracy_train.ravel()}
    marks = dict(zip(("x", "y", "off_plane"), surface.marks.T, strict=True))
    steps = dict(zip(("x", "y", "off_plane"), surface.steps.T, strict=True))
    tables = [
        pd.DataFrame(grid),
        pd.DataFrame({"what": "mark", "label": surface.labels, "kind": surface.kinds} | marks),
        pd.DataFrame({"what": "path", "label": np.repeat(np.array(surface.paths, object), surface.lengths)} | steps),
    ]
    return pd.concat(tables, ignore_index=True).assign(suite=suite, plane=name)


def _path_frame(trajectories: dict[str, Trajectory], runs: tuple[str, ...]) -> pd.DataFrame:
    """Return the losses on the paths of training of some runs, and what share of the way to the end each has gone."""
    columns = {
        "label": np.repeat(np.array(runs, object), [len(trajectories[run].epoch) for run in runs]),
        "share": np.concatenate([np.empty(0), *(1 - trajectories[run].remaining for run in runs)]),
        "train_loss": np.concatenate([np.empty(0), *(trajectories[run].loss_train for run in runs)]),
    }
    return pd.DataFrame(columns)


def _draw_plane(ax: Axes, results: Results, frame: pd.DataFrame, surface: Surface, field: str) -> None:
    """Draw one field over a plane with contours, marked points and paths.

    Args:
        ax: The panel.
        results: The pooled suites.
        frame: The frame of the plane.
        surface: The plane.
        field: Column of `frame`.
    """
    words = field.replace("train", "training").replace("_", " ")
    title = f"{frame['plane'].iloc[0].replace('_', ' ')}: {words}"
    first, second, third = (label.replace("_", " ") for label in surface.labels[:3])
    ax.set(xlabel=f"weight distance from {first} towards {second}", ylabel=f"weight distance towards {third}")
    grid = frame[frame["what"] == "grid"].pivot(index="y", columns="x", values=field)
    values = grid.to_numpy()
    if not np.isfinite(values).any():
        say(ax, f"no {words.split()[1]}")
        heading(ax, title, "")
        return
    levels = _levels(values, surface, field)
    beyond = "max" if np.nanmax(values) > levels[-1] else "neither"
    shades = MAPS[field](np.linspace(0.1, 0.85, len(levels) - (beyond == "neither")))
    shades = ListedColormap(shades[::-1] if field == "train_loss" else shades)
    norm = BoundaryNorm(levels, shades.N, extend=beyond)
    x, y, heights = _interpolated(grid.columns.to_numpy(), grid.index.to_numpy(), values)
    filled = ax.contourf(x, y, heights, levels=levels, cmap=shades, norm=norm, extend=beyond)
    lines = ax.contour(x, y, heights, levels=levels, colors="0.25", linewidths=0.5)
    outline = [withStroke(linewidth=2.5, foreground="w")]
    for text in ax.clabel(lines, levels[1::2], fontsize=8, fmt="%.3g"):
        text.set_path_effects(outline)
    rows = results.lines(once=False)
    scale = unit(rows[rows["suite"] == frame["suite"].iloc[0]]) if field == "train_loss" else ""
    ax.figure.colorbar(filled, ax=ax, label=f"{words}{scale}", pad=0.02, use_gridspec=False)
    for _, path in frame[frame["what"] == "path"].groupby("label", sort=False):
        ax.plot(path["x"], path["y"], **PATH)
    for mark in frame[frame["what"] == "mark"].itertuples():
        hollow = mark.off_plane > 0
        look = {"color": "k", "marker": MARKS[mark.kind], "ms": 9, "ls": "", "zorder": 5}
        ax.plot(mark.x, mark.y, **look, mfc="kw"[hollow], mec="wk"[hollow])
        text = mark.label.replace("_", " ") + (f"\n({number(mark.off_plane)} off the plane)" if hollow else "")
        right = mark.x < np.quantile(grid.columns, 0.75)
        place = {"xytext": (8 if right else -8, -8 if hollow else 7), "ha": "left" if right else "right"}
        look = {"va": "top" if hollow else "baseline", "fontsize": 9, "path_effects": outline, "zorder": 6}
        ax.annotate(text, (mark.x, mark.y), textcoords="offset points", **place, **look)
    extent = f"{number(np.nanmin(values))} to {number(np.nanmax(values))}"
    heading(ax, title, f"{len(grid)} x {len(grid.columns)} points, {extent}")


def _levels(values: np.ndarray, surface: Surface, field: str) -> np.ndarray:
    """Return levels of contours: of losses up to somewhat above those at the marked points, if some are far higher."""
    if field == "train_accuracy":
        return np.linspace(0, 1, 11)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    rows = np.abs(surface.y[:, None] - surface.marks[:, 1]).argmin(0)
    columns = np.abs(surface.x[:, None] - surface.marks[:, 0]).argmin(0)
    high = min(high, BEYOND * max(float(np.nanmax(values[rows, columns], initial=low)), low + 1e-3))
    levels = MaxNLocator(LEVELS).tick_values(low, high)
    return levels if len(levels) > 2 else np.linspace(low - 0.5, high + 0.5, 3)


def _interpolated(x: np.ndarray, y: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a finer grid and the values on it, between those of the nearest points; a gap is not filled.

    Args:
        x: (X,) increasing.
        y: (Y,) increasing.
        values: (Y, X); if some are not finite, all are returned as they are.

    Returns:
        Coordinates and values, of shapes (F,), (F,) and (F, F).
    """
    if not np.isfinite(values).all():
        return x, y, values
    across, up = np.linspace(x[0], x[-1], FINE), np.linspace(y[0], y[-1], FINE)
    return across, up, PchipInterpolator(y, PchipInterpolator(x, values, axis=1)(across), axis=0)(up)


def _draw_curves(ax: Axes, lines: pd.DataFrame, path: pd.DataFrame) -> None:
    """Draw the losses along lines between the points of a plane, and on the paths of training."""
    ax.set_ylabel("training loss")
    if lines.empty:
        say(ax, "no line between these points")
        heading(ax, "training loss between the points", "")
    else:
        draw_lines(ax, lines)
        rows = lines.drop_duplicates("label")
        risen = rows[~rows["monotonic"].astype(bool)]
        counts = f"{len(risen)} of {len(rows)} non-monotone\n"
        rises = "; ".join(f"{row.label}: min\u00a0Δ\u00a0{number(row.min_delta)}" for row in risen.itertuples())
        heading(ax, "training loss between the points", counts + rises)
    for _, one in path.groupby("label", sort=False):
        ax.plot(one["share"].astype(float), one["train_loss"].astype(float), **PATH)
    if len(path) and len(lines):
        ax.set_ylim(top=max(ax.get_ylim()[1], 1.05 * path["train_loss"].max()))


def _between(results: Results, suite: str, surface: Surface) -> pd.DataFrame:
    """Return the rows of lines between marked points of a plane, each with its `name` and `kind`."""
    names = dict(zip(zip(surface.runs, surface.kinds, strict=True), surface.labels, strict=True))
    kinds = {OWN_LINE: (("initial", "final"), OWN_KIND)}
    for line, entry in results.suites[suite].lines.items():
        if isinstance(entry, PairLines) and not entry.matching:
            kinds[line] = (entry.start, entry.end), KINDS[entry.start, entry.end]
    found = []
    for line, ((start, end), kind) in kinds.items():
        rows = results.other_lines(suite, line)
        ends = zip(rows["start_run_id"], rows["run_id"], strict=True)
        ends = [(names.get((first, start)), names.get((last, end))) for first, last in ends]
        labels = [f"{a} → {b}".replace("_", " ") if a and b else None for a, b in ends]
        found.append(rows.assign(name=labels, kind=kind))
    whole = pd.concat(found, ignore_index=True)
    return whole[whole["name"].notna() & whole["min_delta"].notna()]
