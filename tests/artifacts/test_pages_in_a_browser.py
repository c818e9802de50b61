"""The committed report as Chromium shows it, on a phone and on a desktop, in light and dark, and without scripts."""

import json
import re
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1]))

from browser import A4, CUT, DESKTOP, LOW_CONTRAST, PHONE, assert_drawn, assert_in_order, browser, needs_browser

pytestmark = needs_browser
REPORTS = Path(__file__).parents[2] / "reports"
INDEX = REPORTS / "index.html"
BROKEN = "return [...document.images].filter(one => !one.naturalWidth).map(one => one.getAttribute('src'))"
LOADED = "return [...document.images].every(one => one.complete)"


@pytest.fixture(scope="module")
def page():
    with browser() as page:
        yield page


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_readable_at_any_width_in_light_and_dark(page, width, scheme):
    page.open(INDEX, width, scheme)
    assert page.overflow() <= 0  # nothing has to be scrolled sideways but tables of many columns, in their own frame
    assert page.run(LOW_CONTRAST) == []
    assert page.errors() == []
    picture = page.picture()
    assert_drawn(picture)
    smallest = "Math.min(...[...document.querySelectorAll('p, td')].map(e => parseFloat(getComputedStyle(e).fontSize)))"
    assert page.run(f"return {smallest}") >= 12


def test_every_picture_is_there_and_says_what_it_shows(page):
    page.open(INDEX)
    page.run("for (const one of document.images) one.loading = 'eager'")
    page.until(LOADED)
    assert page.run(BROKEN) == []
    alternatives = page.run("return [...document.images].map(one => one.alt)")
    assert len(alternatives) == INDEX.read_text(encoding="utf-8").count("<img ") > 0
    assert all(alternatives)


def test_every_link_leads_somewhere(page):
    page.open(INDEX)
    targets = page.run("return [...document.querySelectorAll('a[href]')].map(one => one.getAttribute('href'))")
    names = set(page.run("return [...document.querySelectorAll('[id]')].map(one => one.id)"))
    assert targets
    for target in targets:
        path, _, name = target.partition("#")
        if not path:
            assert name in names, target
        elif not re.match(r"https?:", path):
            assert (REPORTS / path).exists(), target


def test_headings_are_in_order(page):
    page.open(INDEX)
    assert_in_order(page.headings())


def test_without_scripts_every_claim_is_there(page):
    page.open(INDEX, scripts=False)
    text = page.run("return document.body.textContent").replace("\u00ad", "")
    for claim in json.loads((REPORTS / "claims.json").read_text()).values():
        assert claim["statement"] in text


@pytest.mark.parametrize("name", ["index.html", "explorer.html"])
def test_nothing_is_cut_on_a4(page, name):
    page.open(REPORTS / name, A4, media="print")
    assert page.overflow() <= 0
    assert page.run(CUT) == []
    assert page.printed().startswith(b"%PDF")
