"""How a verdict looks: a mark and a class of style beside its word, so that colour alone never tells it."""

from dataclasses import dataclass

from stages.claims.finding import Verdict


@dataclass(frozen=True)
class VerdictLook:
    """The look of a verdict."""

    mark: str
    """One letter or sign that stands before the word."""
    style: str
    """Class of the style sheet."""
    colour: str
    """Colour in pictures, which have a white background."""


HOLDS = "#00695c"
LOOKS = {
    Verdict.REPRODUCED: VerdictLook("✓", "holds", HOLDS),
    Verdict.SUPPORTED: VerdictLook("✓", "holds", HOLDS),
    Verdict.WEAKER: VerdictLook("◐", "weaker", "#7a5200"),
    Verdict.OPPOSITE: VerdictLook("✗", "fails", "#a83200"),
    Verdict.ABSENT: VerdictLook("∅", "fails", "#a83200"),
    Verdict.UNDERPOWERED: VerdictLook("?", "few", "#555555"),
    Verdict.NOT_TESTABLE: VerdictLook("–", "few", "#555555"),
}
"""The look of each verdict, in the order of tallies."""


def look_of(verdict: str) -> VerdictLook:
    """Return the look of a verdict, which may be its plain word as in claims.json."""
    return LOOKS[Verdict(verdict)]


def marked(verdict: str) -> str:
    """Return the word of a verdict behind its mark, such as `✓ reproduced`."""
    return f"{look_of(verdict).mark} {verdict}"
