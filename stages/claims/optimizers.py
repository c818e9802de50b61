"""Claims about adaptive optimizers, about switching to one, and about steps with the length of one."""

import pandas as pd

from stages.claims.declare import claim
from stages.claims.finding import Finding, Verdict, not_testable
from stages.claims.judgements_of_numbers import judge_ratio
from stages.claims.judgements_of_proportions import NEARLY_ALL, judge_difference, judge_more_non_monotone, judge_share
from stages.claims.learning_rates import ARCHITECTURE
from stages.claims.paper_effects import (
    cells,
    ratio_of_switched,
    shortest_normalized_distance,
    stratified_difference,
)
from stages.results.results import Results
from stages.results.rows import combined_labels, configurations, converged

RATIO = (
    "Reproduced if the ratio of geometric means, matched by learning rate and seed, is above 1 beyond doubt and its "
)
RATIO += "interval reaches the paper's."


@claim(
    "adaptive_optimizers_break_monotonicity",
    statement="Adaptive optimizers break monotonicity more often than SGD.",
    section="table 1, section 4.1.1",
    paper="Adam 103 of 190, SGD 44 of 264; “frequently led to models violating the MLI property”",
    rule="Reproduced if the difference of proportions, stratified by architecture, is above 0 beyond doubt and its "
    "interval reaches the paper's, stratified by batch norm; learning rates of different optimizers are not matched.",
)
def adaptive_optimizers_break_monotonicity(results: Results) -> Finding:
    """Judge runs of Adam and RMSProp beside those of SGD, within each architecture."""
    rows = converged(results.lines())
    rows = rows[rows["optimizer"].isin(("adam", "rmsprop", "sgd"))]
    return judge_more_non_monotone(
        rows,
        rows["optimizer"] != "sgd",
        ("Adam and RMSProp", "SGD"),
        results.measure,
        strata=ARCHITECTURE,
        paper_effect=effect_in_table_1(),
    )


def effect_in_table_1() -> float:
    """Return the paper's difference of proportions between Adam and SGD, stratified by batch norm."""
    table = cells("table 1")
    return stratified_difference(table, table["optimizer"] == "adam", ("batch_norm",))


@claim(
    "kfac_breaks_monotonicity",
    statement="K-FAC breaks monotonicity more often than SGD.",
    section="figure 11, appendix C.3",
    paper="“often fails for networks trained with RMSProp, Adam, and K-FAC”",
    rule="Reproduced if the difference of proportions, stratified by architecture, is above 0 beyond doubt; runs of "
    "K-FAC that differ only in the learning rate are one cluster, since its KL clip makes them near-repeats.",
)
def kfac_breaks_monotonicity(results: Results) -> Finding:
    """Judge runs of K-FAC beside those of SGD, within each architecture."""
    rows = converged(results.lines())
    rows = rows[rows["optimizer"].isin(("kfac", "sgd"))]
    kfac = rows["optimizer"] == "kfac"
    architecture = pd.Series(combined_labels(rows, ARCHITECTURE), index=rows.index)
    clusters = architecture.where(kfac, -1 - pd.Series(configurations(rows), index=rows.index))
    return judge_difference(
        kfac,
        ~rows["monotonic"].astype(bool),
        ("K-FAC", "SGD"),
        results.measure,
        what="non-monotone",
        strata=architecture.to_numpy(),
        stratified_by="architecture",
        clusters=clusters.to_numpy(),
    )


@claim(
    "adam_breaks_monotonicity_of_autoencoders",
    statement="More autoencoders are non-monotone with Adam than with SGD.",
    section="figure 4, section 4.1.1",
    paper="“a larger proportion of converged networks exhibited non-monotonic interpolations”",
    rule="Reproduced if the difference of proportions, stratified by architecture, is above 0 beyond doubt; learning "
    "rates of different optimizers are not matched.",
)
def adam_breaks_monotonicity_of_autoencoders(results: Results) -> Finding:
    """Judge autoencoders trained with Adam beside those trained with SGD, within each architecture."""
    rows = converged(results.lines())
    rows = rows[rows["optimizer"].isin(("adam", "sgd"))]
    return judge_more_non_monotone(
        rows, rows["optimizer"] == "adam", ("Adam", "SGD"), results.measure, strata=("dataset", "hidden", "activation")
    )


@claim(
    "switching_raises_distance",
    statement="Switching from SGD to Adam raises the distance.",
    section="table 5, appendix C.4",
    paper="345 beside 8.1 at learning rate 0.001; “much greater distance moved in weight space”",
    rule=RATIO,
)
def switching_raises_distance(results: Results) -> Finding:
    """Judge the distance of runs that switch to Adam beside that of runs that stay with SGD."""
    return _judge_switching(results, "sgd", "distance", 1 / ratio_of_switched("table 5", "distance"))


@claim(
    "switching_raises_gauss_length",
    statement="Switching from SGD to Adam raises the Gauss length.",
    section="table 5, appendix C.4",
    paper="7.1 beside 0.53 at learning rate 0.001",
    rule=RATIO,
)
def switching_raises_gauss_length(results: Results) -> Finding:
    """Judge the Gauss length of runs that switch to Adam beside that of runs that stay with SGD."""
    return _judge_switching(results, "sgd", results.gauss_length, 1 / ratio_of_switched("table 5", "gauss_length"))


