"""Verdict cards, each of which shows one claim in a page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from stages.claims.finding import Finding
from stages.reporting.judged_claim import JudgedClaim, in_words, interval
from stages.reporting.source_links import source_link
from stages.reporting.verdict_looks import VerdictLook, look_of

ROUNDING = 1e-9
"""Rounding error of the bounds of intervals."""
SETTINGS = {
    "tolerance": "tolerance",
    "threshold": "loss threshold",
    "estimator": "Gauss-length estimator",
    "seed": "seed",
}
"""Words for each setting that is varied."""


@dataclass(frozen=True)
class Setting:
    """How a verdict fares when one setting of the analysis is varied."""

    name: str
    """Name of the setting."""
    marks: tuple[tuple[str, VerdictLook, str], ...]
    """Value of the setting, look and word of the verdict there."""
    summary: str
    """How often the verdict is the same, and which others there are, in words."""


@dataclass(frozen=True)
class Link:
    """A link of a card or a figure."""

    text: str
    target: str


@dataclass(frozen=True)
class ClaimCard:
    """A claim as a page shows it."""

    name: str
    statement: str
    section: str
    paper: str
    """The paper's words and numbers."""
    rule: str
    own: bool
    """True for a claim of this project that the paper does not make."""
    verdict: str
    look: VerdictLook
    ours: str
    """Our result in words, with counts."""
    effect: str
    """The effect with its interval; empty if there is none."""
    kind: str
    """Name of the effect."""
    against_paper: str
    """The paper's effect and whether our interval holds it; empty if the paper gives none."""
    smallest: str
    """Smallest effect that these counts could show; empty if it is not known."""
    counts: str
    """Number of runs or lines in each group."""
    strip: tuple[Setting, ...]
    """Robustness, one setting after the other."""
    links: tuple[Link, ...]
    """Links to the rows, the figures and the function that judges the claim."""


def claim_card(one: JudgedClaim, reports: Path, shown_in: Sequence[Link]) -> ClaimCard:
    """Return the card of a claim.

    Args:
        one: The claim.
        reports: The folder of the page.
        shown_in: Links to the figures and tables that are evidence for it.

    Returns:
        The card, whose links start at the page.
    """
    found, claim = one.found, one.claim
    rows = [Link(f"rows of {', '.join(one.suites)}", "measures.csv")] if one.suites else []
    smallest = found.smallest_effect
    return ClaimCard(
        one.name,
        claim.statement,
        claim.section,
        claim.paper,
        claim.rule,
        claim.own,
        str(one.verdict),
        look_of(one.verdict),
        found.ours,
        interval(found),
        found.kind,
        against_paper(one),
        in_words(smallest) if smallest is not None and isfinite(smallest) else "",
        ", ".join(f"{name} {count}" for name, count in found.counts.items()),
        strip(found),
        (*rows, *shown_in, Link("code", source_link(claim.judge, reports))),
    )


def against_paper(one: JudgedClaim) -> str:
    """Say what the paper's effect is and whether our interval holds it; nothing if the paper gives none."""
    found, paper = one.found, one.paper_effect
    if paper is None or not isfinite(found.effect):
        return ""
    if not isfinite(found.low):
        return in_words(paper)
    inside = found.low - ROUNDING <= paper <= found.high + ROUNDING
    return f"{in_words(paper)}, {'inside' if inside else 'outside'} our interval"


def strip(found: Finding) -> tuple[Setting, ...]:
    """Return the verdict under each variant of the analysis, setting by setting."""
    return tuple(
        Setting(
            SETTINGS.get(kind, kind),
            tuple((value, look_of(entry["verdict"]), str(entry["verdict"])) for value, entry in variants.items()),
            _summary(str(found.verdict), variants),
        )
        for kind, variants in found.robustness.items()
    )


def _summary(verdict: str, variants: Mapping[str, dict]) -> str:
    counts = Counter(str(entry["verdict"]) for entry in variants.values())
    same = counts.pop(verdict, 0)
    others = ", ".join(f"{number} {other}" for other, number in counts.items())
    return f"same in {same} of {len(variants)}" + (f"; {others}" if others else "")
