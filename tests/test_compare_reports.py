"""Two folders of reports are compared value by value."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tools.compare_reports import compare, compare_tables, compare_values

ROOT = Path(__file__).parents[1]
TABLE = pd.DataFrame({"run": ["a", "b", "c"], "loss": [1.0, 2.0, None], "verdict": [True, False, None]})


@pytest.fixture
def folders(tmp_path):
    """Two folders with the same table and the same numbers."""
    for name in ("old", "new"):
        (tmp_path / name / "figures").mkdir(parents=True)
        TABLE.to_csv(tmp_path / name / "figures" / "one.csv", index=False)
        (tmp_path / name / "numbers.json").write_text(json.dumps({"suite": {"lines": 3, "mean": 0.5, "none": None}}))
    return tmp_path / "old", tmp_path / "new"


def test_the_same_folders_do_not_differ(folders):
    assert list(compare(*folders, {}, 0)) == []


def test_rows_may_stand_in_another_order_but_their_values_stay_together():
    assert list(compare_tables("one", TABLE, TABLE[::-1], {}, 0)) == []
    mixed = TABLE.assign(loss=[2.0, 1.0, None])
    assert list(compare_tables("one", TABLE, mixed, {}, 0)) == [
        "one: column loss differs in 2 of 3 rows, row 0: 1.0, now 2.0"
    ]


@pytest.mark.parametrize(
    ("column", "values"), [("loss", [1.0, 2.0, 3.0]), ("loss", [1.0, None, None]), ("verdict", [True, True, None])]
)
def test_each_value_counts_also_one_that_is_missing(column, values):
    changed = TABLE.assign(**{column: pd.Series(values, dtype=TABLE[column].dtype)})
    (line,) = compare_tables("one", TABLE, changed, {}, 0)
    assert line.startswith(f"one: column {column} differs in 1 of 3 rows")


def test_rows_and_columns_that_are_missing_are_named():
    assert list(compare_tables("one", TABLE, TABLE[:2], {}, 0)) == [
        "one: 3 rows, now 2, 1 of the first are not among them"
    ]
    more = pd.concat([TABLE, TABLE[:1].assign(loss=3.0)])
    assert list(compare_tables("one", TABLE, more, {}, 0)) == ["one: 3 rows, now 4, all of the first among them"]
    assert list(compare_tables("one", TABLE, TABLE.drop(columns="loss"), {}, 0)) == ["one: no column loss"]


def test_columns_may_be_renamed_and_dropped():
    changed = TABLE.rename(columns={"loss": "training_loss"}).drop(columns="verdict").assign(more=1)
    assert list(compare_tables("one", TABLE, changed, {"loss": "training_loss", "verdict": None}, 0)) == []


def test_a_tolerance_is_relative():
    near = TABLE.assign(loss=TABLE["loss"] * (1 + 1e-7))
    assert list(compare_tables("one", TABLE, near, {}, 1e-6)) == []
    assert len(list(compare_tables("one", TABLE, near, {}, 1e-8))) == 1


@pytest.mark.parametrize(
    ("new", "line"),
    [
        ({"a": {"b": 1, "c": [1, 2]}}, None),
        ({"a": {"b": 2, "c": [1, 2]}}, "x: a: b: 1, now 2"),
        ({"a": {"b": 1, "c": [1, 3]}}, "x: a: c: 1: 2, now 3"),
        ({"a": {"b": 1}}, "x: a: c: gone"),
        ({"a": {"b": 1, "c": [1, 2], "d": 0}}, "x: a: d: new"),
    ],
)
def test_values_of_json_are_compared_at_any_depth(new, line):
    old = {"a": {"b": 1, "c": [1, 2]}}
    assert list(compare_values("x", old, new, 0)) == ([line] if line else [])


def test_keys_of_json_may_be_renamed(folders):
    (folders[1] / "numbers.json").write_text(json.dumps({"suite": {"count": 3, "mean": 0.5}}))
    assert list(compare(*folders, {"numbers.json": {"lines": "count", "none": None}}, 0)) == []


def test_files_of_one_folder_alone_are_named(folders):
    (folders[0] / "gone.csv").write_text("a\n1\n")
    (folders[1] / "more.json").write_text("{}")
    assert [line.partition(":")[0] for line in compare(*folders, {}, 0)] == ["more.json", "gone.csv"]


def test_the_command_says_what_differs_and_fails(folders, tmp_path):
    TABLE.assign(loss=[1.0, 2.0, 3.0]).to_csv(folders[1] / "figures" / "one.csv", index=False)
    command = [sys.executable, "tools/compare_reports.py", *folders]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.count("\n")) == (1, 1)
    assert "figures/one.csv: column loss differs" in done.stdout
    wrong = subprocess.run([*command[:2], "no_such_commit", folders[1]], cwd=ROOT, capture_output=True, text=True)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: no_such_commit is neither a folder nor a commit with reports")
