"""Files beside the code: the workflow calls targets that exist, the graph of stages is current, text is UTF-8."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def test_the_workflow_runs_targets_that_there_are():
    workflow = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text())
    steps = workflow["jobs"]["check"]["steps"]
    called = [re.findall(r"^\s*make (?:--\S+ )*([a-z-]+)", step.get("run", ""), flags=re.MULTILINE) for step in steps]
    flat = [target for targets in called for target in targets]
    assert flat == ["install", "lint", "test", "check", "repro", "compare"]
    assert set(flat) <= TARGETS
    assert set(workflow[True]) == {"push", "pull_request"}  # YAML reads `on` as true


def test_the_graph_of_the_stages_is_that_of_the_pipeline():
    made = subprocess.run([sys.executable, "tools/graph.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert made.stdout in (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert set(re.findall(r'\["([a-z_]+)(?:@...)?"\]', made.stdout)) == set(stages)


def test_the_citation_is_complete():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


def test_changes_are_dated_newest_first():
    dates = re.findall(r"^## (\S+)$", (ROOT / "CHANGES.md").read_text(), flags=re.MULTILINE)
    assert dates == sorted(dates, reverse=True)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for date in dates)


def locale_dependent(tree):
    """Yield the lines of calls that read or write text in the encoding of the locale."""
    for node in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = ast.unparse(node.func).rpartition(".")[2]
        options = {keyword.arg for keyword in node.keywords}
        binary = {"rb", "wb", "ab", "xb"} & {value.value for value in node.args if isinstance(value, ast.Constant)}
        opens = name == "open" and not ast.unparse(node.func).startswith(("Image.", "tarfile.")) and not binary
        if (name in {"read_text", "write_text"} or opens) and "encoding" not in options:
            yield node.lineno
        of_process = name in {"run", "Popen", "call", "check_call", "check_output"}
        if of_process and options & {"text", "universal_newlines"}:
            yield node.lineno


@pytest.mark.parametrize("folder", ["stages", "tools", "benchmarks", "mine"])
def test_text_is_utf8_whatever_the_locale(folder):
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        assert not list(locale_dependent(tree)), f"{file}: name the encoding"
