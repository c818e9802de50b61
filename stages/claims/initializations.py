"""Claims about the weights at which a line starts: block-identity, fresh and permuted initialisations."""

from collections.abc import Callable

import numpy as np

from stages.claims.declare import claim
from stages.claims.finding import Finding
from stages.claims.judgements import judge_more_non_monotone, judge_nearly_all
from stages.config import FreshLines, Lines, PermutedLines
from stages.results.results import Results
from stages.results.rows import converged


@claim(
    "block_identity_restores_monotonicity",
    statement="In residual networks block-identity initialisation, or no batch norm, restores monotonicity.",
    section="table 2, section 4.1",
    paper="SGD: BN 14 of 26, the others 3 of 76",
)
def block_identity_restores_monotonicity(results: Results) -> Finding:
    """Judge residual networks with batch norm and the standard initialisation beside all other variants."""
    rows = converged(results.lines())
    standard = rows["batch_norm"].astype(bool) & (rows["initialization"] == "standard")
    return judge_more_non_monotone(rows[standard], rows[~standard], ("BN", "BN-I, NBN-I and NBN-F"), results.measure)


@claim(
    "fresh_initializations_behave_alike",
    statement="A line from an unrelated initialisation behaves like the one from the run's own initialisation.",
    section="figure 6, section 4.3",
    paper="in words",
)
def fresh_initializations_behave_alike(results: Results) -> Finding:
    """Judge lines from fresh initialisations by the run's scheme beside the runs' own lines."""
    return _judge_agreement(results, lambda entry: isinstance(entry, FreshLines) and entry.initialization == "own")


@claim(
    "permutations_preserve_monotonicity",
    statement="Permuted initialisations and solutions preserve monotonicity.",
    section="figure 21, appendix C.9",
    paper="20 lines",
)
def permutations_preserve_monotonicity(results: Results) -> Finding:
    """Judge lines with a permuted end beside the runs' own lines."""
    return _judge_agreement(results, lambda entry: isinstance(entry, PermutedLines))


def _judge_agreement(results: Results, chosen: Callable[[Lines], bool]) -> Finding:
    """Judge the claim that lines are monotone just where the own line of the run at their end is."""
    own = results.lines(once=False).set_index(["suite", "run_id"])["monotonic"]
    agreeing = total = 0
    for suite, settings in results.suites.items():
        for name in (name for name, entry in settings.lines.items() if chosen(entry)):
            rows = converged(results.other_lines(suite, name))
            verdicts = np.array([own[suite, run_id] for run_id in rows["run_id"]], dtype=bool)
            agreeing += int((rows["monotonic"].to_numpy(bool) == verdicts).sum())
            total += len(rows)
    return judge_nearly_all(agreeing, total, "have the verdict of the run's own line", results.measure)
