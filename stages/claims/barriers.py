"""Claims about loss barriers on lines between different runs."""

import pandas as pd

from stages.claims.declare import claim
from stages.claims.finding import Finding
from stages.claims.judgements_of_proportions import MOST, judge_share
from stages.config import PairLines
from stages.results.pairs import lines_between_runs
from stages.results.results import Results
from stages.results.rows import converged


@claim(
    "initializations_have_no_barriers",
    statement="There are no barriers between initialisations.",
    section="figure 8, section 4.3",
    paper="none of 45 lines",
    rule="Reproduced if more than half of the lines have no barrier above the tolerance beyond doubt, counting only as "
    "many lines as the networks make without sharing one, and nine of ten are not ruled out.",
)
def initializations_have_no_barriers(results: Results) -> Finding:
    """Judge lines between initialisations."""
    rows = _lines_between(results, "initial", "initial")
    return _judge_pairs(results, rows, ~_has_barrier(results, rows), "have no barrier")


@claim(
    "optima_have_barriers",
    statement="There are barriers between optima.",
    section="figure 8, section 4.3",
    paper="“barriers are present between the optima” (45 lines)",
    rule="Reproduced if more than half of the lines have a barrier above the tolerance beyond doubt, counting only as "
    "many lines as the networks make without sharing one, and nine of ten are not ruled out.",
)
def optima_have_barriers(results: Results) -> Finding:
    """Judge lines between optima."""
    rows = _lines_between(results, "final", "final")
    return _judge_pairs(results, rows, _has_barrier(results, rows), "have a barrier")


@claim(
    "crossed_lines_have_no_barriers",
    statement="There are no barriers from initialisations to optima of other runs.",
    section="figure 8, section 4.3",
    paper="none of 100 lines",
    rule="Reproduced if more than half of the lines have no barrier above the tolerance beyond doubt, counting each "
    "optimum once, and nine of ten are not ruled out.",
)
@claim(
    "crossed_lines_have_no_barriers_failing",
    statement="There are no barriers from initialisations to optima of other runs whose own lines are not monotone.",
    section="figures 8 and 19, section 4.3",
    paper="figure 19 shows a barrier on the own line",
    rule="As for networks whose own lines are monotone: reproduced if more than half of the lines have no barrier "
    "beyond doubt, counting each optimum once, and nine of ten are not ruled out.",
)
@claim(
    "crossed_lines_have_no_barriers_residual",
    statement="There are no barriers from initialisations to optima of other runs, for residual networks.",
    section="figures 1 and 22, section 4.3",
    paper="none of 2 lines",
    rule="As for fully-connected networks: reproduced if more than half of the lines have no barrier beyond doubt, "
    "counting each optimum once, and nine of ten are not ruled out.",
)
def crossed_lines_have_no_barriers(results: Results) -> Finding:
    """Judge lines from initialisations to optima of other runs; whether the run at the start converged is no matter."""
    rows = _lines_between(results, "initial", "final")
    free = ~_has_barrier(results, rows)
    share = free.groupby([rows["suite"], rows["run_id"]]).mean()
    description = f"have no barrier (the largest is {rows['barrier'].max():.3g})" if len(rows) else ""
    return judge_share(
        share.mean() * len(rows) if len(rows) else 0,
        len(rows),
        description,
        results.measure,
        at_least=MOST,
        clusters=len(share),
        noun="optima",
    )


def _judge_pairs(results: Results, rows: pd.DataFrame, obeys: pd.Series, description: str) -> Finding:
    """Judge lines between points of the same kind, of which n networks make n / 2 that share no network."""
    # Dependence between lines that share a network never makes their mean vary more than that (Hoeffding 1948).
    networks = pd.concat([rows["run_id"], rows["start_run_id"]]).nunique()
    return judge_share(
        int(obeys.sum()), len(rows), description, results.measure, at_least=MOST, clusters=networks // 2, noun="pairs"
    )


def _has_barrier(results: Results, rows: pd.DataFrame) -> pd.Series:
    """Return True for each line that rises above both of its ends by more than the suite's tolerance."""
    return rows["barrier"].astype(float) > rows["suite"].map(results.limits("tolerance")).astype(float)


def _lines_between(results: Results, start: str, end: str) -> pd.DataFrame:
    """Return the rows of lines without matching of hidden units, of which each final point is of a converged run."""
    found = [
        converged(lines_between_runs(results, suite, [name]) if start == "final" else results.other_lines(suite, name))
        for suite, settings in results.suites.items()
        for name, entry in settings.lines.items()
        if isinstance(entry, PairLines) and (entry.start, entry.end, entry.matching) == (start, end, None)
    ]
    found = [rows for rows in found if len(rows)]
    return pd.concat(found, ignore_index=True) if found else results.lines().head(0)
