"""Stages and DVC read the same values from a parameter file, or the file is refused."""

import pytest
import yaml
from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small_project import ROOT

from stages.config.yaml_reader import read_yaml
from stages.shared.errors import UserError

ALIKE = {
    "010": 10, "-010": -10, "08": 8, "0o10": 8, "0x1F": 31, "0b11": 3, "+1": 1, "1_000": 1000, "1_0.5": 10.5,
    "1e3": 1000.0, "1e-3": 0.001, "1E+3": 1000.0, "1.0e-3": 0.001, "1.e3": 1000.0, ".5": 0.5, "+.5": 0.5, "5.": 5.0,
    ".5e+3": 500.0, ".5e3": ".5e3", ".inf": float("inf"), "-.Inf": float("-inf"), ".NaN": float("nan"),
    "+.nan": "+.nan", "inf": "inf", "1:30": "1:30", "1:2:3.5": "1:2:3.5", "yes": "yes", "No": "No", "on": "on",
    "OFF": "OFF", "y": "y", "true": True, "TRUE": True, "False": False, "tRUE": "tRUE", "null": None, "~": None,
    "Null": None, "nULL": "nULL", "": None, "''": "", "'010'": "010", '"1e3"': "1e3", "- 1": [1], "0o": "0o",
    "0x": "0x", "0b2": "0b2", "0o8": "0o8", "_1": "_1", "1__0": 10, "1.2.3": "1.2.3", "2021-1-1": "2021-1-1",
    "12e03": 12000.0, "|\n  010": "010\n", ">-\n  on": "on", "! 010": 10, "!!int 010": 10, "!!str text": "text",
}  # fmt: skip
"""Spellings of a value, and what they mean to stages and DVC."""
REFUSED = [
    "2021-01-01", "2021-01-01 10:00:00", "2021-13-45", "=", "<<", "-_", "0x_", "0b_", "._", "9" * 5000, "!!binary aGk=",
    "!!set {a}", "!!omap [b: 1]", "!!pairs [b: 1]", "!!float 1", "!!str 1", "!!int '1'", "!!bool yes", "!!null x",
    "!!int {b: 1}", "!!timestamp x", "!!python/name:os.system x", "!own x", "!", "b\u2028c: 1", "[b\x85c]",
]  # fmt: skip
"""Spellings that are no plain value to one of the two."""
WHOLE = {
    "%YAML 1.1\n---\na: 010\n": "a directive",
    "# a comment\n%TAG ! tag:x,2000:\n---\na: 1\n": "a directive",
    "2021-01-01: 1\n": "2021-01-01: got a key that is no text",
    "a:\n  010: 1\n": "a.010: got a key that is no text",
    "a: {true: 1}\n": "a.true: got a key that is no text",
    "a: {~: 1}\n": "a.~: got a key that is no text",
    "a: {? [b] : 1}\n": "a: got a key that is a list or a mapping",
    "a: {=: 1}\n": "a.=: got a key that is no text",
    "a: &a [{<<: *a}]\n": "contains itself",
    "a: &a {<<: [*a]}\n": "contains itself",
    "a: {<<: {b: 1}, <<: {c: 1}}\n": "<< stands twice",
}
"""Files that are refused, and part of the message."""


@pytest.mark.parametrize(("spelling", "value"), ALIKE.items())
def test_a_scalar_is_read_as_dvc_reads_it(spelling, value):
    text = f"a:\n  {spelling}\n" if spelling.startswith("- ") else f"a: {spelling}\n"
    assert repr(read_yaml(text)) == repr(parse_yaml(text, "params.yaml")) == repr({"a": value})


@pytest.mark.parametrize("spelling", REFUSED)
def test_a_value_that_is_no_plain_one_is_refused(spelling):
    with pytest.raises((UserError, yaml.YAMLError)) as error:
        read_yaml(f"a: {spelling}\n")
    assert str(error.value).startswith("a: got ") or ", line 1; " in str(error.value)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(("text", "words"), WHOLE.items())
def test_a_file_that_dvc_reads_differently_is_refused(text, words):
    with pytest.raises((UserError, yaml.YAMLError), match=words):
        read_yaml(text)


@given(st.text("0123456789+-._eExobaf:TZ~<=yrusnltNOY", min_size=1, max_size=8))
@example("0_1")
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
def test_no_scalar_is_read_otherwise_than_by_dvc(spelling):
    for text in (f"a: {spelling}\n", f"a: [{spelling}, 1]\n", f"{spelling}: 1\n"):
        try:
            ours = read_yaml(text)
        except (UserError, yaml.YAMLError):
            continue
        try:
            theirs = parse_yaml(text, "params.yaml")
        except YAMLFileCorruptedError:  # then DVC runs nothing
            continue
        assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("path", ["params.yaml", "paper/params.yaml", "mnist/params.yaml", "mine/params.yaml"])
def test_the_parameters_of_this_project_are_read_as_dvc_reads_them(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    assert repr(read_yaml(text)) == repr(parse_yaml(text, path))