@claim(
    "switching_back_lowers_distance",
    statement="Switching from Adam to SGD lowers the distance.",
    section="table 6, appendix C.4",
    paper="22 beside 350 at learning rate 0.001; “reduces both the average Gauss length and the distance travelled”",
    rule=RATIO,
)
def switching_back_lowers_distance(results: Results) -> Finding:
    """Judge the distance of runs that stay with Adam beside that of runs that switch to SGD."""
    return _judge_switching(results, "adam", "distance", ratio_of_switched("table 6", "distance"))


@claim(
    "switching_back_lowers_gauss_length",
    statement="Switching from Adam to SGD lowers the Gauss length.",
    section="table 6, appendix C.4",
    paper="1.4 beside 7.1 at learning rate 0.001; “reduces both the average Gauss length and the distance travelled”",
    rule=RATIO,
)
def switching_back_lowers_gauss_length(results: Results) -> Finding:
    """Judge the Gauss length of runs that stay with Adam beside that of runs that switch to SGD."""
    return _judge_switching(results, "adam", results.gauss_length, ratio_of_switched("table 6", "gauss_length"))


def _judge_switching(results: Results, first: str, column: str, paper_effect: float) -> Finding:
    """Judge the ratio between the part with more of Adam and the other, among runs that begin with an optimizer."""
    rows = converged(results.lines())
    rows = rows[(rows["optimizer"] == first) & rows["magnitude"].isna()]
    other, name = {"sgd": ("adam", "Adam"), "adam": ("sgd", "SGD")}[first]
    switched = rows["switch_optimizer"] == other
    rows, switched = rows[switched | rows["switch_after"].isna()], switched[switched | rows["switch_after"].isna()]
    names = (f"switched to {name}", f"{'SGD' if first == 'sgd' else 'Adam'} throughout")
    arm, names = (switched, names) if first == "sgd" else (~switched, names[::-1])
    return judge_ratio(
        rows, arm, column, names, results.measure, matched_by=("suite", "lr", "seed"), paper_effect=paper_effect
    )


@claim(
    "switching_breaks_monotonicity",
    statement="Every run that switches from SGD to Adam is non-monotone.",
    section="table 5, appendix C.4",
    paper="all of 75 runs; “switching to Adam made all runs not monotonic”",
    rule="Reproduced if at least nine of ten switched runs are non-monotone beyond doubt; not testable if none "
    "travels the normalised distance of the paper's shortest.",
)
def switching_breaks_monotonicity(results: Results) -> Finding:
    """Judge the lines of runs that switch to Adam."""
    rows = converged(results.lines())
    switched = rows[(rows["optimizer"] == "sgd") & rows["magnitude"].isna() & (rows["switch_optimizer"] == "adam")]
    return _judge_all_non_monotone(results, switched, shortest_normalized_distance("table 5"))


@claim(
    "step_length_breaks_monotonicity",
    statement="The length of Adam's steps breaks monotonicity, not their direction.",
    section="table 7, appendix C.4",
    paper="“the magnitude of the updates is responsible for breaking monotonicity”: all runs beside none",
    rule="Reproduced if the difference of proportions is above 0 beyond doubt and its interval reaches the paper's; "
    "not testable if no run with the length of Adam's steps travels the paper's normalised distance.",
)
def step_length_breaks_monotonicity(results: Results) -> Finding:
    """Judge steps in SGD's direction with Adam's length beside steps in Adam's direction with SGD's length."""
    rows = converged(results.lines())
    length = (rows["optimizer"] == "sgd") & (rows["magnitude"] == "adam")
    direction = (rows["optimizer"] == "adam") & (rows["magnitude"] == "sgd")
    rows, names = rows[length | direction], ("length of Adam", "direction of Adam")
    found = judge_more_non_monotone(rows, length[length | direction], names, results.measure, paper_effect=1.0)
    needed = shortest_normalized_distance("section C.4")
    reached = float(rows.loc[rows["magnitude"] == "adam", "normalized_distance"].max())
    if found.verdict == Verdict.REPRODUCED or reached >= needed:
        return found
    return not_testable(f"{found.ours}; {_too_near(reached, needed)}", found.counts)


def _judge_all_non_monotone(results: Results, rows: pd.DataFrame, needed: float) -> Finding:
    risen, total = int((~rows["monotonic"].astype(bool)).sum()), len(rows)
    labels = combined_labels(rows, ("suite", "lr", "switch_after"))
    found = judge_share(
        risen,
        total,
        "are non-monotone",
        results.measure,
        at_least=NEARLY_ALL,
        clusters=len(set(labels)) if total else None,
        noun="cells of the table",
    )
    reached = float(rows["normalized_distance"].max()) if total else 0.0
    if not total or found.verdict == Verdict.REPRODUCED or reached >= needed:
        return found
    return not_testable(f"{found.ours}; {_too_near(reached, needed)}", found.counts)


def _too_near(reached: float, needed: float) -> str:
    return f"they travel a normalised distance of {reached:.1f} at most, the paper's at least {needed:.1f}"
