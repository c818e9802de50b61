"""Declarations by decorators, such as `@figure(5, "rise")`, read from source files without importing them.

Names in the parameters are checked before any work begins, also by stages that must not import seaborn.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

STAGES = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Declaration:
    """One use of a decorator at a function or class."""

    file: Path
    """The file with the declaration, relative to the project's root, such as stages/figures/scatter.py."""
    arguments: tuple[object, ...]
    """Literal positional arguments."""
    keywords: Mapping[str, object]
    """Keyword arguments that are literals."""


@cache
def declarations(package: str, decorator: str) -> tuple[Declaration, ...]:
    """Return each use of a decorator in the modules of a package.

    Args:
        package: Folder of `stages`, such as `figures`.
        decorator: Name of the decorator, which modules use as a plain name.

    Returns:
        The uses, by file and in the order of each file. Keyword arguments that are not literals are left out.
    """
    found = []
    for file in sorted((STAGES / package).glob("*.py")):
        content = file.read_text(encoding="utf-8")
        for node in ast.parse(content, filename=str(file)).body:
            calls = [one for one in getattr(node, "decorator_list", []) if isinstance(one, ast.Call)]
            for call in calls:
                if isinstance(call.func, ast.Name) and call.func.id == decorator:
                    arguments = tuple(map(ast.literal_eval, call.args))
                    keywords = {
                        str(one.arg): one.value.value for one in call.keywords if isinstance(one.value, ast.Constant)
                    }
                    found.append(Declaration(file.relative_to(STAGES.parent), arguments, keywords))
    return tuple(found)
