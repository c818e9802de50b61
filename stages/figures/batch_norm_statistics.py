"""How the verdict on a line depends on the estimate of batch-norm statistics: table 9 and figure 41."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from stages.config import LineStatistics
from stages.figures import findings_of_numbers, findings_of_tables
from stages.figures.declare import figure, table
from stages.figures.facets import LINES, POINTS, compose, heading, panels, say, verdict_entries
from stages.figures.outputs import Drawing, Table
from stages.figures.rises import add_strips, mark_rises
from stages.figures.style import ALPHA, GREY, LINE_STYLES, OWN_KIND, line_style, linear_then_log
from stages.figures.tables import markdown
from stages.figures.words import explain_converged, left_out, limit, number, setting, subject, unit
from stages.results.matched_statistics import KIND, OWN, compare, lines_redrawn, matched_lines
from stages.results.results import Results
from stages.results.rows import curve_table

TOLERANCES = (0.0, 1e-4, 1e-3, 1e-2)
"""Values of min Delta above which lines are counted, in the unit of the loss: those of the paper's tables, and near."""
ESTIMATES = {"cumulative": "mean over batches", "momentum": "moving average", "batch": "each batch's own"}
ORDERS = {"stored": "stored order", "shuffled": "one random order", "redrawn": "redrawn at each α"}
SMALLEST = 1e-6  # min Delta up to which its axis is linear: less is rounding
REDRAWN = "other batch-norm statistics"  # its kind of line in `LINE_STYLES`
EXAMPLE = ["statistics", "draw"]  # columns that tell apart the lines of one run
CLAIMS = ("release_statistics_break_monotonicity",)


def describe(statistics: LineStatistics) -> str:
    """Describe an estimate of batch-norm statistics in words.

    Args:
        statistics: The estimate.

    Returns:
        Such as `moving average (0.1) over batches of 512, redrawn at each α`.
    """
    average = f" ({statistics.momentum:g}) over" if statistics.estimate == "momentum" else ","
    name = ESTIMATES[statistics.estimate]
    return f"{name}{average} batches of {statistics.batch_size}, {ORDERS[statistics.order]}"


def estimates(results: Results) -> dict[tuple[str, str], str]:
    """Return the estimates of statistics that lines of some suites have.

    Args:
        results: The pooled suites.

    Returns:
        Words by suite and name of the lines, the own lines first in each suite.
    """
    found = {}
    for suite, about in results.suites.items():
        asked = {name: entry.batch_norm for name, entry in about.lines.items() if entry.kind == KIND}
        found |= {(suite, OWN): OWN}
        found |= {(suite, name): describe(statistics) for name, statistics in asked.items()}
    return found


