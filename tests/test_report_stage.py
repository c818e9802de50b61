"""The stage that writes the report: every claim judged, every figure and table by its number."""

import contextlib
import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

sys.path.append(str(Path(__file__).parent / "figures"))

from figures_results import MEASURE, SUITES, results

from stages.claims.finding import Verdict
from stages.claims.registry import claims
from stages.config.job import Job
from stages.figures.registry import figures, tables
from stages.lines.curves import save_curves
from stages.measures.registry import declared_measures
from stages.report import report
from stages.shared.csv_files import read_csv, write_csv
from stages.shared.files import write_json
from stages.theory import noisy_quadratic

CLASSIFIERS = (
    "small_learning_rates_are_monotone",
    "large_learning_rates_break_monotonicity",
    "adaptive_optimizers_break_monotonicity",
    "batch_norm_breaks_monotonicity",
    "distance_predicts_failure",
    "gauss_length_predicts_failure",
    "short_paths_are_monotone",
    "power_law",
    "accuracy_does_not_differ",
)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A job over one suite, with what the stages before leave."""
    root = tmp_path_factory.mktemp("report")
    made = results(("classifiers",), seeds=2)
    plotted = {"figure_05": ("classifiers",), "figure_10_mine": ("classifiers",), "table_1": ("classifiers",)}
    claims = dict.fromkeys(CLASSIFIERS, ("classifiers",)) | {"noisy_quadratic": ()}
    params = SimpleNamespace(plot=plotted, claims=claims, measure=MEASURE, suites=SUITES, suite=SUITES.__getitem__)
    job = Job(params, None, root / "data", root / "reports")
    save_curves(job.curves_file("classifiers"), made.curves["classifiers"])
    write_csv(
        job.reports / "measures.csv",
        made.measures.assign(**dict.fromkeys(set(declared_measures()) - set(made.measures), 0.5)),
    )
    lines = noisy_quadratic.simulate_lines(dimension=5, learning_rates=(0.1,), steps=10, samples=20, seed=0)
    write_csv(job.theory_file("noisy_quadratic"), lines)
    write_csv(job.theory_file("two_layer_linear"), lines.head(0))
    write_json(job.reports / "findings.json", {"table_1": "No line is non-monotone."})
    (job.reports / "tables").mkdir()
    (job.reports / "tables" / "table_1.md").write_text("**Title: a < b**\n\n| a | b |\n|---|---:|\n| 1 | 2<br>3 |\n")
    write_csv(
        job.reports / "tables" / "table_1.csv", pd.DataFrame({"optimizer": ["sgd"], "non_monotone_agrees": [None]})
    )
    return job


@pytest.fixture(scope="module")
def told(job):
    """What the stage prints as it writes the pages that the tests read."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        report(job)
    return printed.getvalue()


@pytest.fixture
def reported(job, told):
    """The job whose pages are written."""
    return job


class Tags(HTMLParser):
    """Which elements a page has, and whether each is closed where it should be."""

    VOID = ("meta", "img", "br")

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.sources = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_every_claim_asked_for_is_judged(job, told):
    found = json.loads((job.reports / "claims.json").read_text())
    assert list(found) == [*CLASSIFIERS, "noisy_quadratic"]
    for name, entry in found.items():
        assert entry["statement"] == claims()[name].statement
        assert entry["verdict"] in list(Verdict)
        assert entry["suites"] == ([] if name == "noisy_quadratic" else ["classifiers"])
        assert {
            "effect",
            "low",
            "high",
            "ours",
            "counts",
            "paper",
            "section",
            "rule",
            "kind",
            "margin",
            "power",
            "robustness",
        } <= set(entry)
    few = json.loads((job.reports / "verdicts.json").read_text())
    assert few == {name: {"verdict": entry["verdict"], "effect": entry["effect"]} for name, entry in found.items()}
    assert told.startswith("report: 10 claims, ")


def test_both_pages_show_all_claims_figures_and_tables_by_their_numbers(reported):
    for name in ("README.md", "index.html"):
        page = (reported.reports / name).read_text()
        for claim in CLASSIFIERS:
            assert claims()[claim].statement in page.replace("&#39;", "'")
        for number in range(1, 30):
            assert f"Figure {number}" in page
        for number in range(1, 8):
            assert f"Table {number}" in page
        assert "figures/figure_05_rise_by_learning_rate.png" in page
        assert "figures/figure_10_test_accuracy_mine.png" in page
        unnamed = re.search("Not drawn, since .* does not name them: (.*)", page)[1]
        assert unnamed.count("Figure") + unnamed.count("Table") == len(figures()) - 2 + len(tables()) - 1


def test_the_page_is_whole_html_without_scripts_or_anything_from_elsewhere(reported):
    text = (reported.reports / "index.html").read_text()
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert "script" not in tags.seen
    assert all("//" not in source for source in tags.sources)
    assert tags.seen.count("table") == 3  # the claims, the measures beyond, and table 1
    assert "Title: a &lt; b" in text
    assert "viewport" in text


def test_the_stage_writes_the_same_bytes_again(reported):
    first = [(reported.reports / name).read_bytes() for name in ("claims.json", "README.md", "index.html")]
    report(reported)
    assert [(reported.reports / name).read_bytes() for name in ("claims.json", "README.md", "index.html")] == first


def test_every_figure_and_table_is_described():
    for item in (figures() | tables()).values():
        assert item.shows.endswith(".")
        assert item.paper.endswith(".")
        assert set(item.claims) <= set(claims())


def test_every_measure_beyond_the_paper_has_a_line(reported):
    beyond = [name for name, measure in declared_measures().items() if measure.summarised]
    for name in ("README.md", "index.html"):
        page = (reported.reports / name).read_text()
        assert all(page.count(f"`{column}`") + page.count(f"<code>{column}</code>") == 1 for column in beyond)


def test_each_figure_tells_what_ours_shows(reported):
    own = read_csv(reported.reports / "measures.csv")
    kept = own[(own["line"] == "initial_to_final") & (own["status"] == "converged")]
    risen = sum(str(value) == "False" for value in kept["monotonic"])
    page = (reported.reports / "README.md").read_text()
    part = page.split("### Figure 5")[1].split("###")[0]
    assert f"Ours, on classifiers: {risen} of {len(kept)} own lines of converged runs are not monotone" in part
    for name in ("distance_predicts_failure", "gauss_length_predicts_failure", "short_paths_are_monotone"):
        found = json.loads((reported.reports / "claims.json").read_text())[name]
        assert f"- {found['statement']} **{found['verdict'].capitalize()}**: {found['ours']}." in part
