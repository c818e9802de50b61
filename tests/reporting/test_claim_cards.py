"""A card says what stands in the finding, and its links lead to the line that defines the judging function."""

from pathlib import Path

from judged import judged

from stages.claims.finding import Verdict
from stages.claims.registry import claims
from stages.reporting.claim_cards import Link, claim_card
from stages.reporting.provenance import command
from stages.reporting.source_links import source_link
from stages.reporting.verdict_looks import LOOKS, marked

REPORTS = Path(__file__).parents[2] / "reports"


def entry(verdict):
    return {"verdict": verdict, "effect": 0.1}


def test_a_card_has_the_numbers_of_its_finding():
    found = judged("first", Verdict.UNDERPOWERED, paper_effect=0.8, smallest_effect=0.33, counts={"lines": 9})
    card = claim_card(found, REPORTS, [Link("figure 5", "#figure_05")])
    assert (card.effect, card.kind, card.smallest, card.counts) == (
        "0.5 (0.25 to 0.75)",
        "share of lines",
        "0.33",
        "lines 9",
    )
    assert card.against_paper == "0.8, outside our interval"
    assert claim_card(judged("first", paper_effect=0.75), REPORTS, []).against_paper == "0.75, inside our interval"
    assert claim_card(judged("first", own=True, paper_effect=0.75), REPORTS, []).against_paper == ""
    assert [link.text for link in card.links] == ["rows of classifiers", "figure 5", "code"]
    empty = claim_card(judged("first", Verdict.NOT_TESTABLE, effect=float("nan"), suites=()), REPORTS, [])
    assert (empty.effect, empty.against_paper, empty.smallest) == ("", "", "")
    assert [link.text for link in empty.links] == ["code"]


def test_the_strip_has_a_mark_and_word_for_every_value():
    robustness = {
        "tolerance": {"0": entry("weaker"), "1x": entry("reproduced"), "10x": entry("reproduced")},
        "seed": {"0": entry("underpowered"), "1": entry("underpowered")},
    }
    tolerance, seed = claim_card(judged("first", Verdict.REPRODUCED, robustness=robustness), REPORTS, []).strip
    assert [(value, look.mark, word) for value, look, word in tolerance.marks] == [
        ("0", "◐", "weaker"),
        ("1x", "✓", "reproduced"),
        ("10x", "✓", "reproduced"),
    ]
    assert tolerance.summary == "same in 2 of 3; 1 weaker"
    assert (seed.name, seed.summary) == ("seed", "same in 0 of 2; 2 underpowered")


def test_code_links_lead_to_the_definition_below_all_decorators():
    for claim in claims().values():
        path, _, line = source_link(claim.judge, REPORTS).partition("#L")
        text = (REPORTS / path).read_text().splitlines()[int(line) - 1]
        assert text.startswith(f"def {claim.judge.__name__}("), claim.name


def test_every_verdict_has_a_look_that_is_more_than_a_colour():
    assert list(LOOKS) == list(Verdict)
    assert len({marked(verdict) for verdict in Verdict}) == len(Verdict)


def test_commands_name_the_pipeline():
    assert command(Path("dvc.yaml")) == "dvc repro"
    assert command(Path("mnist/dvc.yaml")) == "dvc repro mnist/dvc.yaml"
    assert command(Path("mnist/dvc.yaml"), "one") == "dvc repro mnist/dvc.yaml:interpolate@one"
