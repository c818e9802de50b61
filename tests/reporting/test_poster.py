"""The poster shows the numbers of table 1 here and in the paper, the answers, and how many claims have each verdict."""

import io
import re

import pandas as pd
from judged import judged
from matplotlib.figure import Figure
from PIL import Image

from stages.claims.finding import Verdict
from stages.reporting.answer import Answer
from stages.reporting.poster import draw_poster, poster

ANSWERED = Answer((("How?", "So."), ("Why?", "Since it does.")), 9, 8, {}, ("one",), ("digits",))
CELLS = pd.DataFrame(
    {
        "optimizer": ["sgd", "sgd", "adam"],
        "batch_norm": [True, True, False],
        "lr": [0.1, 30.0, 0.1],
        "non_monotone": [3, 0, 0],
        "converged": [10, 0, 7],
        "paper_non_monotone": [0.25, None, 0.5],
        "paper_non_monotone_count": [8.0, None, 4.0],
    }
)
RATES = pd.DataFrame(
    {
        "failure": ["any", "any"],
        "normalized_distance": ["below 1", "10 or more"],
        "lines": [4, 6],
        "failures": [0, 3],
        "share": [0.0, 0.5],
        "low": [0.0, 0.2],
        "high": [0.4, 0.8],
    }
)


def words(drawing: Figure) -> list[str]:
    artists = [*drawing.texts, *(text for ax in drawing.axes for text in ax.texts)]
    return [text.get_text() for text in artists if text.get_text()]


def test_the_numbers_of_both_tables_are_shown():
    shown = words(draw_poster(ANSWERED, [], RATES, CELLS))
    assert [text for text in shown if re.fullmatch(r"\d+ of \d+", text)] == ["3 of 10", "2 of 8", "0 of 7", "2 of 4"]
    assert {"SGD\nbatch norm", "Adam\nno batch norm"} <= set(shown)
    assert "30" not in shown  # neither ours nor the paper's has a converged run there
    assert {"How?", "So.", "Why?", "Since it does.", "any failure"} <= set(shown)
    assert any("9 lines of networks trained on digits" in text for text in shown)


def test_verdicts_are_counted_apart():
    claims = [judged("a"), judged("b"), judged("c", Verdict.ABSENT), judged("d", own=True)]
    shown = words(draw_poster(ANSWERED, claims, RATES, CELLS))
    assert shown[shown.index("The paper's claims:") :][:3] == ["The paper's claims:", "2 ✓ supported", "1 ∅ absent"]
    assert "1 ✓ supported" in shown[shown.index("Claims of this project:") :]


def test_what_is_not_there_is_said():
    shown = words(draw_poster(ANSWERED, [], None, None))
    assert {
        "figure 42 is not among the figures of this report",
        "table 1 is not among the tables of this report",
    } <= set(shown)


def test_the_picture_has_the_shape_of_a_slide():
    picture = Image.open(io.BytesIO(poster(ANSWERED, [judged()], RATES, CELLS)))
    assert picture.width * 9 == picture.height * 16
    assert poster(ANSWERED, [], None, None) == poster(ANSWERED, [], None, None)
