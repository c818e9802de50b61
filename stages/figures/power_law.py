"""Figures of the power law between distance and Gauss length: 7, 15 and 17."""

import itertools

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from stages.figures import findings_of_numbers
from stages.figures.declare import figure
from stages.figures.facets import Facets, compose, verdict_entries
from stages.figures.outputs import Drawing
from stages.figures.style import DISTANCE, GAUSS, GREY, INK, log_axis
from stages.figures.words import count, explain, subject
from stages.measures import power_law as measure
from stages.results.failures import DISTANCE_EDGES
from stages.results.results import Results
from stages.results.rows import converged

NEAR = DISTANCE_EDGES[2]  # normalised distance on both sides of which a power law of its own is fitted, too
FEWEST = 10  # points of a side from which its law is drawn
ESTIMATORS = {
    "gauss_length_smooth": "smooth estimator (the paper's)",
    "gauss_length_turning": "total turning, corners included",
}
COLUMNS = ["suite", "run_id", "dataset", "optimizer", "lr", "batch_norm", "monotonic"]


@figure(
    7,
    "power_law",
    shows="Gauss length against distance.",
    paper="A power law, R² 0.616.",
    claims=("power_law",),
    finding=findings_of_numbers.of_power_law,
)
@figure(
    15,
    "autoencoder_power_law",
    shows="Gauss length against distance for autoencoders.",
    paper="A power law, R² 0.705.",
    claims=("power_law_autoencoders",),
    finding=findings_of_numbers.of_power_law,
)
def power_law(results: Results) -> Drawing:
    """Figures 7 and 15: Gauss length against distance on logarithms, with the fitted power law."""
    return _power_laws(results, results.lines().assign(group=""))


@figure(
    17,
    "residual_power_law",
    shows="Gauss length against distance for residual networks.",
    paper="No clear power law but a positive correlation, R² 0.399 and 0.402.",
    claims=("power_law_residual",),
    finding=findings_of_numbers.of_power_laws,
)
def power_law_by_suite(results: Results) -> Drawing:
    """Figure 17: as figure 7, a row for each suite with a fit of its own."""
    rows = results.lines()
    return _power_laws(results, rows.assign(group=rows["suite"] + ": "))


def _power_laws(results: Results, rows: pd.DataFrame) -> Drawing:
    """Draw a panel for each Gauss length of each group of lines, which their column `group` names."""
    kept = converged(rows).astype(dict.fromkeys(["normalized_distance", *GAUSS], float))
    points = kept.melt(["group", "normalized_distance", "monotonic"], list(GAUSS), "estimator", "gauss_length")
    points = points[(points["normalized_distance"] > 0) & (points["gauss_length"] > 0)]
    points["panel"] = points["group"] + points["estimator"].map(ESTIMATORS)
    params = results.measure
    titles, laws, estimators = {}, {}, []
    for group, estimator in itertools.product(dict.fromkeys(rows["group"]) or [""], GAUSS):
        panel = group + ESTIMATORS[estimator]
        own = points[points["panel"] == panel]
        x, y = own["normalized_distance"].to_numpy(), own["gauss_length"].to_numpy()
        laws[panel] = measure.fit(x, y, params.confidence, params.bootstrap, params.bootstrap_seed)
        titles[panel] = f"{law_in_words(laws[panel])}\n{_sides(x, y)}\n{count(rows[rows['group'] == group], len(own))}"
        estimators.append(estimator)
    facets = Facets(points, titles, height=3.8, sharex=True, sharey=False)
    facets.scatter("normalized_distance", "gauss_length")
    for (ax, panel, own), estimator in zip(facets.parts(), estimators, strict=True):
        _add_fit(ax, laws[panel], own)
        log_axis(ax.xaxis, kept["normalized_distance"].to_numpy(), fit=True)
        log_axis(ax.yaxis, kept[estimator].to_numpy(), fit=True)
        ax.set_ylabel("Gauss length (rad), log scale")
    facets.set_xlabels(f"{DISTANCE}, log scale")
    note = (
        f"Least squares of ln(Gauss length) on ln(distance) over all points of a panel; "
        f"{100 * results.measure.confidence:g} % bootstrap intervals. Black: also the laws below a distance of "
        f"{NEAR:g} and from there on, where at least {FEWEST} points are; where they differ, one law does not fit. "
        f"{explain(results)}"
    )
    entries = [
        *verdict_entries(rows),
        Line2D([], [], color=GREY, lw=1.2, ls="--", label="one law"),
        Line2D([], [], color=INK, lw=1.6, label=f"below and from a distance of {NEAR:g}"),
    ]
    compose(facets.figure, f"Power law of Gauss length and distance: {subject(rows)}", note, entries)
    return Drawing(facets.figure, kept[[*COLUMNS, "normalized_distance", *GAUSS]])


def _add_fit(ax: Axes, law: measure.PowerLaw, points: pd.DataFrame) -> None:
    """Draw the law of all points, and over it those of the points on both sides of `NEAR`."""
    x, y = points["normalized_distance"].to_numpy(), points["gauss_length"].to_numpy()
    if np.isfinite(law.exponent):
        ends = np.array([x.min(), x.max()])
        ax.plot(ends, law.prefactor * ends**law.exponent, color=GREY, lw=1.2, ls="--", zorder=4)
    for near, side in side_laws(x, y).items():
        ends = np.array([x.min(), min(x.max(), NEAR)] if near else [max(x.min(), NEAR), x.max()])
        ax.plot(ends, side.prefactor * ends**side.exponent, color=INK, lw=1.6, zorder=4)


def side_laws(x: np.ndarray, y: np.ndarray) -> dict[bool, measure.PowerLaw]:
    """Return the power laws of the points below `NEAR` (True) and from there on, of sides with `FEWEST` points.

    Args:
        x: Normalised distances, shape (N,).
        y: Gauss lengths in radians, shape (N,).

    Returns:
        The laws, whose intervals are of two resamples only and have no meaning.
    """
    sides = {near: (x < NEAR) == near for near in (True, False)}
    laws = {near: measure.fit(x[side], y[side], 0.95, 2, 0) for near, side in sides.items() if side.sum() >= FEWEST}
    return {near: law for near, law in laws.items() if np.isfinite(law.exponent)}


def _sides(x: np.ndarray, y: np.ndarray) -> str:
    """Write exponent and R² of the laws on both sides of `NEAR`."""
    words = {True: f"below {NEAR:g}", False: f"from {NEAR:g}"}
    laws = [f"{words[near]}: {law.exponent:.2f}, R² {law.r_squared:.2f}" for near, law in side_laws(x, y).items()]
    return "; ".join(laws) or f"too few points on the sides of {NEAR:g}"


def law_in_words(law: measure.PowerLaw) -> str:
    """Write exponent and R^2 of a fit with their intervals."""
    if not np.isfinite(law.exponent):
        return "too few points to fit"
    return (
        f"exponent {law.exponent:.3f} [{law.exponent_low:.3f}, {law.exponent_high:.3f}]\n"
        f"R² {law.r_squared:.3f} [{law.r_squared_low:.3f}, {law.r_squared_high:.3f}]"
    )
