"""The verdict on a claim, and the numbers that it rests on."""

from dataclasses import dataclass

HOLDS, FAILS, FEW = "holds", "does not hold", "not enough runs"


@dataclass(frozen=True)
class Finding:
    """The verdict on one claim, judged on one set of runs."""

    verdict: str
    """`HOLDS`, `FAILS` or `FEW`."""
    ours: str
    """Our result in words, with counts and intervals."""
    effect: float
    """The number that the verdict rests on; NaN without runs."""
    low: float
    """Lower bound of the confidence interval of the effect."""
    high: float
    """Upper bound of the confidence interval of the effect."""
    counts: dict[str, int]
    """Number of runs or lines in each group."""


def not_enough(reason: str) -> Finding:
    """Return the finding that there are too few runs to judge by.

    Args:
        reason: The runs that there are, in words.

    Returns:
        A finding without numbers.
    """
    return Finding(FEW, reason, float("nan"), float("nan"), float("nan"), {})
