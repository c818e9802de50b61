"""Figure 36: training paths in the coordinates of Goodfellow et al. (2014)."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from stages.figures import findings_of_numbers
from stages.figures.declare import figure
from stages.figures.facets import LINES, Facets, compose, say, verdict_entries
from stages.figures.outputs import Drawing
from stages.figures.rises import mark_rises
from stages.figures.style import GREY, OWN_KIND, SHADES, line_style, loss_axis
from stages.figures.words import explain, number, setting, subject, unit
from stages.results.results import Results
from stages.results.rows import converged, curve_table

PATH = "path of training"
PROGRESS = r"progress along the line (share of $\|\theta_T-\theta_0\|$)"
EPOCHS = "share of the epochs"
PANELS = {  # by title: the columns across and up, and their labels
    "off the line": ("progress", "residual", PROGRESS, "distance off the line (share)"),
    "direction from the start": ("epoch_share", "cosine", EPOCHS, r"cosine of $\theta_t-\theta_0$ to the line"),
    "direction of the steps": ("epoch_share", "step_cosine", EPOCHS, r"cosine of $\theta_t-\theta_{t-1}$ to the line"),
    "loss": ("progress", "train_loss", PROGRESS, "training loss"),
}
MARKERS = tuple(marker for _, marker in SHADES)
COORDINATES = ["progress", "residual", "cosine", "step_cosine"]
COLUMNS = ["suite", "run_id", "monotonic", "kind", "epoch", "epoch_share", *COORDINATES, "train_loss"]


@figure(
    36,
    "progress_and_residual",
    shows="Paths of training beside the line: progress, residual, cosines.",
    paper="Not in the paper.",
    finding=findings_of_numbers.of_paths,
)
def progress_and_residual(results: Results) -> Drawing:
    """Figure 36: progress along the line, distance off it, cosines to it, and the loss on the path and on the line.

    Args:
        results: The pooled suites.

    Returns:
        The drawing: a panel for each of these. Its data are the points of the paths, and the own lines of the runs.
    """
    rows = converged(results.lines(once=False))
    there = [row["run_id"] in results.landscapes[row["suite"]].trajectories for _, row in rows.iterrows()]
    rows = rows[np.array(there, dtype=bool)]
    rows = rows.assign(setting=[setting(row, ["dataset", "seed"]) for _, row in rows.iterrows()])
    frame = _frame(results, rows)
    points = frame[frame["kind"] == PATH]
    shown = [frame if panel == "loss" else points for panel in PANELS]
    farthest = points["residual"].max()
    counts = {panel: f"{len(rows)} runs" for panel in PANELS} | {
        "off the line": f"{len(rows)} runs, at most {number(farthest)}"
    }
    long = pd.concat([part.assign(panel=panel) for panel, part in zip(PANELS, shown, strict=True)])
    facets = Facets(long, counts if len(rows) else dict.fromkeys(PANELS, ""), sharex=False, sharey=False)
    settings = list(rows["setting"].unique())
    markers = {name: MARKERS[place % len(MARKERS)] for place, name in enumerate(settings)}
    for ax, panel, part in facets.parts():
        x, y, xlabel, ylabel = PANELS[panel]
        if part.empty:
            say(ax, "no converged run with snapshots")
        else:
            _draw(ax, part, x, y, markers)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        if panel == "off the line" and len(part):
            ax.set_ylim(0, farthest * 1.08)
        if panel == "loss" and len(part):
            mark_rises(ax, part[part["kind"] == OWN_KIND], "progress", "train_loss")
            more = loss_axis(ax, rows["initial_train_loss"].max(), part["train_loss"].max())
            ax.set_ylabel(f"{ylabel}{unit(rows)}{more}")
    looks = {"color": GREY, "lw": 1}
    entries = verdict_entries(rows, lines=True)
    entries += [
        Line2D([], [], marker=marker, ms=4, label=f"path of training: {name}", ls=line_style(PATH), **looks)
        for name, marker in markers.items()
    ]
    entries.append(Line2D([], [], ls=line_style(OWN_KIND), label="loss on the own line", color=GREY, lw=1))
    note = (
        "Coordinates of Goodfellow et al. (2014) of the weights after some epochs: how far along the own line, from "
        "initial to trained weights, they are, how far off it, and the angles of the way from the start and of the "
        f"last step to it. Steps are from one of the points shown to the next. {explain(results)}"
    )
    compose(facets.figure, f"Paths of training beside the line: {subject(rows)}", note, entries)
    return Drawing(facets.figure, frame[COLUMNS])


def _frame(results: Results, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the points of the paths of training and, with `progress` for alpha, the losses on the own lines."""
    about = ["suite", "run_id", "monotonic", "setting"]
    lines = curve_table(results, rows, {"train_loss": "loss_train"}, about).rename(columns={"alpha": "progress"})
    tables = [pd.DataFrame(columns=[*COLUMNS, "setting"])]
    for _, row in rows.iterrows():
        path = results.landscapes[row["suite"]].trajectories[row["run_id"]]
        columns = {name: getattr(path, name) for name in COORDINATES} | {"train_loss": path.loss_train}
        columns |= {"epoch": path.epoch, "epoch_share": path.epoch / path.epoch[-1]}
        tables.append(pd.DataFrame({name: row[name] for name in about} | {"kind": PATH} | columns))
    tables.append(lines.assign(kind=OWN_KIND))
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def _draw(ax: Axes, part: pd.DataFrame, x: str, y: str, markers: dict[str, str]) -> None:
    """Draw the paths of a panel with a marker for each setting, and the own lines."""
    look = LINES | {"lw": 1.0, "alpha": 0.7, "rasterized": False, "sort": False}
    path = part[part["kind"] == PATH]
    style = {"style": "setting", "markers": markers, "dashes": False, "ms": 4, "mec": "none", "ls": line_style(PATH)}
    sns.lineplot(path, x=x, y=y, ax=ax, **look, **style)
    own = part[part["kind"] == OWN_KIND]
    if len(own):
        sns.lineplot(own, x=x, y=y, ax=ax, **look, linestyle=line_style(OWN_KIND))
