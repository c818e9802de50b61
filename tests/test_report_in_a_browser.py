"""The page of the report in Chromium: readable on a phone, a desk and paper, in light and dark, without scripts."""

import contextlib
import io
import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent / "figures"))

from browser import A4, CUT, DESKTOP, LOW_CONTRAST, PHONE, assert_drawn, assert_in_order, browser, needs_browser
from figures_results import results
from report_project import report_job

from stages.claims.finding import Finding
from stages.claims.registry import claims
from stages.report import report
from stages.reporting.forest import forest_groups
from stages.reporting.judged_claim import JudgedClaim

pytestmark = needs_browser
PLACES = """
return [...document.querySelectorAll(".forest li:not(.axis)")].map(row => {
  const box = row.querySelector("svg").getBoundingClientRect();
  const [range, dot] = [".range", "circle"].map(name => row.querySelector(name).getBoundingClientRect());
  const places = [range.left, (dot.left + dot.right) / 2, range.right].map(x => (x - box.left) / box.width);
  return [row.querySelector("a").getAttribute("href"), ...places];
});
"""
STUCK = """
const frame = [...document.querySelectorAll(".scroll")].find(one => one.scrollWidth > one.clientWidth + 20);
frame.scrollLeft = 1000;
const cell = frame.querySelector("tbody td").getBoundingClientRect();
return [frame.scrollLeft, cell.left - frame.getBoundingClientRect().left];
"""


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    kinds = ("large_learning_rates_break_monotonicity", "distance_predicts_failure", "power_law")
    job = report_job(tmp_path_factory.mktemp("project"), results(("classifiers",), seeds=1), kinds)
    with contextlib.redirect_stdout(io.StringIO()):
        report(job)
    return job


@pytest.fixture(scope="module")
def window():
    with browser() as page:
        yield page


@pytest.fixture
def page(window, job):
    window.open(job.reports / "index.html")
    yield window
    assert window.errors() == []


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_at_any_width_in_light_and_dark(page, job, width, scheme):
    page.open(job.reports / "index.html", width, scheme)
    assert page.overflow() <= 0
    assert page.run(LOW_CONTRAST) == []
    picture = page.picture()
    assert_drawn(picture)
    assert (picture[-1, 0].mean() > 128) == (scheme == "light")


def test_marks_of_the_forest_plot_stand_at_their_places(page, job):
    entries = json.loads((job.reports / "claims.json").read_text())
    numbers = ("verdict", "ours", "effect", "low", "high", "kind", "paper_effect")
    judged = [
        JudgedClaim(claims()[name], tuple(entry["suites"]), Finding(**{field: entry[field] for field in numbers}))
        for name, entry in entries.items()
        if entry["effect"] is not None
    ]
    rows = [row for group in forest_groups(judged) for row in group.rows]
    found = page.run(PLACES)
    assert [name for name, *_ in found] == [f"#claim_{row.judged.name}" for row in rows]
    for row, (_, low, effect, high) in zip(rows, found, strict=True):
        assert (low, effect, high) == pytest.approx((row.low, row.effect, row.high), abs=0.01)


def test_the_first_column_stays_where_a_table_is_wider_than_a_phone(page, job):
    page.open(job.reports / "index.html", PHONE)
    scrolled, place = page.run(STUCK)
    assert scrolled > 20
    assert abs(place) < 2


def test_headings_are_in_order_and_a_skip_link_comes_first(page):
    assert_in_order(page.headings())
    page.run("document.querySelector('.skip').focus()")
    assert page.run("return document.activeElement.getBoundingClientRect().left") >= 0
    assert page.run("return document.querySelector('a').className") == "skip"


def test_on_paper_nothing_is_cut(window, job):
    window.open(job.reports / "index.html", A4, media="print")
    assert window.run(CUT) == []
    assert window.printed().startswith(b"%PDF")


def test_it_needs_no_scripts(window, job):
    window.open(job.reports / "index.html", scripts=False)
    assert window.run("return document.scripts.length") == 0
    assert window.run("return [...document.images].every(one => one.complete || one.loading === 'lazy')")
