"""Figure of training paths in the coordinates of Goodfellow et al. (2014)."""

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from stages.figures.base import Drawing, number, setting, subject, unit
from stages.figures.bundles import loss_axis
from stages.figures.declare import figure
from stages.figures.style import COLOURS, canvas, caption, heading, legend, say
from stages.results.results import Results

COORDINATES = ("progress", "residual", "cosine", "step_cosine", "loss_train")
COLUMNS = ["suite", "run_id", "epoch", *COORDINATES, "line_loss"]
PROGRESS = r"progress along the line (share of $\|\theta_T-\theta_0\|$)"
SAME = ("dataset", "seed")


@figure(
    36,
    "progress_and_residual",
    shows="Paths of training beside the line: progress, residual, cosines.",
    paper="Not in the paper.",
)
def progress_and_residual(results: Results) -> Drawing:
    """Progress along the line, distance off it, cosines to it, and the loss on the path and on the line."""
    rows = results.lines(once=False)
    found = [
        (row, landscape.trajectories[row["run_id"]])
        for suite, landscape in results.landscapes.items()
        for _, row in rows[rows["suite"] == suite].iterrows()
        if row["run_id"] in landscape.trajectories and row["status"] == "converged"
    ]
    figure, axes = canvas(2, 2, width=5.4, height=3.6)
    place, angle, step, loss = axes.flat
    place.set(
        xlabel=r"progress along the line (share of $\|\theta_T-\theta_0\|$)", ylabel="distance off the line (share)"
    )
    angle.set(xlabel="share of the epochs", ylabel=r"cosine of $\theta_t-\theta_0$ to the line")
    step.set(xlabel="share of the epochs", ylabel=r"cosine of $\theta_t-\theta_{t-1}$ to the line")
    loss.set(xlabel=PROGRESS, ylabel="training loss")
    shown = pd.DataFrame([row for row, _ in found]) if found else rows.head(0)
    kinds = list(dict.fromkeys(setting(row, SAME) for row, _ in found))
    data = []
    highest = start = 0.0
    for row, path in found:
        look = {"color": COLOURS[kinds.index(setting(row, SAME)) % len(COLOURS)], "lw": 1, "alpha": 0.7}
        dots = look | {"marker": ".", "ms": 4}
        share = path.epoch / path.epoch[-1]
        ((alphas, line),) = results.values(row.to_frame().T, "loss_train")
        place.plot(path.progress, path.residual, **dots)
        angle.plot(share, path.cosine, **dots)
        step.plot(share, path.step_cosine, **dots)
        loss.plot(path.progress, path.loss_train, **dots)
        loss.plot(alphas, line, ls="--", **look)
        highest = max(highest, float(path.loss_train.max()), float(line.max()))
        start = max(start, float(line[0]))
        columns = {name: getattr(path, name) for name in COORDINATES}
        inside = np.interp(path.progress, alphas, line, left=np.nan, right=np.nan)
        data.append(pd.DataFrame({"suite": row["suite"], "run_id": row["run_id"], "epoch": path.epoch} | columns))
        data[-1]["line_loss"] = inside
    titles = ("off the line", "direction from the start", "direction of the steps", "loss")
    farthest = max((float(path.residual.max()) for _, path in found), default=0.0)
    for ax, title in zip(axes.flat, titles, strict=True):
        if not found:
            say(ax, "no admitted run with snapshots")
        counts = f"{len(found)} runs" + (f", at most {number(farthest)}" if ax is place else "")
        heading(ax, title, counts if found else "")
    if found:
        place.set(ylim=(0, farthest * 1.08))
        loss.set_ylabel(f"training loss{unit(shown)}{loss_axis(loss, start, highest)}")
        angle.set(xlim=(0, 1))
        step.set(xlim=(0, 1))
    handles = [
        Line2D([], [], color=COLOURS[place % len(COLOURS)], marker=".", label=_wrap(kind))
        for place, kind in enumerate(kinds)
    ]
    handles.append(Line2D([], [], color="0.3", ls="--", label="loss on the line"))
    legend(figure, handles)
    note = (
        "Coordinates of Goodfellow et al. (2014) of the weights after some epochs: how far along the line from initial "
        "to trained weights they are, how far off it, and the angles of the way from the start and of the last step to "
        "it. Steps are from one of the points shown to the next."
    )
    caption(figure, f"Paths of training beside the line: {subject(shown)}", note)
    return Drawing(figure, pd.concat(data, ignore_index=True) if data else pd.DataFrame(columns=COLUMNS))


def _wrap(text: str) -> str:
    words = text.split(", ")
    return ",\n".join(", ".join(words[i : i + 2]) for i in range(0, len(words), 2))
