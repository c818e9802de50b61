"""Figures of lines between different runs: 8, and 35 on how a matching of hidden units lowers barriers."""

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from stages.config import PairLines
from stages.figures import findings_of_lines, findings_of_numbers
from stages.figures.declare import figure
from stages.figures.facets import POINTS, compose, heading, panels, say, verdict_entries
from stages.figures.line_panels import IDENTITY, LABEL, curves_frame, line_figure
from stages.figures.outputs import Drawing
from stages.figures.style import GREY, INK, LINE_STYLES, OWN_KIND
from stages.figures.words import explain, number, split, subject, unit
from stages.results.pairs import lines_between_runs
from stages.results.results import Results
from stages.results.rows import converged

ENDS = {
    ("initial", "initial"): ("initialisation to initialisation", "between initialisations"),
    ("initial", "final"): ("initialisation to optimum", "to another run's optimum"),
    ("final", "final"): ("optimum to optimum", "between optima"),
}
"""Title of a panel and kind of line by the ends of lines between two runs."""
MATCHINGS = {None: "as trained", "weights": "weights matched", "activations": "activations matched"}
"""Names of the ways in which hidden units are matched, by `PairLines.matching`."""
DASHES = {name: LINE_STYLES.get(name, LINE_STYLES["between optima"]) for name in MATCHINGS.values()}
BARRIERS = ["panel", "kind", *IDENTITY[:4], "barrier", "min_delta", "monotonic", "distance"]


@figure(
    8,
    "between_runs",
    shows="Lines between ten networks.",
    paper="No barriers but between optima.",
    claims=(
        "initializations_have_no_barriers",
        "crossed_lines_have_no_barriers",
        "crossed_lines_have_no_barriers_failing",
        "crossed_lines_have_no_barriers_residual",
        "optima_have_barriers",
    ),
    finding=findings_of_lines.of_barriers,
)
def between_runs(results: Results) -> Drawing:
    """Figure 8: lines between initialisations, from initialisations to optima, and between optima of different runs.

    Args:
        results: The pooled suites.

    Returns:
        The drawing: for each suite a panel for each kind of ends. Own lines stand beside those to optima of others.
    """
    suites = [suite for suite in results.suites if any(not entry.matching for _, entry in _pairs(results, suite))]
    own = results.lines(once=False)
    titles, groups = {}, []
    for suite in suites or [None]:
        for ends, (title, kind) in ENDS.items():
            plain = [(name, entry) for name, entry in _pairs(results, suite) if not entry.matching]
            names = [name for name, entry in plain if (entry.start, entry.end) == ends]
            rows = lines_between_runs(results, suite, names)
            shown = converged(rows)
            panel = title if len(suites) < 2 else f"{suite}: {title}"
            counts = []
            if len(shown):
                counts.append(f"{split(shown)}, mean barrier {number(shown['barrier'].mean())}")
                groups.append(shown.assign(panel=panel, kind=kind))
            if len(shown) and ends == ("initial", "final"):
                mine = converged(own[(own["suite"] == suite) & own["run_id"].isin(shown["run_id"])])
                groups.append(mine.assign(panel=panel, kind=OWN_KIND))
                counts.append(f"own lines: {split(mine)}")
            if len(shown) < len(rows):
                counts.append(f"{len(rows) - len(shown)} left out, run not converged")
            reason = "no line between converged runs" if names else "no suite with lines\nbetween runs"
            titles[panel] = "\n".join(counts), reason
    note = (
        "Loss of the run at the end of a line, on its training split. Barrier: how far a line rises above the higher "
        "of its ends."
    )
    title = f"Lines between different runs: {subject(pd.concat([own.head(0), *groups]))}"
    return line_figure(results, titles, groups, 2, (title, note))


