"""Lines of problems of growing difficulty: figure 26 by the number of training examples, and by label corruption."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from stages.figures import findings_of_lines
from stages.figures.declare import figure
from stages.figures.facets import LINES, VERDICT, Facets, compose, say, verdict_entries
from stages.figures.loss_curves import RISES, rate_widths
from stages.figures.outputs import Drawing
from stages.figures.rises import STRIPS, add_strips, mark_rises
from stages.figures.style import ALPHA, GREY, PALE, ends, line_style, loss_axis
from stages.figures.words import explain, left_out, number, split, subject, titles_of, unit
from stages.results.results import Results
from stages.results.rows import converged, curve_table

KIND = ("suite", "network", "hidden", "layers", "width_multiplier", "train_size", "label_corruption")
PANELS = 9  # as many sizes as the paper trains with
QUARTERS = [0.0, 0.25, 0.5, 0.75, 1.0]  # of the labels corrupted
SIZE_COLUMNS = ["panel", "suite", "run_id", "train_size", "lr", "monotonic"]
CORRUPTION_COLUMNS = ["panel", "suite", "run_id", "label_corruption", "status", "min_delta", "monotonic"]
TRAINING = "path of training"  # its kind of line in `LINE_STYLES`


@figure(
    26,
    "dataset_sizes",
    shows="Lines of networks trained on few examples.",
    paper="Smooth and monotone, however unstable training was.",
    claims=("hard_problems_are_monotone",),
    finding=findings_of_lines.by_size,
)
def dataset_sizes(results: Results) -> Drawing:
    """Figure 26: training loss along the line and during training, a panel for each number of training examples."""
    rows = _varying(results, "train_size").astype({"lr": float})
    rows = rows[rows["label_corruption"].astype(float) == 0]
    size_of = rows["train_size"].astype(float).fillna(np.inf)  # all examples: the last
    sizes = sorted(set(size_of))
    shown = [sizes[round(place)] for place in np.linspace(0, len(sizes) - 1, min(len(sizes), PANELS))]
    names = size_of.map(lambda size: "all examples" if size == np.inf else f"{int(size)} examples")
    chosen = rows.assign(panel=names, size=size_of)[size_of.isin(shown)].sort_values("size", kind="stable")
    kept = converged(chosen)
    lines = curve_table(results, kept, {"train_loss": "loss_train"}, SIZE_COLUMNS)
    frame = pd.concat([lines.assign(curve="line"), _training_curves(kept, results.epochs)], ignore_index=True)
    facets = Facets(frame, titles_of(chosen), height=2.6, sharex=True, sharey=False)
    widths, entries = rate_widths(kept["lr"])
    nothing = "no converged run" if len(rows) else "no suite with several numbers\nof training examples"
    for ax, _, part in facets.parts():
        if part.empty:
            say(ax, nothing)
        else:
            _draw_curves(ax, part, widths)
        label = loss_axis(ax, kept["initial_train_loss"].median(), frame["train_loss"].max())
        ax.set(ylabel=f"training loss{unit(rows)}{label}", xlim=ends(lines))
    facets.set_xlabels("α, or share of training")
    others = len(rows) - len(chosen)
    note = (
        "During training: mean loss of the minibatches of each epoch, drawn at its end, from the initial network's "
        f"loss on the training split. {RISES} {explain(results)}"
        + (f" {others} runs of {len(sizes) - len(shown)} more sizes are not shown." if others else "")
    )
    strips = add_strips(results, [(ax, part[part["curve"] == "line"]) for ax, _, part in facets.parts()], ["run_id"])
    note += f" {STRIPS}" if strips else ""
    entries.append(Line2D([], [], color=GREY, ls=line_style(TRAINING), label=TRAINING))
    title = f"Training loss by number of training examples: {subject(rows)}"
    compose(facets.figure, title, note, [*verdict_entries(chosen, lines=True), *entries])
    return Drawing(facets.figure, frame)


def _draw_curves(ax: Axes, part: pd.DataFrame, widths: dict) -> None:
    """Draw the losses along the lines of a panel in the colours of their verdicts, and those of training in grey."""
    lines, training = (part[part["curve"] == curve] for curve in ("line", "training"))
    path = {name: value for name, value in LINES.items() if name not in VERDICT} | {"lw": 0.9, "color": GREY}
    sns.lineplot(training, x="alpha", y="train_loss", ax=ax, **path, linestyle=line_style(TRAINING))
    sns.lineplot(lines, x="alpha", y="train_loss", ax=ax, **LINES | widths)
    mark_rises(ax, lines, "alpha", "train_loss")


def _training_curves(rows: pd.DataFrame, epochs: pd.DataFrame) -> pd.DataFrame:
    """Return the loss of each run during training, by the share of its epochs, from its loss at the start of its line.

    Args:
        rows: Rows of `Results.lines`.
        epochs: `Results.epochs`.

    Returns:
        A row for each epoch and one before the first, with the columns of the lines and `curve`.
    """
    starts = rows.assign(epoch=0, loss=rows["initial_train_loss"].astype(float))
    paths = rows.drop(columns="loss").merge(epochs, on=["suite", "run_id"])
    curves = pd.concat([starts, paths]).sort_values("epoch", kind="stable")
    shares = np.round((curves["epoch"] / curves["epochs"]).astype(float), 6)
    return curves[SIZE_COLUMNS].assign(curve="training", alpha=shares, train_loss=curves["loss"].astype(float))


@figure(
    30,
    "label_corruption",
    shows="Lines of networks trained on corrupted labels.",
    paper="In words: always monotone.",
    claims=("hard_problems_are_monotone",),
    finding=findings_of_lines.by_corruption,
)
def label_corruption(results: Results) -> Drawing:
    """Appendix C.11: training loss along the line, a panel for each quarter of the share of corrupted labels."""
    rows = _varying(results, "label_corruption").astype({"label_corruption": float, "min_delta": float})
    quarters = np.searchsorted(QUARTERS, rows["label_corruption"].clip(lower=1e-12)) - 1
    names = [
        f"{100 * low:g} to {100 * high:g} % of labels corrupted"
        for low, high in zip(QUARTERS, QUARTERS[1:], strict=False)
    ]
    rows = rows.assign(panel=[names[quarter] for quarter in quarters]).sort_values("label_corruption", kind="stable")
    finite = rows[rows["status"] != "diverged"]
    frame = curve_table(results, finite, {"train_loss": "loss_train"}, CORRUPTION_COLUMNS)
    titles = {
        name: f"{split(group)}; largest min Δ {number(converged(group)['min_delta'].max())}\n"
        f"{len(converged(group))} shown, {_above(group)} above threshold (grey); {_diverged(group)} diverged left out"
        for name, group in rows.groupby("panel", sort=False)
    }
    facets = Facets(frame, titles, sharex=True, sharey=False)
    nothing = f"no finite run;\n{left_out(rows)}" if len(rows) else "no suite with several shares\nof corrupted labels"
    for ax, _, part in facets.parts():
        if part.empty:
            say(ax, nothing)
        else:
            _draw_by_status(ax, part)
        label = loss_axis(ax, finite["initial_train_loss"].median(), frame["train_loss"].max())
        ax.set(ylabel=f"training loss{unit(rows)}{label}", xlim=ends(frame))
    facets.set_xlabels(ALPHA)
    shown = [(ax, part[part["status"] == "converged"]) for ax, _, part in facets.parts()]
    strips = add_strips(results, shown, ["run_id"])
    above = Line2D([], [], color=PALE, label=f"above threshold ({_above(rows)})")
    note = (
        "Corrupted labels: drawn anew, uniformly over the classes, with this probability. Runs above the threshold are "
        f"shown but not counted among the monotone and non-monotone. {RISES}"
        f"{f' {STRIPS}' if strips else ''} {explain(results)}"
    )
    entries = [*verdict_entries(rows, lines=True), above]
    compose(facets.figure, f"Lines by label corruption: {subject(rows)}", note, entries)
    return Drawing(facets.figure, frame)


def _draw_by_status(ax: Axes, part: pd.DataFrame) -> None:
    """Draw the lines of converged runs in the colours of their verdicts, and those above the threshold in grey."""
    counted = part["status"] == "converged"
    for _, line in part[~counted].groupby("run_id", sort=False):
        ax.plot(line["alpha"], line["train_loss"], color=PALE, lw=1.2)
    if counted.any():
        sns.lineplot(part[counted], x="alpha", y="train_loss", ax=ax, **LINES)
        mark_rises(ax, part[counted], "alpha", "train_loss")


def _above(rows: pd.DataFrame) -> int:
    return int((rows["status"] == "above threshold").sum())


def _diverged(rows: pd.DataFrame) -> int:
    return int((rows["status"] == "diverged").sum())


def _varying(results: Results, name: str) -> pd.DataFrame:
    """Return the rows of each kind of network and data that differ in a column; a run that suites share counts once."""
    rows = results.lines(once=False)
    same = [key for key in KIND if key != name]
    values = rows.groupby(same, dropna=False)[name].transform(lambda column: column.nunique(dropna=False))
    return rows[values > 1].drop_duplicates("run_id")
