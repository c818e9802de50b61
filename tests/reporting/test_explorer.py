"""The run explorer holds every run with its own numbers, and works without a network."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1]))

from explorer_project import AGAIN, explorer_job

from stages.config.params import expand, load
from stages.measures.monotonicity import min_delta
from stages.measures.table import describe
from stages.reporting import explorer
from stages.reporting.explorer_chart import VERDICTS
from stages.shared.csv_files import read_csv

ROOT = Path(__file__).parents[2]
LARGEST = 6_000_000


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return explorer_job(tmp_path_factory.mktemp("explorer"))


@pytest.fixture(scope="module")
def page(job):
    return explorer.page(job)


def chart(page: str) -> dict:
    """Return the chart that the page embeds."""
    text = page[page.rindex('vegaEmbed("#chart", ') + len('vegaEmbed("#chart", ') :]
    return json.JSONDecoder().raw_decode(text)[0]


def test_every_run_is_there_with_its_numbers_and_its_line_of_the_table(job, page):
    lines = (job.reports / "measures.csv").read_text().splitlines()
    table = read_csv(job.reports / "measures.csv")
    shown = chart(page)["datasets"]["runs"]
    assert len(shown) == len(table) == table["suite"].eq("classifiers").sum() + AGAIN
    for run, (_, row) in zip(shown, table.iterrows(), strict=True):
        assert run["suite"] == row["suite"]
        assert run["first"] == (row["suite"] == "classifiers")  # the second suite has no other run
        assert lines[run["row"] - 1].startswith(f"{row['suite']},{row['run_id']},")
        assert run["tolerance"] == (0.5 if row["suite"] == "again" else 0.001)
        if row["status"] == "diverged":
            assert run["min_delta"] is None
            assert run["curve"] == []
        else:
            assert run["min_delta"] == row["min_delta"]
            assert run["lr"] == row["lr"]
            assert run["normalized_distance"] == row["normalized_distance"]
            assert run["start"] == run["curve"][0] == pytest.approx(row["initial_train_loss"], rel=1e-5)
    assert table["status"][3] == "diverged"


def test_rounding_makes_no_rise(job):
    curves = [run["curve"] for run in explorer.runs(job) if run["curve"]]
    exact = [run["min_delta"] for run in explorer.runs(job) if run["curve"]]
    found = min_delta(np.array(curves, dtype=float))
    np.testing.assert_allclose(found, exact, atol=1e-4)
    assert (found[np.array(exact) == 0] == 0).all()
    falling = np.geomspace(3, 1e-9, 5000) * (1 + 1e-12)
    assert (np.diff([explorer._rounded(loss) for loss in falling]) <= 0).all()


def test_the_table_has_a_row_for_each_run_that_can_be_linked(job, page):
    rows = re.findall(r'<tr id="r(\d+)"><td><code>(\w+)</code>', page)
    shown = chart(page)["datasets"]["runs"]
    assert rows == [(str(run["row"]), run["run_id"]) for run in shown]


def test_the_page_is_whole_and_loads_nothing_from_elsewhere(page):
    rest = page.replace(str(explorer.libraries()), "")
    assert not re.search(r"<link|<iframe|@import|url\(", rest)
    assert set(re.findall(r'(?:src|href)="([^"]*)"', rest)) == {"index.html", "measures.csv"}
    assert set(re.findall(r"https?://[^\s\"']*", rest)) == {chart(page)["$schema"]}  # a name, which nothing loads
    assert "<noscript>" in page
    assert rest.count("</script>") == 1


def test_the_page_is_the_same_bytes_again(job, page):
    assert explorer.page(job) == page


def test_colours_are_those_of_the_figures(page):
    assert VERDICTS == {"monotone": "#0173b2", "not monotone": "#de8f05"}
    assert '["#0173b2","#de8f05"]' in page


def test_the_committed_page_is_small_and_holds_the_runs_of_the_committed_table():
    page, table = ROOT / "reports" / "explorer.html", read_csv(ROOT / "reports" / "measures.csv")
    if not page.exists():
        pytest.skip("the default run has not written it yet")
    assert page.stat().st_size <= LARGEST
    shown = chart(page.read_text(encoding="utf-8"))["datasets"]["runs"]
    own = table[table["line"] == "initial_to_final"]
    assert [(run["suite"], run["run_id"]) for run in shown] == list(zip(own["suite"], own["run_id"], strict=True))


@pytest.mark.parametrize("pipeline", ["", "mnist", "mine"])
def test_a_suite_narrowed_to_a_run_has_that_run_alone(pipeline, monkeypatch):
    monkeypatch.chdir(ROOT)
    params = load(ROOT / pipeline / "params.yaml")
    for name, suite in params.suites.items():
        runs = params.runs(name)
        for run in runs[:: max(1, len(runs) // 12)]:
            grids = explorer.yaml.safe_load(explorer.narrowed(suite, describe(run)))
            assert expand(name, suite.model_copy(update={"grids": grids})) == (run,)
