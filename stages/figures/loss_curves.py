"""Figures of the loss along lines: 2, 4, 11, 24, 27 and 28."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.lines import Line2D

from stages.figures import findings_of_lines
from stages.figures.declare import figure
from stages.figures.facets import Facets, compose, verdict_entries
from stages.figures.line_panels import line_entries
from stages.figures.outputs import Drawing
from stages.figures.rises import STRIPS, add_strips, mark_rises
from stages.figures.style import ALPHA, GREY, LINE_STYLES, OWN_KIND, ends, line_style, loss_axis
from stages.figures.words import (
    architecture,
    explain,
    left_out,
    number,
    optimizer_name,
    optimizers,
    setting,
    split,
    subject,
    titles_of,
    unit,
)
from stages.measures.contrast import contrast
from stages.results.results import Results
from stages.results.rows import converged, curve_table

SPLITS = {"train_loss": OWN_KIND, "test_loss": "on the test split"}
"""Kind of line by the column of its loss."""
RISES = "Triangles: where a non-monotone line has risen most."
WIDE = {"alpha": 1, "lw": 1.5}
WIDTHS = (0.4, 2.2)  # points, of lines of the smallest and the largest learning rate


@figure(
    4,
    "autoencoder_lines",
    shows="Training loss on lines of autoencoders.",
    paper="SGD mostly retains monotonicity; with Adam a larger proportion of networks is non-monotone.",
    claims=("adam_breaks_monotonicity_of_autoencoders",),
    finding=findings_of_lines.by_panel,
)
@figure(
    11,
    "lines_by_optimizer",
    shows="Lines by optimizer.",
    paper="K-FAC, RMSProp and Adam break monotonicity more often than SGD.",
    claims=("adaptive_optimizers_break_monotonicity", "kfac_breaks_monotonicity"),
    finding=findings_of_lines.by_panel,
)
def lines_by_optimizer(results: Results) -> Drawing:
    """Figures 4 and 11: training loss along every line, a panel for each dataset and optimizer."""
    rows = results.lines()
    return _every_line(results, _in_panels(rows, rows["dataset"].astype(str)))


@figure(
    2,
    "architectures",
    shows="Training loss on lines of convolutional networks.",
    paper="Monotone with SGD, often not with Adam.",
    finding=findings_of_lines.by_panel,
)
def lines_by_architecture(results: Results) -> Drawing:
    """Figure 2: training loss along every line, a panel for each architecture and optimizer."""
    rows = results.lines()
    names = pd.Series([architecture(row) for _, row in rows.iterrows()], index=rows.index, dtype=object)
    several = rows["dataset"].nunique() > 1
    return _every_line(results, _in_panels(rows, rows["dataset"] + ", " + names if several else names), height=2.4)


def _in_panels(rows: pd.DataFrame, by: pd.Series) -> pd.DataFrame:
    """Put lines into panels by some words and the optimizer; return them in the order of these panels."""
    labels = rows["optimizer"].map(optimizer_name)
    places = rows["optimizer"].map(optimizers(rows).index)
    rows = rows.assign(panel=by + ", " + labels if by.nunique() > 1 else labels)
    return rows.iloc[np.lexsort((places, pd.factorize(by)[0]))]


@figure(
    24,
    "all_lines",
    shows="All lines of table 1.",
    paper="Batch norm and large rates break monotonicity.",
    claims=("small_learning_rates_are_monotone", "large_learning_rates_break_monotonicity"),
    finding=findings_of_lines.by_learning_rate,
)
def all_lines(results: Results) -> Drawing:
    """Figure 24: training loss along every line, the wider the larger its learning rate, panels by batch norm, too."""
    rows = results.lines().astype({"lr": float})
    rows = rows.sort_values(["dataset", "batch_norm"], ascending=[True, False], kind="stable")
    norms = rows["batch_norm"].map({True: "batch norm", False: "no batch norm"})
    rows = _in_panels(rows, rows["dataset"] + ", " + norms if rows["dataset"].nunique() > 1 else norms)
    places = rows["optimizer"].map(optimizers(rows).index)
    norms = ~rows["batch_norm"].astype(bool)  # networks with batch norm in the left column
    rows = rows.iloc[np.lexsort((norms, places, pd.factorize(rows["dataset"])[0]))]
    look, entries = rate_widths(converged(rows)["lr"])
    return _every_line(results, rows, ["lr"], entries, **look)


def rate_widths(rates: pd.Series) -> tuple[dict, list[Line2D]]:
    """Return arguments of `seaborn.lineplot` that draw larger learning rates wider, and legend entries of some."""
    rates = sorted(set(rates))
    if not rates:
        return {}, []
    scale = LogNorm(rates[0], max(rates[-1], 1.01 * rates[0]))
    shown = [rates[round(place)] for place in np.linspace(0, len(rates) - 1, min(len(rates), 4))]
    widths = {rate: WIDTHS[0] + float(scale(rate)) * (WIDTHS[1] - WIDTHS[0]) for rate in shown}
    entries = [Line2D([], [], color=GREY, lw=width, label=f"learning rate {rate:g}") for rate, width in widths.items()]
    return {"size": "lr", "sizes": WIDTHS, "size_norm": scale}, entries


def _every_line(
    results: Results,
    rows: pd.DataFrame,
    more: Sequence[str] = (),
    entries: Sequence[Line2D] = (),
    height: float = 3.0,
    **look: object,
) -> Drawing:
    """Draw the training loss along the line of every converged run.

    Args:
        results: The pooled suites.
        rows: Their lines, in the order of their column `panel`.
        more: Columns that the data have, too.
        entries: More entries of the legend.
        height: Inches of a panel.
        look: More arguments of `seaborn.lineplot`.

    Returns:
        A panel for each value of that column.
    """
    kept = converged(rows)
    suite = ["suite"] if len(results.suites) > 1 else []
    identity = ["panel", *suite, "run_id", "monotonic", *more]
    frame = curve_table(results, kept, {"train_loss": "loss_train"}, identity)
    facets = Facets(frame, titles_of(rows), height=height, sharex=True, sharey=False)
    facets.curves("alpha", "train_loss", **look)
    highest = frame.groupby("run_id")["train_loss"].max()
    for ax, name, _ in facets.parts():
        alike = kept[kept["dataset"].isin(set(rows["dataset"][rows["panel"] == name]))]
        label = loss_axis(ax, alike["initial_train_loss"].median(), highest[alike["run_id"]].max())
        ax.set(ylabel=f"training loss{unit(rows)}{label}", xlim=ends(frame))
    facets.set_xlabels(ALPHA)
    strips = add_strips(results, [(ax, part) for ax, _, part in facets.parts() if len(part)], ["run_id"])
    title = f"Training loss on the line from initial to trained network: {subject(rows)}"
    note = f"{explain(results)} {RISES}{f' {STRIPS}' if strips else ''}"
    compose(facets.figure, title, note, [*verdict_entries(rows, lines=True), *entries])
    return Drawing(facets.figure, frame)


@figure(
    27,
    "train_and_test",
    shows="Lines on the training and the test split.",
    paper="The test loss follows the training loss, but increases towards the end for classifiers.",
    claims=("test_lines_are_monotone_too",),
    finding=findings_of_lines.of_splits,
)
@figure(
    28,
    "residual_train_and_test",
    shows="The same for residual networks.",
    paper="The test loss follows the training loss, but tends to increase towards the end.",
    claims=("test_lines_are_monotone_too",),
    finding=findings_of_lines.of_splits,
)
def train_and_test(results: Results) -> Drawing:
    """Figures 27 and 28: training and test loss along a monotone and a non-monotone line of each suite."""
    rows = results.lines(once=False)
    chosen, titles, missing = [], {}, {}
    for suite in dict.fromkeys(rows["suite"]):
        group = rows[rows["suite"] == suite]
        for row, kind in zip(contrast(converged(group)), ("monotone", "non-monotone"), strict=True):
            panel = f"{suite}: {kind}"
            if row is None:
                titles[panel] = f"{split(group)}; {left_out(group)}"
                missing[panel] = f"no {kind} converged run"
                continue
            chosen.append(group.loc[[row.name]].assign(panel=panel))
            deltas = f"min Δ {number(row['min_delta'])} (training), {number(row['min_delta_test'])} (test)"
            titles[panel] = f"{setting(row)}\n{deltas}"
    shown = pd.concat([rows.head(0).assign(panel=[]), *chosen])
    tolerance = shown["suite"].map(results.limits("tolerance")).astype(float)
    shown = shown.assign(test_monotonic=shown["min_delta_test"].astype(float) <= tolerance)
    fields = {name: f"loss_{name.removesuffix('_loss')}" for name in SPLITS}
    frame = curve_table(results, shown, fields, ["panel", "suite", "run_id", "monotonic", "test_monotonic"])
    curves = frame.melt(["panel", "run_id", "monotonic", "test_monotonic", "alpha"], list(SPLITS), "split", "loss")
    curves["monotonic"] = curves["monotonic"].where(curves["split"] == "train_loss", curves["test_monotonic"])
    curves["kind"] = curves["split"].map(SPLITS)
    facets = Facets(curves, titles, sharex=True, sharey=False)
    dashes = {kind: LINE_STYLES[kind] for kind in SPLITS.values()}
    facets.curves("alpha", "loss", missing, marks=False, style="kind", style_order=list(dashes), dashes=dashes, **WIDE)
    for ax, name, part in facets.parts():
        label = loss_axis(ax, shown["initial_train_loss"][shown["panel"] == name].max(), part["loss"].max())
        ax.set(ylabel=f"loss{unit(rows[rows['suite'] == name.split(':')[0]])}{label}", xlim=ends(frame))
        mark_rises(ax, part.assign(run_id=part["kind"]), "alpha", "loss")
    facets.set_xlabels(ALPHA)
    drawn = [(ax, part) for ax, _, part in facets.parts() if len(part)]
    strips = add_strips(results, drawn, ["kind"], "loss", "kind")
    note = (
        "Right: the non-monotone run with the largest min Δ. Left: a monotone run of the same setting but for "
        f"optimizer and learning rate if there is one, else the monotone run of median distance. Chosen from "
        f"{len(converged(rows))} converged runs; {left_out(rows)}. {explain(results)} "
        f"The colour of a curve is its own verdict. {RISES}{f' {STRIPS}' if strips else ''}"
    )
    entries = [Line2D([], [], color=GREY, ls=line_style(kind), label=kind) for kind in SPLITS.values()]
    entries = [*line_entries([]), *entries]
    compose(facets.figure, f"Loss on the training and the test split: {subject(rows)}", note, entries)
    return Drawing(facets.figure, frame)
