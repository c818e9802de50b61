"""Figure 3: the paths of a network's outputs along the line, with and without batch normalisation."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from sklearn.decomposition import PCA

from stages.figures.base import Drawing, admitted, explain, left_out, number, setting, subject
from stages.figures.declare import figure
from stages.figures.style import COLOURS, canvas, caption, heading, legend, say
from stages.measures.contrast import SETTING
from stages.results.results import Results

ACCURATE = 0.99  # training accuracy that counts as near-perfect
DARKER = 0.85  # share of a colour's brightness, so that its pale ones are seen on white
COLUMNS = ["suite", "run_id", "batch_norm", "example", "class", "alpha", "component_1", "component_2"]


@dataclass(frozen=True)
class Pair:
    """Two admitted runs that differ in batch norm only."""

    plain: pd.Series
    normed: pd.Series

    @property
    def contrast(self) -> bool:
        """Whether the plain network is monotone and the one with batch norm is not."""
        return bool(self.plain["monotonic"]) and not self.normed["monotonic"]

    @property
    def accurate(self) -> bool:
        """Whether both fit the training data nearly perfectly."""
        return min(self.plain["train_accuracy"], self.normed["train_accuracy"]) >= ACCURATE

    def rank(self) -> tuple:
        """Return what to sort by: the best pair comes first."""
        gap = float(self.normed["min_delta"]) - (0.0 if self.contrast else float(self.plain["min_delta"]))
        return not self.contrast, not self.accurate, -abs(gap), str(self.plain["run_id"]), str(self.normed["run_id"])


def choose(rows: pd.DataFrame) -> Pair | None:
    """Choose the pair of runs to draw.

    A pair where batch norm makes the line non-monotone goes before others, then one where both networks are accurate,
    then the one with the largest min Delta (the largest gap in min Delta where no pair shows the contrast).

    Args:
        rows: Admitted rows whose paths were kept.

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
)
def logit_paths(results: Results) -> Drawing:
    """Figure 3: two-dimensional PCA of the outputs along the line, of two networks that differ in batch norm only."""
    rows = results.lines()
    kept = [name for name, curves in results.curves.items() if curves.paths.shape[2] > 0]
    candidates = admitted(rows)[admitted(rows)["suite"].isin(kept)]
    finite = [np.isfinite(paths).all() for _, paths in results.values(candidates, "paths")]
    pair = choose(candidates[np.array(finite, dtype=bool)])
    figure, axes = canvas(1, 2, width=5.4, height=4.8)
    shown = f"Chosen from {len(candidates)} admitted runs with paths; {left_out(rows)}. {explain(results)}"
    if pair is None:
        why = (
            "no pair of admitted runs differs\nin batch norm only"
            if kept
            else "path_examples is 0:\nno paths were kept"
        )
        for ax, name in zip(axes[0], ("no batch norm", "batch norm"), strict=True):
            say(ax, why)
            ax.set(xlabel="component 1", ylabel="component 2")
            heading(ax, name, "none shown")
        caption(figure, f"Outputs along the line (PCA): {subject(rows)}", shown)
        return Drawing(figure, pd.DataFrame(columns=COLUMNS))
    labels = [results.values(row.to_frame().T, "path_labels")[0][1] for row in (pair.plain, pair.normed)]
    classes = sorted(set(np.concatenate(labels).tolist()))
    palette = COLOURS if len(classes) <= len(COLOURS) else sns.husl_palette(len(classes))
    colours = {c: tuple(DARKER * part for part in colour) for c, colour in zip(classes, palette, strict=False)}
    data = []
    for ax, row, classes_K in zip(axes[0], (pair.plain, pair.normed), labels, strict=True):
        data.append(_panel(ax, results, row, classes_K, colours))
        name = f"{'batch norm' if row['batch_norm'] else 'no batch norm'}: {_verdict(row)}"
        numbers = f"min Δ {number(row['min_delta'])}, training accuracy {100 * row['train_accuracy']:.2f} %"
        heading(ax, name, numbers)
    handles = [Line2D([], [], ls="", marker="o", mfc="white", color="0.1", label="initial network")]
    handles += [Line2D([], [], ls="", color=colours[c], marker=f"${c}$", label=f"class {c}") for c in classes]
    legend(figure, handles)
    if pair.contrast:
        verdict = ""
    elif pair.plain["monotonic"] == pair.normed["monotonic"]:
        verdict = f"; both lines are {_verdict(pair.plain)} (no pair shows the contrast)"
    else:
        verdict = "; only the line without batch norm is non-monotone (no pair shows the contrast)"
    note = (
        f"Paths of the first {len(labels[0])} training examples ({len(classes)} classes), from the initial network "
        f"(circle) to the trained one (number of the class). One PCA a network, over all its outputs. {shown}"
    )
    caption(figure, f"Outputs along the line (PCA): {setting(pair.plain, ['batch_norm'])}{verdict}", note)
    return Drawing(figure, pd.concat(data, ignore_index=True))


def _verdict(row: pd.Series) -> str:
    return "monotone" if row["monotonic"] else "non-monotone"


def _panel(ax: Axes, results: Results, row: pd.Series, classes_K: np.ndarray, colours: dict) -> pd.DataFrame:
    """Draw the paths of one network; return them."""
    alphas, outputs = results.values(row.to_frame().T, "paths")[0]  # (A, K, O)
    flat = outputs.reshape(-1, outputs.shape[2]).astype(np.float64)
    if flat.shape[1] < 2:
        flat = np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    still = not np.ptp(flat, axis=0).any()
    pca = PCA(n_components=2, svd_solver="full")
    points = np.zeros((len(flat), 2)) if still else pca.fit_transform(flat)
    shares = np.zeros(2) if still else pca.explained_variance_ratio_
    paths = points.reshape(len(alphas), len(classes_K), 2)
    for path, label in zip(paths.transpose(1, 0, 2), classes_K.tolist(), strict=True):
        ax.plot(*path.T, color=colours[label], lw=1.2, alpha=0.8, zorder=2)
        ax.plot(*path[0], ls="", marker="o", ms=4, mfc="white", color="0.1", mew=0.7, zorder=3)
        ax.plot(*path[-1], ls="", marker=f"${label}$", ms=7, color=colours[label], mew=0.3, zorder=4)
    for name, share in zip(("x", "y"), shares, strict=True):
        component = 1 if name == "x" else 2
        ax.set(**{f"{name}label": f"component {component} ({100 * share:.1f} % of variance)"})
    ax.set_aspect("equal", adjustable="datalim")
    examples = np.tile(np.arange(len(classes_K)), len(alphas))
    columns = (row["suite"], row["run_id"], row["batch_norm"], examples, classes_K[examples])
    columns += (np.repeat(np.round(alphas, 6), len(classes_K)), points[:, 0], points[:, 1])
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
