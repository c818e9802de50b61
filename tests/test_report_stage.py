"""The stage that writes the report: every claim judged, every figure and table by its number."""

import contextlib
import io
import json
import re
import shutil
import sys
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.append(str(Path(__file__).parent / "figures"))

from figures_results import MEASURE, SUITES, results
from report_project import CLASSIFIERS, FIGURES, report_job

from stages.claims.finding import Verdict
from stages.claims.registry import claims
from stages.figures.registry import figures, tables
from stages.measures.proportion import wilson
from stages.measures.registry import declared_measures
from stages.report import report
from stages.shared.csv_files import read_csv

REPORTS = Path(__file__).parents[1] / "reports"


@pytest.fixture(scope="module")
def made():
    return results(("classifiers",), seeds=2)


@pytest.fixture(scope="module")
def job(tmp_path_factory, made):
    """The job after the stage has run."""
    folder = tmp_path_factory.mktemp("project")
    job = report_job(folder, made)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        report(job)
    (folder / "printed.txt").write_text(printed.getvalue())
    return job


@pytest.fixture(scope="module")
def found(job):
    return json.loads((job.reports / "claims.json").read_text())


@pytest.fixture(scope="module", params=["README.md", "index.html"])
def page(job, request):
    """The text of each page, with characters in place of HTML's names for them."""
    return unescape((job.reports / request.param).read_text())


class Tags(HTMLParser):
    """Which elements a page has, and whether each is closed where it should be."""

    VOID = ("meta", "img", "br", "line", "circle")

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.targets, self.names, self.images = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        given = dict(attrs)
        self.targets += [given[name] for name in ("src", "href") if name in given]
        self.names += [given["id"]] if "id" in given else []
        self.images += [given] if tag == "img" else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def tags(job):
    found = Tags()
    found.feed((job.reports / "index.html").read_text())
    return found


def test_every_claim_asked_for_is_judged(job, found):
    assert list(found) == [*CLASSIFIERS, "noisy_quadratic"]
    fields = {"effect", "low", "high", "ours", "counts", "paper", "section", "rule", "kind", "margin", "power"}
    for name, entry in found.items():
        assert entry["statement"] == claims()[name].statement
        assert entry["verdict"] in list(Verdict)
        assert entry["suites"] == ([] if name == "noisy_quadratic" else ["classifiers"])
        assert fields | {"robustness"} <= set(entry)
    few = json.loads((job.reports / "verdicts.json").read_text())
    assert few == {name: {"verdict": entry["verdict"], "effect": entry["effect"]} for name, entry in found.items()}
    heads = json.loads((job.reports / "headlines.json").read_text())
    assert list(heads) == ["claim", "suite"]
    assert list(heads["claim"].items()) == [(name, entry["verdict"]) for name, entry in found.items()]
    assert heads["suite"] == {"classifiers": {"non_monotone": 2, "converged": 7, "mean_normalized_distance": 1.5}}
    assert (job.reports.parent / "printed.txt").read_text().startswith("report: 10 claims, ")


def test_both_pages_show_all_claims_figures_and_tables_by_their_numbers(page):
    for claim in CLASSIFIERS:
        assert claims()[claim].statement in page
    for number in range(1, 30):
        assert f"Figure {number}" in page
    for number in range(1, 8):
        assert f"Table {number}" in page
    assert all(f"figures/{stem}.png" in page for stem in FIGURES)
    unnamed = re.search("Not drawn, since .* does not name them: (.*)", page)[1]
    assert unnamed.count("Figure") + unnamed.count("Table") == len(figures()) - 3 + len(tables()) - 1


def test_the_first_screen_states_the_numbers_of_the_tables(page, job, found, made):
    first = page[: page.index("Counted are")]
    kept = made.lines()
    kept = kept[kept["status"] == "converged"]
    monotone = int(kept["monotonic"].sum())
    low, high = wilson(monotone, len(kept), 0.95)
    assert f"{monotone} of {len(kept)} straight lines" in first
    assert f"({100 * monotone / len(kept):.1f} %, {100 * low:.1f} % to {100 * high:.1f} %)" in first
    short = kept["normalized_distance"] < 3
    failed = ~kept["monotonic"]
    assert f"{(failed & short).sum()} of {short.sum()} lines shorter than 3 times" in first
    assert f"{(failed & ~short).sum()} of {(~short).sum()} longer ones" in first
    for verdict, count in Counter(entry["verdict"] for entry in found.values()).items():
        assert re.search(rf"{count} (<span[^>]*>)*\S(</span>)? {verdict}", first)


def test_each_card_states_what_claims_json_has(page, found):
    for entry in found.values():
        assert entry["ours"].replace("|", "\\|") in page
        if entry["smallest_effect"] is not None:
            assert f"{entry['smallest_effect']:.3g} at least" in page or f"show {entry['smallest_effect']:.3g}" in page
    strip = found["distance_predicts_failure"]["robustness"]["tolerance"]
    same = sum(one["verdict"] == found["distance_predicts_failure"]["verdict"] for one in strip.values())
    assert f"same in {same} of {len(strip)}" in page


