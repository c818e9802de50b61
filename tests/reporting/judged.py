"""Claims with findings that are made up, for tests of what the report shows of them."""

from stages.claims.declare import Claim
from stages.claims.finding import Finding, Verdict
from stages.claims.registry import claims
from stages.reporting.judged_claim import JudgedClaim


def judged(name="distance_decides", verdict=Verdict.SUPPORTED, own=False, suites=("classifiers",), **found):
    """Return a claim with a finding; one of a name that no claim has is made up."""
    made_up = Claim(name, f"Statement of {name}.", "section 1", "“words”", judge_nothing, "A rule.", False, own)
    fields = {"ours": "1 of 2", "effect": 0.5, "low": 0.25, "high": 0.75, "kind": "share of lines"} | found
    return JudgedClaim(claims().get(name, made_up), suites, Finding(verdict, **fields))


def judge_nothing(results):
    """Judge nothing."""
