"""A claim with its finding: the one source of claims.json, both pages, the forest plot and the poster."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from stages.claims.declare import Claim
from stages.claims.finding import Finding, Verdict
from stages.claims.registry import claims
from stages.config.job import Job
from stages.reporting.robustness import assess_with_variants, describe
from stages.results.results import Results
from stages.shared.progress import bar


@dataclass(frozen=True)
class JudgedClaim:
    """A claim, the suites that it was judged on, and what was found."""

    claim: Claim
    suites: tuple[str, ...]
    found: Finding

    @property
    def name(self) -> str:
        """Name of the claim, as in params.yaml."""
        return self.claim.name

    @property
    def verdict(self) -> Verdict:
        """Verdict on the claim."""
        return self.found.verdict

    @property
    def paper_effect(self) -> float | None:
        """The paper's effect; None if the paper gives none, as for a claim that it does not make."""
        return None if self.claim.own else self.found.paper_effect

    def entry(self) -> dict[str, Any]:
        """Return the entry of claims.json: numbers to six digits, None for those that are not finite."""
        words = {name: getattr(self.claim, name) for name in ("statement", "section", "paper", "rule", "own")}
        whole = {"suites": list(self.suites)} | words | vars(self.found) | {"robust": describe(self.found)}
        return {name: rounded(value) for name, value in whole.items()}


def judge_claims(job: Job) -> list[JudgedClaim]:
    """Judge every claim that `claims` of the parameters names, under every variant of the analysis.

    Args:
        job: The job of stage `report`.

    Returns:
        The claims in the order of the parameters.
    """
    judged = []
    progress = bar("report", "claim", len(job.params.claims))
    for name, suites in job.params.claims.items():
        claim = claims()[name]
        judged.append(JudgedClaim(claim, tuple(suites), assess_with_variants(claim, Results.of(job, suites))))
        progress.update()
    progress.close()
    return judged


def tally(judged: Iterable[JudgedClaim]) -> list[tuple[Verdict, int]]:
    """Return each verdict that occurs with its number, from reproduced to not testable."""
    counts = Counter(one.verdict for one in judged)
    return [(verdict, counts[verdict]) for verdict in Verdict if counts[verdict]]


def in_words(value: float) -> str:
    """Write a number in three digits, and zero without a sign."""
    return f"{round(value, 12) + 0.0:.3g}".replace("-", "−")


def interval(found: Finding) -> str:
    """Return an effect with its interval, such as `0.15 (−0.4 to 0.811)`; empty without an effect."""
    if not isfinite(found.effect):
        return ""
    bounds = f" ({in_words(found.low)} to {in_words(found.high)})" if isfinite(found.low) else ""
    return in_words(found.effect) + bounds


def rounded(value: Any) -> Any:
    """Return a value for JSON: floats, at any depth of dictionaries, to six digits or None if they are not finite."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if not isinstance(value, float):
        return value
    return float(f"{round(value, 12):.6g}") if isfinite(value) else None
