"""Small results of all kinds are what they were, bit by bit, or the version in their identity was raised."""

import json
import os
import subprocess
import sys

import pytest

from tests.small_project import ROOT
from tools import digests

NOW = """
import json

from tools import digests
from stages.shared.environment import environment

print(json.dumps({"environment": environment(), "digests": digests.digests()}))
"""


@pytest.fixture(scope="module")
def recorded():
    return json.loads(digests.FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def now():
    done = subprocess.run(
        [sys.executable, "-c", NOW],
        cwd=ROOT,
        env=os.environ | {"MLI_PRODUCTS": "portable"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_no_small_result_moved(recorded, now):
    if recorded["environment"] != now["environment"]:
        pytest.skip("the digests were recorded with other versions of packages, or on another kind of processor")
    found = now["digests"]
    moved = {group: names for group, names in digests.moved(recorded["digests"], found).items() if names}
    assert not moved, "results moved: raise the version of each group (tools/digests.py), then run `make digests`"
    assert {group: set(some) for group, some in found.items()} == {
        group: set(some) for group, some in recorded["digests"].items()
    }, "results were added or taken out: run `make digests`"


def test_the_versions_are_those_of_the_digests(recorded):
    versions = {group: version for group, (_, version) in digests.VERSIONS.items()}
    assert versions == recorded["versions"], "run `make digests`"


def test_digests_of_moved_results_are_not_written_until_the_version_is_raised(tmp_path, monkeypatch):
    now = {"training": {"a": "1"}, "evaluation": {"a": "1"}, "lines": {"a": "1"}}
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    monkeypatch.setattr(digests, "FILE", tmp_path / "digests.json")
    monkeypatch.setattr(digests, "digests", lambda: now)
    digests.main()
    now["lines"] = {"a": "2", "new": "3"}
    with pytest.raises(
        SystemExit, match="1 results of lines moved .a, ....: raise the version in stages/lines/line_evaluation.py"
    ):
        digests.main()
    file, version = digests.VERSIONS["lines"]
    monkeypatch.setitem(digests.VERSIONS, "lines", (file, version + 1))
    digests.main()
    assert json.loads(digests.FILE.read_text(encoding="utf-8"))["digests"] == now
    now |= {"training": {"a": "2"}, "lines": {"a": "5"}}
    with pytest.raises(SystemExit, match="results of training moved"):
        digests.main()
    file, version = digests.VERSIONS["training"]
    monkeypatch.setitem(digests.VERSIONS, "training", (file, version + 1))
    digests.main()


def test_every_choice_of_a_run_has_a_digest():
    from typing import get_args

    from stages.config import Run
    from stages.config.run import OPTIMIZERS

    runs = [Run(**(digests.BASE | changes)) for changes in digests.RUNS.values()]
    for field in ("network", "loss", "activation", "initialization", "schedule"):
        choices = {
            choice
            for part in (get_args(Run.model_fields[field].annotation) or ())
            for choice in (get_args(part) or (part,))
            if isinstance(choice, str)
        }
        assert choices <= {getattr(run, field) for run in runs}, field
    assert set(OPTIMIZERS) <= {name for run in runs for name in run.optimizers}
    changed = {field for changes in digests.RUNS.values() for field in changes}
    untried = {"betas", "smoothing", "epsilon", "damping", "factor_decay", "kl_clip", "dataset", "weights"}
    assert set(Run.model_fields) - untried <= changed | set(digests.BASE)


def test_the_command_is_that_of_the_makefile():
    text = (digests.FILE.parents[1] / "Makefile").read_text(encoding="utf-8")
    assert "MLI_PRODUCTS=portable python -m tools.digests" in text


def test_digests_of_one_makers_products_are_not_written(monkeypatch):
    monkeypatch.setenv("MKL_CBWR", "AVX2")
    with pytest.raises(SystemExit, match="not those of every processor; run `make digests`"):
        digests.main()