@table(
    9,
    "non_monotone_by_statistics",
    shows="Non-monotone lines by estimate of batch-norm statistics and tolerance.",
    paper="Not in the paper, whose release redraws batches at each α.",
    claims=CLAIMS,
    finding=findings_of_tables.of_statistics,
)
def non_monotone_by_statistics(results: Results) -> Table:
    """Table 9: a row for each suite and estimate of batch-norm statistics, a column for each tolerance.

    Args:
        results: The pooled suites.

    Returns:
        Tidy: one row a suite, estimate and tolerance, with the fields of `Comparison`, and the range of min Delta over
        the draws of a run: its median and its largest value over runs. Markdown: a row for each suite and estimate.
    """
    lines, confidence = matched_lines(results), results.measure.confidence
    cells, texts = [], []
    for (suite, name), words in estimates(results).items():
        group = lines[(lines["suite"] == suite) & (lines["statistics"] == name)]
        draws = group.groupby("run_id")["min_delta"].agg(["min", "max", "size"])
        ranges = (draws["max"] - draws["min"])[draws["size"] > 1]
        spread = {"median_range": ranges.median(), "largest_range": ranges.max()}
        row = [suite, words]
        for tolerance in TOLERANCES if len(group) else ():
            above, own_above = (group[column] > tolerance for column in ("min_delta", "own_min_delta"))
            found = compare(group["run_id"], above, own_above, confidence)
            key = {"suite": suite, "statistics": name, "tolerance": tolerance, "draws": int(draws["size"].max())}
            cells.append(key | vars(found) | spread)
            changes = "" if name == OWN else f"<br>+{found.gained:.3g} −{found.lost:.3g}"
            row.append(f"{found.proportion:.2f} ({found.runs})<br>{found.low:.2f}–{found.high:.2f}{changes}")
        row += [""] * (len(TOLERANCES) + 2 - len(row))
        texts.append([*row, f"{number(ranges.median())}<br>{number(ranges.max())}" if len(ranges) else ""])
    rows = results.lines(once=False)
    head = ["suite", "statistics", *(f"min Δ > {tolerance:g}" for tolerance in TOLERANCES), "range over draws"]
    note = (
        "In a cell: proportion of non-monotone lines (number of converged runs), below it the "
        f"{100 * confidence:g} % Wilson interval, then how many runs rise with these statistics alone (+) and with "
        "their own line's alone (−). A run with several draws counts as the share of its draws. Range over draws: "
        "largest less smallest min Δ of a run, its median and its largest value over runs. Own line: statistics as in "
        f"all other figures and tables. {explain_converged(results)} {len(rows)} runs; {left_out(rows)}."
    )
    title = f"Non-monotone lines by estimate of batch-norm statistics: {subject(rows)}"
    return Table(_tidy(cells), markdown(title, 2, head, texts, note))


CELLS = ["suite", "statistics", "tolerance", "draws", "runs", "proportion", "low", "high", "gained", "lost"]
CELLS += ["difference", "difference_low", "difference_high", "median_range", "largest_range"]


def _tidy(cells: list[dict]) -> pd.DataFrame:
    return pd.DataFrame(cells, columns=CELLS)


@figure(
    41,
    "rise_by_statistics",
    shows="Min Δ by estimate of batch-norm statistics, and one line.",
    paper="Not in the paper, whose release redraws batches at each α.",
    claims=CLAIMS,
    finding=findings_of_numbers.of_statistics,
)
def rise_by_statistics(results: Results) -> Drawing:
    """Figure 41: min Delta of each run by the estimate of batch-norm statistics, and the losses along one line.

    Args:
        results: The pooled suites.

    Returns:
        A panel for each suite, in which a thin line joins the first draws of a run, and one for the run that is
        monotone on its own line and rises most where batches are redrawn.
    """
    lines, named = matched_lines(results), estimates(results)
    everything = results.lines(once=False)
    figure, axes = panels(len(results.suites) + 1, 1, height=3.0)
    highest = max(lines["min_delta"].max() if len(lines) else 0.0, 10 * SMALLEST)
    for ax, suite in zip(axes.flat, results.suites, strict=False):
        shown, rows = lines[lines["suite"] == suite], everything[everything["suite"] == suite]
        names = [name for place, name in named if place == suite]
        runs = shown["run_id"].nunique()
        heading(ax, f"{suite}: {subject(rows)}", f"{runs} runs; {left_out(rows)}")
        _draw_rises(ax, shown, names)
        linear_then_log(ax.yaxis, SMALLEST, 2 * highest)
        ax.axhline(results.suites[suite].tolerance, color=GREY, lw=0.8, ls=":", zorder=1)
        ax.set_ylabel(f"min Δ{unit(rows)}")
    curves = _example(results, lines)
    _draw_example(axes.flat[-1], curves, everything)
    own = results.only(*curves["suite"].unique()) if len(curves) else results  # whose tolerance the strip shows
    add_strips(own, [(axes.flat[-1], curves.assign(kind=curves["statistics"].map(_kind)))], EXAMPLE, kind="kind")
    explained = dict.fromkeys(f"{name}: {words}" for (_, name), words in named.items() if name != OWN)
    entries = verdict_entries(lines.assign(status="converged"))
    if len(curves):
        entries += [Line2D([], [], color=GREY, ls=line_style(kind), label=kind) for kind in (OWN_KIND, REDRAWN)]
    entries += [Line2D([], [], color=GREY, lw=0.8, ls=":", label=f"tolerance {limit(results, 'tolerance')}")]
    note = (
        f"{'; '.join(explained)}. Own line: statistics as in all other figures. Each point is an evaluation of a run's "
        f"line, each thin line joins the first ones of a run. {explain_converged(results)}"
    )
    compose(figure, f"min Δ by estimate of batch-norm statistics: {subject(everything)}", note, entries)
    return Drawing(figure, pd.concat([lines, curves], ignore_index=True)[[*lines.columns, "alpha", "train_loss"]])


