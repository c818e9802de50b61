"""The stable interface: docs/api.md lists each name of `stages.api` with its arguments and what it returns."""

import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

from stages import api

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
LISTED = re.findall(r"^\| `(\w+)(?:\((.*?)\))?(?: -> (\w+))?` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_the_page_lists_what_the_module_exports():
    assert sorted(name for name, *_ in LISTED) == sorted(api.__all__)
    assert set(api.__all__) <= vars(api).keys()


@pytest.mark.parametrize(("name", "arguments", "returned"), LISTED)
def test_arguments_and_types_are_those_that_the_page_states(name, arguments, returned):
    thing = getattr(api, name)
    if inspect.isclass(thing):
        assert arguments == ("" if issubclass(thing, Exception) else ", ".join(field.name for field in fields(thing)))
        return
    signature = inspect.signature(thing)
    stated = arguments.split(", ")
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    assert [one for one in stated if one != "*"] == list(signature.parameters)
    assert ("*" in stated) == (inspect.Parameter.KEYWORD_ONLY in kinds)
    if "*" in stated:
        assert kinds.index(inspect.Parameter.KEYWORD_ONLY) == stated.index("*")
    assert all(parameter.annotation is not inspect.Parameter.empty for parameter in signature.parameters.values())
    assert re.match(r"\w+", getattr(signature.return_annotation, "__name__", ""))[0] == returned
