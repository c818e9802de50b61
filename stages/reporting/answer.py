"""The answer in three sentences: do lines fall monotonically, when not, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from stages.claims.finding import Verdict
from stages.figures.failure_rate import ANY, failure_rates
from stages.measures.proportion import wilson
from stages.reporting.judged_claim import JudgedClaim, interval
from stages.results.failures import DISTANCE_BINS, DISTANCE_EDGES, KINDS, distance_bins
from stages.results.results import Results
from stages.results.rows import converged

SHORT_BINS = DISTANCE_BINS[:2]
EDGE = DISTANCE_EDGES[2]
"""Normalised distance from which a line counts as long."""
TREATMENTS = {
    "a learning-rate warm-up": ("warm_up_prevents_failures_near_the_start", "near the start"),
    "averaging the last weights": ("averaged_weights_prevent_failures_at_the_end", "at the end"),
}
"""Treatments that may prevent a kind of failure: the claim that says so, and the kind."""


@dataclass(frozen=True)
class Answer:
    """Three questions with their answers, and the numbers that the answers state."""

    questions: tuple[tuple[str, str], ...]
    """Question and answer, in their order."""
    lines: int
    """Number of own lines of converged runs."""
    monotone: int
    """Number of those that are monotone."""
    failures: dict[str, int]
    """Number of non-monotone lines by where they rise, in the order of `KINDS`."""
    suites: tuple[str, ...]
    """Suites whose runs are counted."""
    datasets: tuple[str, ...]
    """Datasets of these runs."""


def answer(results: Results, judged: Sequence[JudgedClaim]) -> Answer:
    """Answer the question of the report.

    Args:
        results: Results of the suites to count.
        judged: The claims.

    Returns:
        The answer, whose words follow from counts and verdicts.
    """
    kept = converged(results.lines())
    monotone = int(kept["monotonic"].astype(bool).sum())
    everything = failure_rates(kept, pd.Series("all", index=kept.index), ("all",), results.measure.confidence)
    counted = dict(zip(everything["failure"], everything["failures"], strict=True))
    failures = {kind: int(counted.get(kind, 0)) for kind in KINDS}
    claims = {one.name: one for one in judged}
    questions = (
        ("Does it?", _whether(len(kept), monotone, results.measure.confidence)),
        ("When does it not?", _when(kept, results.measure.confidence, claims.get("distance_decides"))),
        ("Why?", _why(len(kept) - monotone, failures, claims)),
    )
    return Answer(
        questions, len(kept), monotone, failures, tuple(results.suites), tuple(dict.fromkeys(kept["dataset"]))
    )


def percent(share: float) -> str:
    """Write a share in per cent, with one digit after the point."""
    return f"{100 * share:.1f} %"


def _whether(lines: int, monotone: int, confidence: float) -> str:
    if not lines:
        return "No run has converged, so there is no line to judge."
    low, high = wilson(monotone, lines, confidence)
    word = "Nearly always" if low > 0.9 else "Mostly" if low > 0.5 else "Rarely" if high < 0.5 else "In about half"
    return (
        f"{word}: on {monotone} of {lines} straight lines from initial to final weights ({percent(monotone / lines)}, "
        f"{percent(low)} to {percent(high)}) the training loss rises nowhere by more than its tolerance."
    )


def _when(kept: pd.DataFrame, confidence: float, claim: JudgedClaim | None) -> str:
    kept = kept[kept["normalized_distance"].notna()]
    groups = distance_bins(kept).isin(SHORT_BINS).map({True: "short", False: "long"})
    rates = failure_rates(kept, groups, ("short", "long"), confidence)
    rates = rates[rates["failure"] == ANY].set_index("group")
    long = "longer ones" if "short" in rates.index else f"lines of at least {EDGE:g} times that norm"
    groups_in_words = {"short": f"lines shorter than {EDGE:g} times the norm of the initial weights", "long": long}
    parts = [
        f"{rates['failures'][name]} of {rates['lines'][name]} {words} ({percent(rates['share'][name])}) rise"
        for name, words in groups_in_words.items()
        if name in rates.index
    ]
    far = "short" in rates.index and "long" in rates.index and rates["low"]["long"] > rates["high"]["short"]
    words = f"{'Where training travels far' if far else 'By the distance travelled'}: {', '.join(parts)}"
    if claim is None or not interval(claim.found):
        return f"{words}."
    return (
        f"{words}; among runs of one optimizer and use of batch norm, a non-monotone line is the longer one of a pair "
        f"with probability {interval(claim.found)}, {claim.verdict}."
    )


def _why(risen: int, failures: Mapping[str, int], claims: Mapping[str, JudgedClaim]) -> str:
    if not risen:
        return "No line of a converged run is non-monotone."
    counts = ", ".join(f"{kind} on {count}" for kind, count in failures.items())
    parts = [f"The largest rise of the {risen} non-monotone lines tops out {counts}"]
    for treatment, (name, kind) in TREATMENTS.items():
        if name in claims and interval(claims[name].found):
            verb = "lowers" if claims[name].verdict == Verdict.SUPPORTED else "is not shown to lower"
            parts.append(f"{treatment} {verb} the share that fails {kind}, by {interval(claims[name].found)} in pairs")
    return "; ".join(parts) + "."