@figure(
    35,
    "matched_barriers",
    shows="Barriers between optima before and after matching hidden units.",
    paper="Not in the paper.",
    claims=("optima_have_barriers",),
    finding=findings_of_numbers.of_matching,
)
def matched_barriers(results: Results) -> Drawing:
    """Figure 35: lines between optima before and after their hidden units are matched (Ainsworth et al. 2022).

    Args:
        results: The pooled suites.

    Returns:
        The drawing: left the losses along the lines, right the barrier of each pair.
    """
    groups = [results.lines().head(0).assign(kind="", barrier=0.0)]
    for matching, kind in MATCHINGS.items():
        for suite in results.suites:
            for name, entry in _pairs(results, suite):
                if (entry.start, entry.end, entry.matching) == ("final", "final", matching):
                    groups.append(converged(lines_between_runs(results, suite, [name])).assign(kind=kind))
    rows = pd.concat(groups, ignore_index=True)
    losses = curves_frame(results, [rows]).astype({"train_loss": float}).groupby(["kind", "alpha"], sort=False)
    bands = losses["train_loss"].agg(mean="mean", standard_deviation="std").fillna(0.0).reset_index()
    frame = pd.concat([bands.assign(panel="loss along the lines"), rows.assign(panel="barriers")], ignore_index=True)
    frame = frame.reindex(columns=[*BARRIERS, *bands.columns[1:]])
    figure, (axes,) = panels(1, 2)
    kinds = list(rows["kind"].unique())
    means = ", ".join(number(value) for value in rows.groupby("kind", sort=False)["barrier"].mean())
    counts = {
        "loss along the lines": "mean ± standard deviation over the pairs",
        "barriers": f"a pair a line; means {means}; {rows['kind'].value_counts().max()} pairs",
    }
    for ax, (panel, text) in zip(axes, counts.items(), strict=True):
        heading(ax, panel, text if kinds else "")
        if not kinds:
            say(ax, "no suite with lines\nbetween converged optima")
        elif ax is axes[0]:
            _draw_bands(ax, frame[frame["panel"] == panel])
        else:
            _draw_barriers(ax, frame[frame["panel"] == panel])
    axes[0].set(xlabel=LABEL, ylabel=f"training loss{unit(rows)}", xlim=(0, 1), ylim=(0, None))
    axes[1].set(xlabel="order of the hidden units", ylabel=f"barrier{unit(rows)}", ylim=(0, None))
    entries = [Line2D([], [], color=INK, ls=(0, DASHES[kind]), label=f"mean, {kind}") for kind in kinds]
    entries += [Patch(facecolor=INK, alpha=0.15, label="± standard deviation"), *verdict_entries(rows)]
    note = (
        "Barrier: how far a line rises above the higher of its ends. Matched: the hidden units of one optimum, which "
        "may trade places without changing the function, in the order in which their weights (coordinate ascent), or "
        "their activations on the training examples, are most like those of the other, by linear assignment. "
        f"{explain(results)}"
    )
    compose(figure, f"Barriers between optima before and after matching their units: {subject(rows)}", note, entries)
    return Drawing(figure, frame)


def _draw_bands(ax: Axes, bands: pd.DataFrame) -> None:
    """Draw the mean loss of each kind of line, and the standard deviation on both sides of it."""
    look = {"color": INK, "style": "kind", "dashes": DASHES, "errorbar": None, "legend": False, "zorder": 3}
    sns.lineplot(bands, x="alpha", y="mean", ax=ax, **look)
    for _, band in bands.groupby("kind", sort=False):
        low, high = band["mean"] - band["standard_deviation"], band["mean"] + band["standard_deviation"]
        ax.fill_between(band["alpha"], low, high, color=INK, alpha=0.15, lw=0)


def _draw_barriers(ax: Axes, rows: pd.DataFrame) -> None:
    """Draw the barrier of each pair by the kind of line, in the look of its verdict, and join those of a pair."""
    pairs = rows.groupby(["suite", "start_run_id", "run_id"], sort=False).ngroup()
    look = {"color": GREY, "lw": 0.5, "alpha": 0.5, "legend": False}
    sns.lineplot(rows, x="kind", y="barrier", units=pairs, estimator=None, ax=ax, **look)
    sns.scatterplot(rows, x="kind", y="barrier", ax=ax, **POINTS)
    ax.margins(x=0.15)


def _pairs(results: Results, suite: str | None) -> list[tuple[str, PairLines]]:
    """Return the kinds of lines of a suite that are between runs, with their names."""
    lines = results.suites[suite].lines if suite else {}
    return [(name, entry) for name, entry in lines.items() if isinstance(entry, PairLines)]
