"""Figures of lines from fresh initialisations to an optimum: 6 and 20."""

from collections.abc import Callable

import pandas as pd

from stages.config import FreshLines
from stages.figures import findings_of_lines
from stages.figures.declare import figure
from stages.figures.line_panels import line_figure
from stages.figures.outputs import Drawing
from stages.figures.style import ALPHA, OWN_KIND
from stages.figures.words import VARIANTS, left_out, number, setting, split, subject
from stages.results.results import Results
from stages.results.rows import converged

FRESH_KIND = "from a fresh initialisation"
"""Its kind of line in `LINE_STYLES`."""


@figure(
    6,
    "fresh_initialisations",
    shows="Lines from fresh initialisations to a monotone and to a non-monotone optimum.",
    paper="They behave as the line from the own initialisation.",
    claims=("fresh_initializations_behave_alike", "fresh_initializations_behave_alike_residual"),
    finding=findings_of_lines.like_the_own_line,
)
def fresh_initialisations(results: Results) -> Drawing:
    """Figure 6: lines from fresh initialisations by a network's own scheme.

    Args:
        results: The pooled suites.

    Returns:
        The drawing: for each suite a panel of lines to an optimum whose own line is monotone, and one whose is not.
    """
    return _draw(results, lambda entry: entry.initialization == "own")


@figure(
    20,
    "other_initialisations",
    shows="Lines from initialisations by another scheme.",
    paper="From block-identity initialisations the lines to the same optimum are monotone.",
    claims=("block_identity_starts_are_monotone",),
    finding=findings_of_lines.like_the_own_line,
)
def other_initialisations(results: Results) -> Drawing:
    """Figure 20: as figure 6, beside lines from initialisations by another scheme than the network's own.

    Args:
        results: The pooled suites.

    Returns:
        The drawing: two panels for each suite and scheme.
    """
    return _draw(results, lambda entry: True)


def _draw(results: Results, wanted: Callable[[FreshLines], bool]) -> Drawing:
    """Draw a column for each suite and scheme, a row for an optimum with a monotone own line and one without."""
    schemes = [
        (suite, name, entry)
        for suite, about in results.suites.items()
        for name, entry in about.lines.items()
        if isinstance(entry, FreshLines) and wanted(entry)
    ]
    own = results.lines(once=False)
    titles, groups = {}, []
    for monotone, verdict in ((True, "monotone"), (False, "non-monotone")):
        for suite, name, entry in schemes:
            ends = own[(own["suite"] == suite) & (own["monotonic"] == monotone)]
            fresh = results.other_lines(suite, name)
            fresh = fresh[fresh["run_id"].isin(ends["run_id"])]
            shown = converged(fresh)
            panel = f"{suite}: {verdict}, {_scheme(entry, fresh)}"
            reason = "no line with finite losses" if len(fresh) else f"no {verdict} converged run"
            titles[panel] = left_out(fresh) if len(fresh) else "", reason
            if len(shown):
                end = ends[ends["run_id"] == shown["run_id"].iloc[0]]
                titles[panel] = _counts(fresh, end), ""
                groups += [shown.assign(panel=panel, kind=FRESH_KIND), end.assign(panel=panel, kind=OWN_KIND)]
    for verdict in () if titles else ("monotone", "non-monotone"):
        titles[verdict] = "", "no suite with lines\nfrom fresh initialisations"
    note = (
        "Each line leads to the same trained network: in the upper row to one whose own line is monotone, in the lower "
        "row to the one whose own line rises most. Own scheme: the fresh initialisations are drawn as the run's was."
    )
    title = f"Lines from fresh initialisations to one optimum: {subject(pd.concat([own.head(0), *groups]))}"
    return line_figure(results, titles, groups, max(len(schemes), 1), (title, note), ALPHA)


def _scheme(entry: FreshLines, rows: pd.DataFrame) -> str:
    """Return the words for the scheme by which fresh initialisations are drawn, with the paper's name for it."""
    if entry.initialization == "own" or rows.empty:
        return f"{entry.initialization.replace('_', ' ')} scheme"
    variant = VARIANTS[bool(rows["batch_norm"].iloc[0]), entry.initialization]
    return f"{entry.initialization.replace('_', ' ')} scheme ({variant})"


def _counts(fresh: pd.DataFrame, end: pd.DataFrame) -> str:
    """Return the run at the end of fresh lines, the counts of these, and the rise of the run's own line."""
    shown = converged(fresh)
    counts = f"{split(fresh)}, mean min Δ {number(shown['min_delta'].mean())}; "
    counts += f"own line: {number(end['min_delta'].iloc[0])}"
    counts += f"; {len(fresh) - len(shown)} diverged left out" if len(shown) < len(fresh) else ""
    return f"{setting(end.iloc[0], ['dataset'])}\n{counts}"
