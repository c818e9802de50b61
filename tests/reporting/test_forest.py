"""Places in the forest plot are those of effects, intervals and the paper's effects, in the page as in the picture."""

import io
import re

import numpy as np
import pytest
from judged import judged
from PIL import Image

from stages.claims.finding import Verdict
from stages.reporting.forest import KINDS, forest_groups, kind_of
from stages.reporting.forest_picture import forest_picture

PROPORTIONS, RATIOS = "difference of proportions, stratified by lr", "ratio of geometric means, matched"


@pytest.fixture
def groups():
    return forest_groups(
        [
            judged("first", kind=PROPORTIONS, effect=0.2, low=-0.1, high=0.6, paper_effect=0.5),
            judged("ratio", kind=RATIOS, effect=2.0, low=1.5, high=4.0, paper_effect=16.0),
            judged("second", kind=PROPORTIONS, effect=-0.3, low=-0.4, high=0.1),
            judged("nothing", Verdict.NOT_TESTABLE, kind="", effect=np.nan, low=np.nan, high=np.nan),
            judged("mine", kind="something new", effect=3.0, low=2.0, high=5.0, paper_effect=9.0, own=True),
        ]
    )


def test_claims_stand_with_those_of_their_kind(groups):
    names = {group.kind.name: [row.judged.name for row in group.rows] for group in groups}
    assert names == {
        "difference of proportions": ["first", "second"],
        "ratio of geometric means": ["ratio"],
        "something new": ["mine"],
    }
    assert kind_of("R² of ln y by ln x").null == 0
    assert kind_of("something new").null is None


def test_places_are_proportional_to_values(groups):
    axis = groups[0]
    left, right = axis.ends
    assert left == pytest.approx(-0.4 - 0.04 * 1.0)
    assert right == pytest.approx(0.6 + 0.04 * 1.0)
    first, second = axis.rows
    places = [second.low, second.effect, first.low, second.high, first.effect, first.paper, first.high]
    values = [-0.4, -0.3, -0.1, 0.1, 0.2, 0.5, 0.6]
    assert places == pytest.approx(list((np.array(values) - left) / (right - left)), abs=1e-5)
    assert axis.null == pytest.approx((0 - left) / (right - left), abs=1e-5)
    assert second.paper is None


def test_ratios_have_a_logarithmic_axis(groups):
    row, axis = groups[1].rows[0], groups[1]
    steps = np.diff([axis.null, row.effect, row.high, row.paper])  # from 1 to 2, 4 and 16
    assert steps == pytest.approx([steps[0], steps[0], 2 * steps[0]], abs=1e-4)
    assert [label for _, label in axis.ticks] == ["1", "2", "5", "10"]


def test_an_effect_of_the_papers_is_shown_for_its_claims_only(groups):
    assert groups[2].rows[0].paper is None
    assert groups[2].ends[1] < 9


def test_ticks_stand_at_their_values(groups):
    for place, label in groups[0].ticks:
        assert place == pytest.approx(groups[0].place(float(label.replace("−", "-"))), abs=1e-5)


def test_the_picture_has_the_colours_of_verdicts_and_papers_ticks(groups):
    picture = Image.open(io.BytesIO(forest_picture(groups))).convert("RGB")
    assert picture.width == 1210
    pixels = {tuple(pixel) for pixel in np.asarray(picture).reshape(-1, 3)}
    for colour in ("#00695c", "#c2185b"):
        wanted = [int(part, 16) for part in re.findall("..", colour[1:])]
        assert min(max(abs(np.array(pixel) - wanted)) for pixel in pixels) < 12
    assert forest_picture(groups) == forest_picture(groups)


def test_nothing_is_drawn_without_claims():
    assert forest_groups([]) == []
    assert Image.open(io.BytesIO(forest_picture([]))).width == 1210


def test_every_kind_has_a_sentence():
    assert all(kind.about.endswith(".") for kind in KINDS)
