"""Theorem 9: distance, min Delta and Gauss length of networks of growing width."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from stages.figures import findings_of_numbers
from stages.figures.declare import figure
from stages.figures.facets import Facets, compose, verdict_entries
from stages.figures.outputs import Drawing
from stages.figures.power_law import law_in_words
from stages.figures.style import GREY, INK, linear_then_log, log_axis
from stages.figures.words import count, explain, number, split, subject
from stages.measures.power_law import PowerLaw, fit
from stages.results.results import Results
from stages.results.rows import converged

LAZY = -0.5  # exponent of the distance in the lazy regime (lemma 7 of the paper)
LEAST = 1e-6  # of min Delta over the loss at the start: rounding of single precision is below
PANELS = {
    "distance": r"distance $\|\theta_T-\theta_0\|$, log scale",
    "min Δ / loss at α = 0": f"min Δ / loss at α = 0\nlinear up to {number(LEAST)}, then log",
    "Gauss length, smooth": "Gauss length (rad), log scale",
    "Gauss length, total turning": "Gauss length (rad), log scale",
}
MEASURES = ["distance", "relative_min_delta", "gauss_length_smooth", "gauss_length_turning"]
COLUMNS = ["suite", "run_id", "dataset", "optimizer", "lr", "depth", "width", "initial_train_loss", "min_delta"]


@figure(
    33,
    "wide_networks",
    shows="Theorem 9: distance and rise against the width.",
    paper="A theorem, without an experiment.",
    claims=("theorem_9",),
    finding=findings_of_numbers.of_width,
)
def wide_networks(results: Results) -> Drawing:
    """Theorem 9: distance, relative min Delta and both Gauss lengths against the width of the hidden layers."""
    everything = results.lines()
    rows = everything[everything["width"].notna()].astype({"width": float})
    kept = converged(rows).astype(dict.fromkeys(["min_delta", "initial_train_loss", "distance", *MEASURES[2:]], float))
    kept["relative_min_delta"] = kept["min_delta"] / kept["initial_train_loss"]
    points = kept.melt(["width", "monotonic"], MEASURES, "panel").replace(
        {"panel": dict(zip(MEASURES, PANELS, strict=True))}
    )
    rising = points["panel"] == list(PANELS)[1]
    points = points[np.isfinite(points["value"]) & (rising | (points["value"] > 0))]
    shown = points["panel"].value_counts()
    titles = {panel: count(rows, int(shown.get(panel, 0))) for panel in PANELS}
    params = results.measure
    law = fit(*kept[["width", "distance"]].to_numpy().T, params.confidence, params.bootstrap, params.bootstrap_seed)
    for panel, words in zip(PANELS, (law_in_words(law), split(rows)), strict=False):
        titles[panel] = f"{words}\n{titles[panel]}"
    facets = Facets(points, titles, sharex=True, sharey=False)
    facets.scatter("width", "value")
    for ax, panel, part in facets.parts():
        ax.set_ylabel(PANELS[panel])
        if panel == "distance":
            _add_laws(ax, law, part)
        elif panel.startswith("Gauss") and len(part):
            middle = part.groupby("width")["value"].median()
            ax.plot(middle.index, middle, color=GREY, lw=1, ls=":")
        if panel.startswith("min Δ"):
            linear_then_log(ax.yaxis, LEAST, max(part["value"].max(), 10 * LEAST) * 2 if len(part) else 20 * LEAST)
        else:
            log_axis(ax.yaxis, part["value"].to_numpy())
        widths = sorted(set(rows["width"]))
        log_axis(ax.xaxis, np.array(widths), fit=True)
        if 0 < len(widths) <= 8:
            ax.xaxis.set_major_locator(FixedLocator(widths))
    facets.set_xlabels("units of each hidden layer, log scale")
    unequal = len(everything) - len(rows)
    note = (
        "Theorem 9 is about gradient descent on the squared error at a learning rate inverse to the width: the "
        "distance then falls at least as fast as the width to the power −1/2 (lemma 7), and a wide enough network has "
        f"a monotone line. {_settings(rows)}Least squares of ln(distance) on ln(width); "
        f"{100 * params.confidence:g} % bootstrap interval. {explain(results)}"
        + (f" {unequal} runs without hidden layers of one width have no place here." if unequal else "")
    )
    entries = [
        *verdict_entries(rows),
        Line2D([], [], color=INK, lw=1.2, label="least squares"),
        Line2D([], [], color=GREY, lw=1.2, ls="--", label="exponent −1/2"),
        Line2D([], [], color=GREY, lw=1, ls=":", label="medians"),
    ]
    compose(facets.figure, f"Width of the hidden layers: {subject(rows)}", note, entries)
    return Drawing(facets.figure, kept[[*COLUMNS, "monotonic", *MEASURES]])


def _add_laws(ax: Axes, law: PowerLaw, points: pd.DataFrame) -> None:
    """Draw the fitted power law, and through the middle of the points the one of the lazy regime."""
    if not np.isfinite(law.exponent):
        return
    ends = np.array([points["width"].min(), points["width"].max()])
    ax.plot(ends, law.prefactor * ends**law.exponent, color=INK, lw=1.2)
    middle = np.exp(np.log(points["width"]).mean())
    height = law.prefactor * middle**law.exponent
    ax.plot(ends, height * (ends / middle) ** LAZY, color=GREY, lw=1.2, ls="--")


def _settings(rows: pd.DataFrame) -> str:
    """Say what is pooled beside the width."""
    parts = []
    for name, words in (("depth", "hidden layers"), ("lr", "learning rates")):
        values = [number(value) for value in sorted(set(rows[name].astype(float)))]
        parts.append(f"{words} {', '.join(values) if len(values) <= 4 else f'{values[0]} to {values[-1]}'}")
    losses = ", ".join(dict.fromkeys(rows["loss"].astype(str).str.replace("_", " ")))
    return f"Pooled here: {losses}; {'; '.join(parts)}. " if len(rows) else ""
