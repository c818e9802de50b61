"""The poster: hero figure, three answers, and table 1 beside the paper's, on one page of 16 to 9."""

from collections.abc import Sequence
from textwrap import fill

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.figures.failure_rate import draw_failure_rates
from stages.figures.style import THEME
from stages.figures.words import optimizer_name
from stages.reporting.answer import Answer
from stages.reporting.judged_claim import JudgedClaim, tally
from stages.reporting.png import png_bytes
from stages.reporting.verdict_looks import look_of, marked
from stages.results.failures import DISTANCE_BINS

SIZE = (16.0, 9.0)
"""Inches."""
TITLE = "Does the loss fall monotonically from initial to final weights?"
SUBTITLE = "Lucas et al. 2021, Analyzing Monotonic Linear Interpolation in Neural Network Loss Landscapes, done again"


def poster(
    answered: Answer, judged: Sequence[JudgedClaim], rates: pd.DataFrame | None, cells: pd.DataFrame | None
) -> bytes:
    """Return the poster as the bytes of a PNG picture; the arguments are those of `draw_poster`."""
    with mpl.rc_context(THEME):
        return png_bytes(draw_poster(answered, judged, rates, cells))


def draw_poster(
    answered: Answer, judged: Sequence[JudgedClaim], rates: pd.DataFrame | None, cells: pd.DataFrame | None
) -> Figure:
    """Draw the poster.

    Args:
        answered: The three answers.
        judged: The claims.
        rates: The data of figure 42; None if it was not drawn.
        cells: The data of table 1; None if it was not made.

    Returns:
        The drawing.
    """
    drawing = Figure(SIZE)
    drawing.text(0.03, 0.945, TITLE, size=25, weight="bold")
    about = f"{SUBTITLE}: {answered.lines} lines of networks trained on {', '.join(answered.datasets) or 'nothing'}"
    drawing.text(0.03, 0.91, about, size=12.5, color="0.35")
    hero = drawing.add_axes((0.06, 0.53, 0.42, 0.315))
    _hero(hero, rates)
    _answers(drawing, answered)
    table = drawing.add_axes((0.53, 0.1, 0.45, 0.74))
    _table(table, cells)
    _tally(drawing, judged)
    return drawing


def _hero(ax: Axes, rates: pd.DataFrame | None) -> None:
    ax.set_title("Share of lines that fail, by distance and by where they rise", loc="left", size=13, weight="bold")
    if rates is None or rates.empty:
        _absent(ax, "figure 42 is not among the figures of this report")
        return
    draw_failure_rates(ax, rates.rename(columns={"normalized_distance": "group"}), DISTANCE_BINS, 10.5)
    ax.set_xlabel("distance from initial to final weights, over the norm of the initial weights", size=10.5)


def _answers(drawing: Figure, answered: Answer) -> None:
    height = 0.425
    for question, text in answered.questions:
        drawing.text(0.03, height, question, size=14, weight="bold", va="top")
        lines = fill(text, 84)
        drawing.text(0.03, height - 0.028, lines, size=12, va="top", linespacing=1.25)
        height -= 0.048 + 0.0245 * (lines.count("\n") + 1)


def _table(ax: Axes, cells: pd.DataFrame | None) -> None:
    head = "Table 1: non-monotone lines, here and (in grey) in the paper"
    ax.set_title(head, loc="left", size=13, weight="bold")
    if cells is None or cells.empty:
        _absent(ax, "table 1 is not among the tables of this report")
        return
    cells = cells[(cells["converged"] > 0) | cells["paper_non_monotone_count"].notna()]
    rates = sorted(set(cells["lr"]))
    rows = list(dict.fromkeys(zip(cells["optimizer"], cells["batch_norm"].astype(str) == "True", strict=True)))
    ax.set(xlim=(-1.7, len(rates)), ylim=(len(rows), -0.75), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    ax.text(-1.65, -0.3, "learning rate", size=10, va="center", color="0.35")
    for column, rate in enumerate(rates):
        ax.text(column + 0.5, -0.3, f"{rate:g}", ha="center", va="center", size=10.5, weight="bold")
    for row, (optimizer, batch_norm) in enumerate(rows):
        ax.axhline(row, color="0.85", lw=0.8)
        name = f"{optimizer_name(optimizer)}\n{'batch norm' if batch_norm else 'no batch norm'}"
        ax.text(-1.65, row + 0.5, name, va="center", size=11.5)
    for cell in cells.to_dict("records"):
        place = rates.index(cell["lr"]) + 0.5
        row = rows.index((cell["optimizer"], str(cell["batch_norm"]) == "True"))
        ours = _share(cell["non_monotone"], cell["converged"])
        count = cell.get("paper_non_monotone_count")
        theirs = "" if pd.isna(count) else _share(cell["paper_non_monotone"] * count, count)
        risen = cell["converged"] and cell["non_monotone"]
        ax.text(place, row + 0.33, ours, ha="center", va="center", size=11.5, weight="bold" if risen else "normal")
        ax.text(place, row + 0.7, theirs, ha="center", va="center", size=10.5, color="0.4")
    note = "In a cell: non-monotone of converged runs; – where none converged, empty where the paper has no such cell."
    ax.text(-1.65, len(rows) + 0.12, note, size=9, color="0.35", va="top")


def _share(risen: float, lines: float) -> str:
    return f"{round(float(risen))} of {int(lines)}" if lines else "–"


def _tally(drawing: Figure, judged: Sequence[JudgedClaim]) -> None:
    """Write below how many of the paper's claims and of this project's claims have each verdict."""
    across = 0.03
    for own, words in ((False, "The paper's claims:"), (True, "Claims of this project:")):
        counted = tally(one for one in judged if one.claim.own == own)
        parts = [(f"{count} {marked(verdict)}", look_of(verdict).colour) for verdict, count in counted]
        for text, colour in [(words, "0.15"), *parts] if counted else ():
            drawing.text(across, 0.022, text, size=11, weight="bold" if text == words else "normal", color=colour)
            across += 0.0052 * len(text) + 0.01


def _absent(ax: Axes, words: str) -> None:
    ax.set(xticks=[], yticks=[])
    ax.text(0.5, 0.5, words, ha="center", va="center", size=12, color="0.4", transform=ax.transAxes)
