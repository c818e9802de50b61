"""Docstrings are sentences that stand alone: they begin with the thing or with what a function does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("benchmarks", "stages", "tools")
"""Folders whose docstrings are checked."""
BEGINNINGS = ("Of", "As", "Likewise", "The same", "They", "It", "What")
"""Words with which a docstring does not begin: what follows is a fragment, or refers to something outside of it."""


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of every docstring, those of fields and constants too: strings that are statements."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def fragments(source: str) -> list[str]:
    """Return line and beginning of the docstrings that begin with one of `BEGINNINGS`."""
    found = []
    for line, text in docstrings(ast.parse(source)):
        if any(re.match(rf"{start}\b", text.strip()) for start in BEGINNINGS):
            found.append(f"{line}: {' '.join(text.split()[:12])}")
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_stand_alone(package):
    modules = sorted((ROOT / package).rglob("*.py"))
    assert modules
    found = [
        f"{path.relative_to(ROOT)}:{fragment}"
        for path in modules
        for fragment in fragments(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("start", BEGINNINGS)
def test_a_fragment_is_found(start):
    source = f'class A:\n    x: int\n    """{start} something."""\n\n    def f(self):\n        """Return {start}."""\n'
    assert fragments(source) == [f"3: {start} something."]


def test_words_that_only_begin_alike_are_no_fragments():
    assert not fragments('"""Assign items."""\nx = 1\n"""Offset of x."""\n')
