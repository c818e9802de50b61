"""Claims about loss barriers on lines between different runs."""

import pandas as pd

from stages.claims.declare import claim
from stages.claims.finding import Finding
from stages.claims.judgements import judge_nearly_all
from stages.config import PairLines
from stages.results.pairs import lines_between_runs
from stages.results.results import Results
from stages.results.rows import converged


@claim(
    "initializations_have_no_barriers",
    statement="There are no barriers between initialisations, nor from initialisations to optima of other runs.",
    section="figure 8, section 4.3",
    paper="none of 145 lines",
)
def initializations_have_no_barriers(results: Results) -> Finding:
    """Judge lines from initialisations to initialisations and to optima of other runs."""
    rows = pd.concat([_lines_between(results, "initial", end) for end in ("initial", "final")])
    without = len(rows) - _count_barriers(results, rows)
    return judge_nearly_all(without, len(rows), "have no barrier", results.measure)


@claim(
    "optima_have_barriers",
    statement="There are barriers between optima.",
    section="figure 8, section 4.3",
    paper="45 lines",
)
def optima_have_barriers(results: Results) -> Finding:
    """Judge lines between optima."""
    rows = _lines_between(results, "final", "final")
    return judge_nearly_all(_count_barriers(results, rows), len(rows), "have a barrier", results.measure)


def _count_barriers(results: Results, rows: pd.DataFrame) -> int:
    """Count lines that rise above both of their ends by more than the suite's tolerance."""
    tolerance = rows["suite"].map(results.limits("tolerance")).to_numpy(float)
    return int((rows["barrier"].to_numpy(float) > tolerance).sum())


def _lines_between(results: Results, start: str, end: str) -> pd.DataFrame:
    """Return the rows of lines between two converged runs, without matching of hidden units."""
    found = [
        converged(lines_between_runs(results, suite, [name]))
        for suite, settings in results.suites.items()
        for name, entry in settings.lines.items()
        if isinstance(entry, PairLines) and (entry.start, entry.end, entry.matching) == (start, end, None)
    ]
    found = [rows for rows in found if len(rows)]
    return pd.concat(found) if found else results.lines().head(0)