def test_every_link_of_both_pages_leads_somewhere(job, tags):
    text = (job.reports / "README.md").read_text()
    targets = [*tags.targets, *re.findall(r"\]\(([^)]+)\)", text)]
    names = {"index.html": set(tags.names), "README.md": set(re.findall(r'<a id="([^"]+)"', text))}
    assert len(targets) > 100
    for target in targets:
        file, _, place = target.partition("#")
        # Pages that other commands write beside the stage's, and documentation, of which this project has none
        if file in ("scale.md", "paper/README.md") or file.startswith("../docs/"):
            continue
        assert (job.reports / file).exists(), target
        if re.fullmatch(r"L\d+", place):
            line = (job.reports / file).read_text().splitlines()[int(place[1:]) - 1]
            assert line.startswith("def "), target
        elif place and not file:
            assert place in names["index.html"] | names["README.md"], target


def test_the_page_is_whole_html_without_scripts_or_anything_from_elsewhere(job, tags):
    text = (job.reports / "index.html").read_text()
    assert tags.open == []
    assert "script" not in tags.seen
    assert all("//" not in source for source in tags.targets)
    assert tags.seen.count("table") == 3  # measures beyond, methods, and table 1
    assert len(set(tags.names)) == len(tags.names)
    assert "Title: a &lt; b" in text
    assert "viewport" in text


def test_headings_are_in_order(tags):
    levels = [int(tag[1]) for tag in tags.seen if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_pictures_have_sizes_and_the_finding_as_their_text(job, tags):
    assert [image["src"].split("/")[1] for image in tags.images] == [
        f"{stem}.png" for stem in (FIGURES[2], FIGURES[0], FIGURES[1], FIGURES[2])
    ]
    assert all((image["width"], image["height"]) == ("40", "30") for image in tags.images)
    assert [image.get("loading") for image in tags.images] == [None, "lazy", "lazy", "lazy"]
    assert tags.images[1]["alt"] == "All is well & good."
    assert tags.images[2]["alt"] == figures()["figure_10"].shows  # no finding is stated
    assert "![All is well & good.](figures/figure_05" in (job.reports / "README.md").read_text()


def test_the_stage_writes_the_same_bytes_again(job):
    names = ("claims.json", "README.md", "index.html", "forest.png", "poster.png")
    first = [(job.reports / name).read_bytes() for name in names]
    report(job)
    assert [(job.reports / name).read_bytes() for name in names] == first


def test_every_figure_and_table_is_described():
    for item in (figures() | tables()).values():
        assert item.shows.endswith(".")
        assert item.paper.endswith(".")
        assert set(item.claims) <= set(claims())


def test_every_measure_beyond_the_paper_has_a_line(page):
    beyond = [name for name, measure in declared_measures().items() if measure.summarised]
    assert all(page.count(f"`{column}`") + page.count(f"<code>{column}</code>") == 1 for column in beyond)


def test_each_figure_tells_what_ours_shows(job, found):
    own = read_csv(job.reports / "measures.csv")
    kept = own[(own["line"] == "initial_to_final") & (own["status"] == "converged")]
    risen = sum(str(value) == "False" for value in kept["monotonic"])
    page = (job.reports / "README.md").read_text()
    part = page.split("Figure 5\n")[1].split("###")[0]
    assert "**All is well & good.**" in part
    assert f"Ours, on classifiers: {risen} of {len(kept)} own lines of converged runs are not monotone" in part
    for name in ("distance_predicts_failure", "gauss_length_predicts_failure", "short_paths_are_monotone"):
        entry = found[name]
        words = re.escape(f"- {entry['statement']} **") + r"\S " + re.escape(f"{entry['verdict']}**: ")
        assert re.search(words + re.escape(f"{entry['effect']:.3g}"), part)


def test_the_papers_numbers_stand_beside_those_of_a_table(page):
    words = "In the 1 cells with runs that the paper has too, 3 of 10 lines are non-monotone here, 2 of 8 in the paper."
    assert words in page


def test_the_page_states_digests_and_no_date(page, job):
    assert sha256((job.reports / "measures.csv").read_bytes()).hexdigest() in page
    assert "git log -1 --format='%h %cs' -- dvc.lock" in page
    assert not re.search(r"\b20\d\d-\d\d-\d\d\b", page)


def test_a_report_without_claims_and_without_the_first_figure(job, tmp_path):
    shutil.copytree(job.reports, tmp_path / "reports")
    plotted = {"figure_05": ("classifiers",)}
    few = SimpleNamespace(plot=plotted, claims={}, measure=MEASURE, suites=SUITES, suite=SUITES.__getitem__)
    report(replace(job, params=few, reports=tmp_path / "reports"))
    for name in ("README.md", "index.html"):
        page = (tmp_path / "reports" / name).read_text()
        assert "straight lines from initial to final weights" in page
        assert FIGURES[0] in page
        assert not any(stem in page for stem in FIGURES[1:])
        assert "The paper's claims" not in unescape(page)
    assert json.loads((tmp_path / "reports" / "claims.json").read_text()) == {}


def test_the_committed_page_loads_little_at_first():
    page = (REPORTS / "index.html").read_text(encoding="utf-8")
    images = re.findall(r"<img [^>]*>", page)
    first = [re.search(r'src="([^"]+)"', image)[1] for image in images if 'loading="lazy"' not in image]
    assert len(images) > len(first)
    assert len(page.encode()) + sum((REPORTS / name).stat().st_size for name in first) < 4 * 2**20
