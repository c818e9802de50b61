"""Claims about the weights at which a line starts: block-identity, fresh and permuted initialisations."""

from collections.abc import Callable

import pandas as pd

from stages.claims.declare import claim
from stages.claims.finding import Finding, not_testable
from stages.claims.judgements_of_proportions import MOST, judge_more_non_monotone, judge_share
from stages.claims.paper_effects import cells, stratified_difference
from stages.config import FreshLines, Lines, PermutedLines
from stages.results.results import Results
from stages.results.rows import converged

ALIKE = (
    "Reproduced if more than half of the lines have the verdict of the own line beyond doubt, counting each optimum "
)
ALIKE += "once, and nine of ten are not ruled out."


@claim(
    "block_identity_restores_monotonicity",
    statement="In residual networks block-identity initialisation, or no batch norm, restores monotonicity.",
    section="tables 2 and 4, section 4.1.2",
    paper="SGD on CIFAR-10: BN 14 of 26, the others 3 of 76; “initialization of the residual blocks plays an important "
    "role”",
    rule="Reproduced if the difference of proportions, stratified by suite, optimizer and learning rate, is above 0 "
    "beyond doubt and its interval reaches the paper's, stratified by dataset and optimizer.",
)
def block_identity_restores_monotonicity(results: Results) -> Finding:
    """Judge residual networks with batch norm and the standard initialisation beside all other variants."""
    rows = converged(results.lines())
    standard = rows["batch_norm"].astype(bool) & (rows["initialization"] == "standard")
    names = ("BN", "BN-I, NBN-I and NBN-F")
    return judge_more_non_monotone(
        rows,
        standard,
        names,
        results.measure,
        strata=("suite", "optimizer", "lr"),
        paper_effect=effect_in_tables_2_and_4(),
    )


def effect_in_tables_2_and_4() -> float:
    """Return the paper's difference of proportions, stratified by dataset and optimizer."""
    table = cells("table 2", "table 4")
    standard = table["batch_norm"].astype(bool) & (table["initialization"] == "standard")
    return stratified_difference(table, standard, ("dataset", "optimizer"))


@claim(
    "fresh_initializations_behave_alike",
    statement="A line from an unrelated initialisation behaves like the one from the run's own initialisation.",
    section="figure 6, section 4.3",
    paper="“random initializations display the same interpolation behaviour” (15 lines to each of 2 optima)",
    rule=ALIKE,
)
@claim(
    "fresh_initializations_behave_alike_residual",
    statement="A line from an unrelated initialisation behaves like the own line, for residual networks.",
    section="figure 6, section 4.3",
    paper="“random initializations display the same interpolation behaviour” (15 lines to each of 2 optima)",
    rule=ALIKE,
)
def fresh_initializations_behave_alike(results: Results) -> Finding:
    """Judge lines from fresh initialisations by the run's scheme beside the runs' own lines."""
    return _judge_agreement(results, lambda entry: isinstance(entry, FreshLines) and entry.initialization == "own")


@claim(
    "block_identity_starts_are_monotone",
    statement="Lines from block-identity initialisations to a solution whose own line is not monotone are monotone.",
    section="figure 20, appendix C.9",
    paper="“surprisingly leads to monotonic interpolations” (one optimum)",
    rule="Reproduced if more than half of the lines to solutions whose own lines are non-monotone are monotone beyond "
    "doubt, counting each optimum once, and nine of ten are not ruled out.",
)
def block_identity_starts_are_monotone(results: Results) -> Finding:
    """Judge lines from block-identity initialisations to optima whose own lines are not monotone."""
    rows = _other_lines(
        results, lambda entry: isinstance(entry, FreshLines) and entry.initialization == "block_identity"
    )
    rows = rows[~rows["own_monotonic"].astype(bool)]
    if not len(rows):
        return not_testable("no optimum with a non-monotone own line has lines from block-identity initialisations")
    return _judge_each_optimum_once(results, rows, rows["monotonic"].astype(bool), "are monotone")


@claim(
    "permutations_preserve_monotonicity",
    statement="Permuted initialisations and solutions preserve monotonicity.",
    section="figure 21, appendix C.9",
    paper="“these permutations preserve the MLI property” (20 lines, one optimum)",
    rule=ALIKE,
)
def permutations_preserve_monotonicity(results: Results) -> Finding:
    """Judge lines with a permuted end beside the runs' own lines."""
    return _judge_agreement(results, lambda entry: isinstance(entry, PermutedLines))


def _judge_agreement(results: Results, chosen: Callable[[Lines], bool]) -> Finding:
    """Judge the claim that lines are monotone just where the own line of the run at their end is."""
    rows = _other_lines(results, chosen)
    agrees = rows["monotonic"].astype(bool) == rows["own_monotonic"].astype(bool)
    return _judge_each_optimum_once(results, rows, agrees, "have the verdict of the run's own line")


def _judge_each_optimum_once(results: Results, rows: pd.DataFrame, obeys: pd.Series, description: str) -> Finding:
    share = obeys.groupby([rows["suite"], rows["run_id"]]).mean()
    count = float(share.mean() * len(rows)) if len(rows) else 0.0
    return judge_share(
        count, len(rows), description, results.measure, at_least=MOST, clusters=len(share), noun="optima"
    )


def _other_lines(results: Results, chosen: Callable[[Lines], bool]) -> pd.DataFrame:
    """Return lines of some kinds to converged runs, with `own_monotonic`, the verdict of the run's own line."""
    own = results.lines(once=False).set_index(["suite", "run_id"])["monotonic"]
    found = [
        converged(results.other_lines(suite, name))
        for suite, settings in results.suites.items()
        for name, entry in settings.lines.items()
        if chosen(entry)
    ]
    rows = pd.concat([results.lines().head(0), *found], ignore_index=True)
    keys = zip(rows["suite"], rows["run_id"], strict=True)
    return rows.assign(own_monotonic=[bool(own[key]) for key in keys])
