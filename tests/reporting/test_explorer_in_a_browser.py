"""The run explorer in Chromium: its controls count anew, its box lights up lines, and it is readable everywhere."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1]))

from browser import A4, CUT, DESKTOP, LOW_CONTRAST, PHONE, assert_drawn, assert_in_order, browser, needs_browser
from explorer_project import explorer_job

from stages.reporting.explorer import write_explorer
from stages.shared.csv_files import read_csv

pytestmark = needs_browser
DRAWN = "return document.querySelector('#chart .mark-symbol path') !== null"
TEXTS = "return [...document.querySelectorAll('#chart svg .mark-text text')].map(one => one.textContent)"
POINTS = "return document.querySelectorAll('#chart svg g[class*=\"mark-symbol role-mark\"] path').length"
LINES = "return document.querySelectorAll('#chart svg .mark-line path').length"


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    job = explorer_job(tmp_path_factory.mktemp("explorer"))
    write_explorer(job)
    return job


@pytest.fixture(scope="module")
def runs(job):
    """Converged runs, each once."""
    table = read_csv(job.reports / "measures.csv").drop_duplicates("run_id")
    return table[table["status"] == "converged"]


@pytest.fixture(scope="module")
def window():
    with browser() as page:
        yield page


@pytest.fixture
def page(window, job):
    window.open(job.reports / "explorer.html")
    window.until(DRAWN)
    yield window
    assert window.errors() == []


def choose(page, label: str, value: str) -> None:
    """Set the control of a label, as a reader does."""
    page.run(f"""
const label = [...document.querySelectorAll(".vega-bind label")].find(one => one.textContent.startsWith("{label}"));
const control = label.querySelector("input, select");
control.value = "{value}";
for (const kind of ["input", "change"]) control.dispatchEvent(new Event(kind, {{bubbles: true}}));
""")


def counts(page) -> tuple[int, int]:
    """Return the number of non-monotone runs and of all that the page states."""
    found = re.search(r"(\d+) of (\d+) runs not monotone", " ".join(page.run(TEXTS)))
    return int(found[1]), int(found[2])


def counted(page, expected: tuple[int, int]) -> None:
    """Assert that the page comes to state these numbers."""
    page.until(f"return ({TEXTS[7:]}).some(one => one.startsWith('{expected[0]} of {expected[1]} runs'))")


def test_the_slider_counts_anew(page, runs):
    def risen(tolerance):
        return int((runs["min_delta"] > tolerance).sum()), len(runs)

    assert counts(page) == risen(1e-3)
    power = round(float(np.log10(runs["min_delta"].max())) - 0.1, 1)
    assert risen(0) >= risen(1e-3) > risen(10**power) > (0, 0)
    choose(page, "tolerance slider", str(power))
    counted(page, risen(10**power))
    choose(page, "tolerance slider", "-8")
    counted(page, risen(0))
    choose(page, "tolerance slider", str(power))
    choose(page, "tolerance ", "that of each suite")
    counted(page, risen(1e-3))
    choose(page, "suite", "again")  # whose tolerance is 0.5
    counted(page, (int((runs["min_delta"][runs.index < 12] > 0.5).sum()), int((runs.index < 12).sum())))


def test_filters_leave_the_runs_that_they_name(page, runs):
    assert page.run(POINTS) == len(runs)
    adam = runs[(runs["optimizer"] == "adam") & (runs["batch_norm"].astype(str) == "True")]
    choose(page, "optimizer", "adam")
    choose(page, "batch norm", "with")
    counted(page, (int((adam["min_delta"] > 1e-3).sum()), len(adam)))
    assert page.run(POINTS) == len(adam)
    choose(page, "verdict", "not monotone")
    counted(page, (int((adam["min_delta"] > 1e-3).sum()),) * 2)
    choose(page, "across", "learning rate")
    page.until("return document.querySelector('#chart').textContent.includes('min Δ by learning rate')")


def test_a_box_lights_up_the_lines_of_its_runs(page):
    from selenium.webdriver.common.action_chains import ActionChains

    assert page.run(LINES) == 0
    chart = page.driver.find_element("css selector", "#chart svg")
    page.run("document.querySelector('#chart').scrollIntoView({block: 'center'})")
    corner = (int(80 - chart.size["width"] / 2), int(60 - chart.size["height"] / 2))
    drag = ActionChains(page.driver, duration=50).move_to_element_with_offset(chart, *corner).click_and_hold()
    drag.move_by_offset(500, 150).release().perform()
    lines = page.until(LINES)
    assert 2 <= lines <= 2 * page.run(POINTS)  # in the panel of losses, and in that of rises
    assert page.run("return document.querySelectorAll('#chart path[opacity=\"0.12\"]').length") > 0


def test_a_point_shows_its_configuration_and_its_curve(page, runs):
    from selenium.webdriver.common.action_chains import ActionChains

    point = page.driver.find_elements("css selector", "#chart .mark-symbol path[aria-label*='not monotone']")[-1]
    ActionChains(page.driver, duration=50).move_to_element(point).perform()
    told = page.until("return document.querySelector('#vg-tooltip-element.visible')?.innerText")
    [run] = [run for _, run in runs.iterrows() if run["run_id"] in told]
    assert re.search(rf"configuration\W+mlp, hidden {run['hidden']}, .*{run['optimizer']}, lr {run['lr']:g}", told)
    assert "not monotone" in told
    assert page.until(LINES) == 2


def test_an_id_selects_a_run_and_leads_to_its_row(page, runs):
    run_id = runs[runs["min_delta"] > 1e-3]["run_id"].iloc[0]
    choose(page, "run id", run_id)
    page.until(f"return ({TEXTS[7:]}).some(one => one.startsWith('run {run_id}'))")
    assert page.until(LINES) == 2
    page.driver.find_element("xpath", f"//*[starts-with(text(), 'run {run_id}')]").click()
    row = page.until("return location.hash && document.querySelector(location.hash).textContent")
    assert row.startswith(run_id)


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_at_any_width_in_light_and_dark(page, job, width, scheme):
    page.open(job.reports / "explorer.html", width, scheme)
    page.until(DRAWN)
    assert page.overflow() <= 0
    assert page.run(LOW_CONTRAST) == []
    page.run("document.querySelector('#chart').scrollIntoView()")
    picture = page.picture()
    assert_drawn(picture)
    assert (picture[-1, 0].mean() > 128) == (scheme == "light")


def test_a_keyboard_reaches_every_control_and_headings_are_in_order(page):
    controls = page.run("return document.querySelectorAll('.vega-bind input, .vega-bind select').length")
    labelled = page.run("return [...document.querySelectorAll('.vega-bind label')].filter(one => one.control).length")
    reached = page.run(
        "return [...document.querySelectorAll('.vega-bind input, .vega-bind select')].filter(one => {"
        "one.focus(); return document.activeElement === one && one.tabIndex >= 0}).length"
    )
    assert controls == labelled == reached == 10
    assert_in_order(page.headings())


def test_without_scripts_it_says_so_and_has_all_runs(window, job):
    window.open(job.reports / "explorer.html", scripts=False)
    said = window.run("return document.querySelector('noscript').textContent")
    assert "needs JavaScript" in said
    assert window.run("return document.querySelectorAll('#chart svg').length") == 0
    rows = window.run("return document.querySelectorAll('tbody tr').length")
    assert rows == len(read_csv(job.reports / "measures.csv"))


def test_on_paper_nothing_is_cut(window, job):
    window.open(job.reports / "explorer.html", A4, media="print")
    window.until(DRAWN)
    assert window.run(CUT) == []
    assert window.printed().startswith(b"%PDF")
