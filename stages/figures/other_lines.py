"""Figures of lines to one optimum from elsewhere than its initialisation, and of lines of one layer: 21, 37 and 38."""

import itertools
from collections.abc import Callable

import pandas as pd

from stages.config import LayerLines, NoiseLines, PermutedLines, SnapshotLines, ZeroLines
from stages.config.lines import Lines
from stages.figures import findings_of_lines
from stages.figures.declare import figure
from stages.figures.line_panels import line_figure
from stages.figures.outputs import Drawing
from stages.figures.style import OWN_KIND
from stages.figures.words import number, setting, split, subject
from stages.results.results import Results
from stages.results.rows import converged

Kinds = dict[str, Callable[[Lines], bool]]
"""By the title of a panel: which kinds of lines of a suite it shows."""


@figure(
    21,
    "permuted",
    shows="Lines to and from permuted networks.",
    paper="Permutations preserve monotonicity.",
    claims=("permutations_preserve_monotonicity",),
    finding=findings_of_lines.like_the_own_line,
)
def permuted(results: Results) -> Drawing:
    """Figure 21: lines whose initial, or whose trained, network has its hidden units permuted."""
    kinds = {
        "initial network permuted": lambda entry: isinstance(entry, PermutedLines) and entry.point == "initial",
        "trained network permuted": lambda entry: isinstance(entry, PermutedLines) and entry.point == "final",
    }
    note = (
        "The hidden units of all layers are put into a random permutation, which leaves the function as it is but "
        "moves the network elsewhere in weight space."
    )
    return _draw(results, kinds, "Lines between permuted networks", "line of a permuted network", note)


@figure(
    37,
    "other_starts",
    shows="Lines from noise, from zero, and from points of training.",
    paper="Not in the paper.",
    finding=findings_of_lines.by_start,
)
def other_starts(results: Results) -> Drawing:
    """Lines to an optimum from noise, from zero (Tao et al. 2024), and from points of training (Frankle 2020)."""
    kinds = {
        "from noise": lambda entry: isinstance(entry, NoiseLines),
        "from all weights zero": lambda entry: isinstance(entry, ZeroLines),
        "from points of training": lambda entry: isinstance(entry, SnapshotLines),
    }
    note = (
        "Noise: Gaussian, in each tensor with the norm of the trained weights. Points of training: the weights after "
        "the number of epochs beside each line."
    )
    return _draw(results, kinds, "Lines to an optimum from elsewhere", "line from elsewhere", note)


@figure(
    38,
    "one_layer",
    shows="Lines along which one layer moves.",
    paper="Not in the paper.",
    finding=findings_of_lines.by_start,
)
def one_layer(results: Results) -> Drawing:
    """Lines along which one layer or block moves from its initial to its trained weights (Vlaar and Frankle 2022)."""
    kinds = {
        "the others initial": lambda entry: isinstance(entry, LayerLines) and entry.rest == "initial",
        "the others trained": lambda entry: isinstance(entry, LayerLines) and entry.rest == "final",
    }
    note = (
        "One layer or block, named beside its line, goes from its initial to its trained weights while the others "
        "keep theirs. A layer's biases and batch norm move with it."
    )
    return _draw(results, kinds, "Lines along which one layer moves", "line of one layer", note)


def _draw(results: Results, kinds: Kinds, title: str, what: str, note: str) -> Drawing:
    """Draw a row for each converged run that has such lines, a column for each of up to two `kinds`, else across."""
    own = results.lines(once=False)
    groups = {name: _rows(results, wanted) for name, wanted in kinds.items()}
    asked = pd.concat(groups.values())[["suite", "run_id"]].drop_duplicates()
    ends = own.merge(asked).pipe(converged)
    none = "no converged run" if len(asked) and ends.empty else "no suite with such lines"
    titles, shown = dict.fromkeys(kinds if ends.empty else (), ("", none)), []
    by_run = len(kinds) <= 2  # else a column for each run
    places = [*enumerate((end for _, end in ends.iterrows()), 1)]
    pairs = itertools.product(places, groups) if by_run else ((run, name) for name in groups for run in places)
    for (place, end), name in pairs:
        rows = groups[name]
        panel = f"run {place}: {name}" if len(ends) > 1 else name
        lines = converged(rows[(rows["suite"] == end["suite"]) & (rows["run_id"] == end["run_id"])])
        counts = f"\n{split(lines)}, largest min Δ {number(lines['min_delta'].max())}" if len(lines) else ""
        words = setting(end, ["dataset"]).replace("lr ", "lr\u00a0").replace("seed ", "seed\u00a0")
        titles[panel] = words + counts, none
        if len(lines):
            shown += [lines.assign(panel=panel, kind=what), end.to_frame().T.assign(panel=panel, kind=OWN_KIND)]
    left = len(asked) - len(ends)
    note += f" {left} runs that did not converge are left out." if left else ""
    return line_figure(
        results, titles, shown, len(kinds) if by_run else max(len(ends), 1), (f"{title}: {subject(ends)}", note)
    )


def _rows(results: Results, wanted: Callable[[Lines], bool]) -> pd.DataFrame:
    """Return the rows of all kinds of lines for which `wanted` is true, each with its `name`: layer or first epoch."""
    found = [results.lines().head(0)]
    for suite, about in results.suites.items():
        for line, entry in about.lines.items():
            if wanted(entry):
                rows = results.other_lines(suite, line)
                epochs = [f"epoch {draw:g}" for draw in rows["draw"].astype(float)]
                found.append(rows.assign(name=epochs if isinstance(entry, SnapshotLines) else rows["part"]))
    return pd.concat(found, ignore_index=True)
