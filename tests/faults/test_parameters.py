"""params.yaml with one thing wrong, anywhere: refused in one sentence that names the key."""

import copy
import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from small_project import ROOT

from stages.config import Params, Suite, load
from stages.config.yaml_reader import read_yaml
from stages.shared.errors import UserError

VALUES = json.loads(json.dumps(yaml.safe_load((ROOT / "params.yaml").read_text())))  # nothing shared by two places
STRAY = {"zzz": 1}


def places(values, path=()):
    """Yield the path of everything in the parameters."""
    yield path
    if isinstance(values, dict):
        for key, value in values.items():
            yield from places(value, (*path, key))
    elif isinstance(values, list):
        for number, value in enumerate(values):
            yield from places(value, (*path, number))


def at(values, path):
    for part in path:
        values = values[part]
    return values


PLACES = [path for path in places(VALUES) if path]
MAPPINGS = [path for path in [(), *PLACES] if isinstance(at(VALUES, path), dict)]
LEAVES = [path for path in PLACES if not isinstance(at(VALUES, path), dict | list)]
REQUIRED = [(key,) for key in VALUES if Params.model_fields[key].is_required()]
REQUIRED += [
    path for path in PLACES if path[0] == "suites" and len(path) == 3 and Suite.model_fields[path[2]].is_required()
]


def spelled(path):
    return ".".join(part for part in path if isinstance(part, str))


@st.composite
def one_fault(draw):
    """Return parameters with one thing wrong, where, and what."""
    values = copy.deepcopy(VALUES)
    kind = draw(
        st.sampled_from(("unknown key", "missing key", "mapping for a scalar", "text for a number", "text for many"))
    )
    if kind == "unknown key":
        path = draw(st.sampled_from(MAPPINGS))
        at(values, path)["zzz"] = 1
        return values, (*path, "zzz"), kind
    if kind == "missing key":
        path = draw(st.sampled_from(REQUIRED))
        del at(values, path[:-1])[path[-1]]
        return values, path, kind
    if kind == "text for many":
        path = draw(st.sampled_from([path for path in PLACES if isinstance(at(VALUES, path), dict | list)]))
        wrong = "zzz"
    elif kind == "mapping for a scalar":
        path = draw(st.sampled_from(LEAVES))
        wrong = STRAY
    else:
        path = draw(st.sampled_from([path for path in LEAVES if isinstance(at(VALUES, path), int | float)]))
        wrong = draw(st.sampled_from(("zzz", float("nan"), float("inf"), -float("inf"))))
    at(values, path[:-1])[path[-1]] = wrong
    return values, path, kind


@pytest.mark.parametrize("count", [20, pytest.param(80, marks=pytest.mark.long)])
def test_one_wrong_thing_is_refused_by_its_key(tmp_path, count):
    file = tmp_path / "params.yaml"

    @given(one_fault())
    @settings(max_examples=count, deadline=None, derandomize=True, database=None)
    def refuse(fault):
        values, path, _ = fault
        file.write_text(yaml.safe_dump(values), encoding="utf-8")
        with pytest.raises(UserError) as error:
            load(file)
        message = str(error.value)
        assert "\n" not in message
        key, _, rest = message.partition(":")
        assert rest.strip(), message
        wrong = spelled(path)
        # The key itself; or, where what stands there decides what is expected, what holds it or what it holds.
        assert wrong.startswith(key) or key.startswith(wrong), (message, wrong)
        assert key.count(".") >= min(wrong.count("."), 1), (message, wrong)

    refuse()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "got None|expected"),
        ("[1, 2]", "expected"),
        ("suites: {", "is not readable YAML"),
        ("\x00", "is not readable YAML"),
        ("a: &a [*a]", "contains itself"),
        ("interpolate: 1\ninterpolate: 2", "interpolate stands twice, line 2"),
        ("suites:\n  a: {runs: {lr: 1, lr: 2}}", "lr stands twice, line 2"),
    ],
)
def test_what_is_no_mapping_of_parameters_is_refused(tmp_path, text, words):
    file = tmp_path / "params.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=words):
        load(file)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "params.yaml").write_bytes(b"\xff\xfe\x00suites")
    with pytest.raises(UserError, match="not readable YAML"):
        load(tmp_path / "params.yaml")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"params.yaml is missing; run from the project's root"):
        load(tmp_path / "params.yaml")


def test_a_merged_mapping_may_say_again_what_it_merges():
    text = "a:\n  b: &b {<<: &c {x: 1, y: 2}, x: 3}\nd: {<<: *b, y: 4}\ne: *b\nf: {<<: [*b, *c]}\n"
    assert read_yaml(text) == {
        "a": {"b": {"x": 3, "y": 2}},
        "d": {"x": 3, "y": 4},
        "e": {"x": 3, "y": 2},
        "f": {"x": 3, "y": 2},
    }
