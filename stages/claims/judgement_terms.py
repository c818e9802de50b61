"""Terms that all judgements of claims share: error rate, power, and words for intervals and columns."""

from collections.abc import Sequence
from statistics import NormalDist

ERROR_RATE = 0.05
"""Largest probability that a claim counts as reproduced though it is false."""
POWER = 0.8
"""Power at which the smallest detectable effect is stated."""
WORDS = {"lr": "learning rate", "batch_norm": "batch norm", "hidden": "hidden widths", "batch_size": "batch size"}
"""Columns whose name in a sentence differs from the column's."""


def power_of_equivalence(margin: float, error: float, limit: float) -> float:
    """Return the probability that an interval lies within the margin if there is no difference."""
    return 1.0 if error == 0 else max(0.0, 2 * NormalDist().cdf(margin / error - limit) - 1)


def interval_words(low: float, high: float) -> str:
    """Return an interval in words, with three digits."""
    return f"{low:.3g} to {high:.3g}"


def listed(columns: Sequence[str]) -> str:
    """Return the names of columns in words, joined by commas and "and"."""
    words = [WORDS.get(name, name) for name in columns]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