def _draw_rises(ax: Axes, shown: pd.DataFrame, names: list[str]) -> None:
    """Draw min Delta of each line above the name of its statistics."""
    if shown.empty:
        say(ax, "no converged run with lines of kind statistics")
    else:
        places = {name: place for place, name in enumerate(names)}
        points = shown.assign(place=shown["statistics"].map(places))
        first = points[points["draw"] == 0].sort_values("place")
        look = {"units": "run_id", "estimator": None, "errorbar": None, "color": GREY, "lw": 0.5, "alpha": 0.35}
        sns.lineplot(first, x="place", y="min_delta", ax=ax, legend=False, **look)
        sns.scatterplot(points.astype({"monotonic": bool}), x="place", y="min_delta", ax=ax, **POINTS | {"s": 20})
    ax.set_xticks(range(len(names)), [name.replace("_", "\n", 1) for name in names])
    ax.set(xlim=(-0.4, len(names) - 0.6), xlabel="batch-norm statistics")


def _example(results: Results, lines: pd.DataFrame) -> pd.DataFrame:
    """Return the losses along the lines of the run that rises most by redrawn batches alone; none without one."""
    redrawn = lines_redrawn(results)
    risen = redrawn[redrawn["own_monotonic"] & ~redrawn["monotonic"]]
    if risen.empty:
        return lines[:0].assign(alpha=np.zeros(0), train_loss=np.zeros(0))
    chosen = risen.loc[risen["min_delta"].idxmax()]
    suite = chosen["suite"]
    own = results.lines(once=False)
    found = {OWN: own[own["suite"] == suite]}
    names = dict.fromkeys(redrawn.loc[redrawn["suite"] == suite, "statistics"])
    found |= {name: results.other_lines(suite, name) for name in names}
    tables = []
    for name, rows in found.items():
        rows = rows[rows["run_id"] == chosen["run_id"]].assign(statistics=name)
        columns = ["suite", "statistics", "run_id", "draw", "monotonic"]
        tables.append(curve_table(results, rows, {"train_loss": "loss_train"}, columns))
    return pd.concat(tables, ignore_index=True).fillna({"draw": 0})


def _kind(statistics: str) -> str:
    """Return the kind of line, in `LINE_STYLES`, of lines with some batch-norm statistics."""
    return OWN_KIND if statistics == OWN else REDRAWN


def _draw_example(ax: Axes, curves: pd.DataFrame, rows: pd.DataFrame) -> None:
    """Draw the losses along the lines of one run."""
    ax.set(xlabel=ALPHA, ylabel=f"training loss{unit(rows)}")
    if curves.empty:
        heading(ax, "example", "no run")
        return say(ax, "no line rises where batches are redrawn alone")
    row = rows[rows["run_id"] == curves["run_id"].iloc[0]].iloc[0]
    heading(ax, "the run that rises most by redrawn batches alone", setting(row))
    draws = curves.groupby(EXAMPLE, sort=False).ngroup()
    curves = curves.assign(kind=curves["statistics"].map(_kind), line=draws).astype({"monotonic": bool})
    dashes = {kind: LINE_STYLES[kind] for kind in (OWN_KIND, REDRAWN)}
    look = LINES | {
        "units": "line",
        "style": "kind",
        "style_order": list(dashes),
        "dashes": dashes,
        "rasterized": False,
    }
    sns.lineplot(curves, x="alpha", y="train_loss", ax=ax, **look)
    mark_rises(ax, curves.assign(run_id=curves["line"]), "alpha", "train_loss")
    ax.set_yscale("log")
    return None
