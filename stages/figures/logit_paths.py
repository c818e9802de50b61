"""Figure 3: the paths of a network's outputs along the line, with and without batch normalisation."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from sklearn.decomposition import PCA

from stages.figures import findings_of_numbers
from stages.figures.declare import figure
from stages.figures.facets import Facets, compose, say
from stages.figures.line_panels import line_entries
from stages.figures.outputs import Drawing
from stages.figures.style import INK, MONOTONE, NON_MONOTONE
from stages.figures.words import explain, left_out, number, setting, subject
from stages.measures.contrast import SETTING
from stages.results.results import Results
from stages.results.rows import converged

ACCURATE = 0.99  # training accuracy that counts as near-perfect
OUTLINE = [withStroke(linewidth=2, foreground="white")]
NO_PATHS = "path_examples is 0:\nno paths were kept"
COLUMNS = ["suite", "run_id", "batch_norm", "monotonic", "example", "class", "alpha", "component_1", "component_2"]


class Pair(NamedTuple):
    """Two converged runs that differ in batch norm only."""

    plain: pd.Series
    normed: pd.Series

    @property
    def contrast(self) -> bool:
        """Whether the plain network is monotone and the one with batch norm is not."""
        return bool(self.plain["monotonic"]) and not self.normed["monotonic"]

    def rank(self) -> tuple:
        """Return what to sort by: the best pair comes first."""
        accurate = min(row["train_accuracy"] for row in self) >= ACCURATE
        gap = float(self.normed["min_delta"]) - (0.0 if self.contrast else float(self.plain["min_delta"]))
        return not self.contrast, not accurate, -abs(gap), *(str(row["run_id"]) for row in self)


def choose(rows: pd.DataFrame) -> Pair | None:
    """Choose the pair of runs to draw.

    A pair where batch norm makes the line non-monotone goes before others, then one where both networks are accurate,
    then the one with the largest min Delta (the largest gap in min Delta where no pair shows the contrast).

    Args:
        rows: Rows of converged runs whose paths were kept.

    Returns:
        The pair, or None if no two runs differ in batch norm only.
    """
    same = [name for name in SETTING if name != "batch_norm"]
    pairs = []
    for _, group in rows.groupby(same, dropna=False, sort=False):
        plain = [row for _, row in group[~group["batch_norm"]].iterrows()]
        normed = [row for _, row in group[group["batch_norm"]].iterrows()]
        pairs += [Pair(a, b) for a in plain for b in normed]
    return min(pairs, key=Pair.rank, default=None)


@figure(
    3,
    "logit_paths",
    shows="Logits along lines in two principal components.",
    paper="Without batch norm the paths are nearly straight; with it they bend.",
    finding=findings_of_numbers.of_logits,
)
def logit_paths(results: Results) -> Drawing:
    """Figure 3: two-dimensional PCA of the outputs along the line, of two networks that differ in batch norm only.

    Args:
        results: The pooled suites.

    Returns:
        The drawing: a panel for each of the two networks.
    """
    rows = results.lines()
    kept = [name for name, curves in results.curves.items() if curves.paths.shape[2] > 0]
    candidates = converged(rows)[converged(rows)["suite"].isin(kept)]
    finite = [np.isfinite(paths).all() for _, paths in results.values(candidates, "paths")]
    pair = choose(candidates[np.array(finite, dtype=bool)])
    chosen = [] if pair is None else [pair.plain, pair.normed]
    found = [_paths(results, row) for row in chosen]
    frame = pd.concat([path for path, _ in found]) if found else pd.DataFrame(columns=[*COLUMNS, "panel"])
    titles = {_title(row): _numbers(row) for row in chosen} or dict.fromkeys(
        ("no batch norm", "batch norm"), "none shown"
    )
    facets = Facets(frame, titles, height=4.2, sharex=False, sharey=False)
    classes = sorted(frame["class"].unique().tolist())
    for place, (ax, _, part) in enumerate(facets.parts()):
        if part.empty:
            ax.set(xlabel="component 1", ylabel="component 2")
            say(ax, "no pair of converged runs differs\nin batch norm only" if kept else NO_PATHS)
        else:
            _draw(ax, part)
            words = [f"component {i} ({100 * share:.1f} % of variance)" for i, share in enumerate(found[place][1], 1)]
            ax.set(xlabel=words[0], ylabel=words[1])
    entries = [Line2D([], [], ls="", marker="o", mfc="white", color=INK, label="initial network")] if chosen else []
    entries += [Line2D([], [], ls="", marker="$5$", color=INK, label="trained network: the class")] if chosen else []
    entries += line_entries([]) if chosen else []
    note = f"Chosen from {len(candidates)} converged runs with paths; {left_out(rows)}. {explain(results)}"
    if pair is None:
        compose(facets.figure, f"Outputs along the line (PCA): {subject(rows)}", note)
        return Drawing(facets.figure, frame[COLUMNS])
    note = (
        f"Paths of the first {frame['example'].nunique()} training examples ({len(classes)} classes), from the initial "
        f"network (circle) to the trained one (number of the class). One PCA a network, over all its outputs. {note}"
    )
    title = f"Outputs along the line (PCA): {setting(pair.plain, ['batch_norm'])}{_no_contrast(pair)}"
    compose(facets.figure, title, note, entries)
    return Drawing(facets.figure, frame[COLUMNS])


def _verdict(row: pd.Series) -> str:
    return "monotone" if row["monotonic"] else "non-monotone"


def _title(row: pd.Series) -> str:
    return f"{'batch norm' if row['batch_norm'] else 'no batch norm'}: {_verdict(row)}"


def _numbers(row: pd.Series) -> str:
    return f"min Δ {number(row['min_delta'])}, training accuracy {100 * row['train_accuracy']:.2f} %"


def _no_contrast(pair: Pair) -> str:
    """Return what a title adds for a pair in which batch norm does not make a monotone line non-monotone."""
    if pair.contrast:
        return ""
    if pair.plain["monotonic"] == pair.normed["monotonic"]:
        return f"; both lines are {_verdict(pair.plain)} (no pair shows the contrast)"
    return "; only the line without batch norm is non-monotone (no pair shows the contrast)"


def _paths(results: Results, row: pd.Series) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the paths of one network's outputs in two principal components, and the shares of variance of these."""
    one = row.to_frame().T
    ((alphas, outputs),) = results.values(one, "paths")  # (A, K, O)
    ((_, classes_K),) = results.values(one, "path_labels")
    flat = outputs.reshape(-1, outputs.shape[2]).astype(np.float64)
    if flat.shape[1] < 2:
        flat = np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    points, shares = np.zeros((len(flat), 2)), np.zeros(2)
    if np.ptp(flat, axis=0).any():
        pca = PCA(n_components=2, svd_solver="full")
        points, shares = pca.fit_transform(flat), pca.explained_variance_ratio_
    examples = np.tile(np.arange(len(classes_K)), len(alphas))
    columns = (row["suite"], row["run_id"], row["batch_norm"], bool(row["monotonic"]), examples, classes_K[examples])
    columns += (np.repeat(np.round(alphas, 6), len(classes_K)), points[:, 0], points[:, 1])
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))).assign(panel=_title(row)), shares


def _draw(ax: Axes, paths: pd.DataFrame) -> None:
    """Draw the path of each example in the colour of the verdict, a circle at its start and its class at the end."""
    colour = MONOTONE if paths["monotonic"].iloc[0] else NON_MONOTONE
    for _, path in paths.groupby("example", sort=False):
        first, last = path.iloc[0], path.iloc[-1]
        ax.plot(path["component_1"], path["component_2"], color=colour, lw=1.2, alpha=0.8)
        ax.plot(
            first["component_1"], first["component_2"], "o", color=INK, ms=4, mfc="white", mec=INK, mew=0.7, zorder=3
        )
        look = {"ha": "center", "va": "center", "fontsize": 8.5, "color": INK, "zorder": 4}
        ax.text(last["component_1"], last["component_2"], str(last["class"]), **look, path_effects=OUTLINE)
    ax.set_aspect("equal", adjustable="datalim")
