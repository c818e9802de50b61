"""The verdict on a claim, the numbers that it rests on, and the rule that turns an interval into a verdict."""

from dataclasses import dataclass, field
from enum import StrEnum

NAN = float("nan")


class Verdict(StrEnum):
    """The verdicts on a claim. `docs/verdicts.md` explains the rules to a reader of the report."""

    REPRODUCED = "reproduced"
    """The interval excludes no effect, on the claimed side, and reaches the paper's effect if the paper gives one."""
    SUPPORTED = "supported"
    """The interval excludes no effect, on the claimed side, for a claim that is this project's own."""
    WEAKER = "weaker"
    """The interval excludes no effect, on the claimed side, but lies wholly below the paper's effect."""
    OPPOSITE = "opposite"
    """The interval lies wholly on the other side of no effect."""
    ABSENT = "absent"
    """The interval lies within the margin that counts as no effect, so that an effect of interest is ruled out."""
    UNDERPOWERED = "underpowered"
    """The interval includes no effect and effects beyond the margin, so that these counts cannot decide."""
    NOT_TESTABLE = "not testable at this size"
    """The condition that the claim speaks of does not occur among these runs."""


@dataclass(frozen=True)
class Finding:
    """The verdict on one claim, judged on one set of runs."""

    verdict: Verdict
    """One of `Verdict`."""
    ours: str
    """Our result in words, with counts and intervals."""
    effect: float = NAN
    """The number that the verdict rests on; NaN without runs."""
    low: float = NAN
    """Lower bound of the confidence interval of the effect."""
    high: float = NAN
    """Upper bound of the confidence interval of the effect."""
    counts: dict[str, int] = field(default_factory=dict)
    """Number of runs or lines in each group."""
    kind: str = ""
    """Name of the effect, such as "difference of proportions, stratified by lr"."""
    paper_effect: float | None = None
    """The paper's effect in the same unit; None if the paper gives none."""
    margin: float | None = None
    """Half-width, around no effect, of the range that counts as no effect; None if the rule has none."""
    power: float | None = None
    """Probability that these counts show the paper's effect, between 0 and 1; None without an effect of the paper."""
    smallest_effect: float | None = None
    """Smallest effect that these counts show with a probability of 80 %; None if it is not known."""
    robustness: dict[str, dict] = field(default_factory=dict)
    """Verdict and effect under each variant of the analysis; filled in by the stage `report`."""


def not_testable(reason: str, counts: dict[str, int] | None = None) -> Finding:
    """Return the finding that the condition of a claim does not occur.

    Args:
        reason: The condition that does not occur, in words.
        counts: Number of runs or lines in each group, if there are some.

    Returns:
        A finding without numbers.
    """
    return Finding(Verdict.NOT_TESTABLE, reason, counts=counts or {})


def grade(
    low: float, high: float, *, null: float = 0.0, margin: float = 0.0, paper_effect: float | None = None
) -> Verdict:
    """Return the verdict on the claim that a number is above its value under no effect.

    Args:
        low: Lower bound of the interval of the number.
        high: Upper bound of the interval.
        null: Value of the number under no effect.
        margin: Difference from `null` that counts as no effect.
        paper_effect: The paper's value of the number; None if the paper gives none.

    Returns:
        `ABSENT` if the interval is within the margin (equivalence by inclusion of the interval, Schuirmann 1987);
        otherwise `WEAKER` or `REPRODUCED` above `null`, `OPPOSITE` below it, and `UNDERPOWERED` around it.
    """
    if null - margin <= low and high <= null + margin:
        return Verdict.ABSENT
    if low > null:
        return Verdict.WEAKER if paper_effect is not None and high < paper_effect else Verdict.REPRODUCED
    return Verdict.OPPOSITE if high < null else Verdict.UNDERPOWERED
