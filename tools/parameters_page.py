"""Write docs/parameters.md, which explains every key of the parameters, from the classes that check them.

`python -m tools.parameters_page` writes the page; with --check it fails if the page is not what would be written.
"""

import argparse
import ast
import json
import sys
from collections.abc import Iterator
from functools import cache
from inspect import cleandoc, get_annotations
from itertools import chain
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from stages.config import LINE_KINDS, Params, Plane, PlanePoint, Run, Suite
from stages.config.params import SOURCES
from stages.config.run import ARCHITECTURES, OPTIMIZER_OPTIONS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "parameters.md"
BASIC = {int: "integer", float: "number", str: "text", bool: "true or false", type(None): "null", object: "any value"}
BOUNDS = {Gt: (">", "gt"), Ge: ("≥", "ge"), Lt: ("<", "lt"), Le: ("≤", "le")}
INTRODUCTION = """\
# Parameters

Every key of `params.yaml`, from the classes in `stages` that check it. This page is generated: change the docstring of
a field and run `python -m tools.parameters_page`. A key without a default is required. Values follow YAML 1.2, as DVC
reads them: `1e-3` is a number, `010` is ten, `yes` and `1:30` are text. Unknown and ill-typed keys are refused.
"""


@cache
def field_texts(kind: type) -> dict[str, str]:
    """Return the docstring of each field that a class declares itself, as one line."""
    module = sys.modules[kind.__module__]
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    [body] = [node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__] or [[]]
    found = {}
    for field, text in zip(body, body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[ast.unparse(field.target)] = " ".join(str(text.value.value).split())
    return found


def text_of(kinds: tuple[type, ...], name: str) -> str:
    """Return the docstring of a field that one of several classes, or a base of one, declares.

    Args:
        kinds: The classes.
        name: Name of the field.

    Returns:
        The text, as one line.

    Raises:
        KeyError: If the field has no docstring.
    """
    owners = (owner for kind in kinds for owner in kind.__mro__ if name in get_annotations(owner))
    found = [texts[name] for texts in map(field_texts, owners) if name in texts]
    if not found:
        raise KeyError(f"{name}: this key of the parameters has no docstring")
    return found[0]


def type_text(annotation: Any, metadata: tuple = ()) -> str:
    """Return a type in words, such as `integer > 0` or `list of numbers ≥ 0`."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        fields = (one.metadata if isinstance(one, FieldInfo) else [one] for one in parts[1:])
        return type_text(parts[0], tuple(chain(*fields)))
    if origin in (Union, UnionType):
        if any(isinstance(part, type) and issubclass(part, BaseModel) for part in parts):
            return "mapping"
        return " or ".join(type_text(part, () if part is type(None) else metadata) for part in parts)
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return "mapping"
    if origin in (list, tuple) or annotation is list:
        inner = type_text(parts[0]) if parts else "any value"
        count = f" of {len(parts)}" if origin is tuple and parts[-1] is not Ellipsis else ""
        return f"list{count or _lengths(metadata)}, each {inner}"
    bounds = [_bound(one) for one in metadata if type(one) in BOUNDS]
    return " ".join([BASIC[annotation], ", ".join(bounds)]).strip()


def _bound(limit: Gt | Ge | Lt | Le) -> str:
    sign, name = BOUNDS[type(limit)]
    value = getattr(limit, name)
    return f"{sign} {'2^63' if value == 2**63 else f'{value:g}'}"


def _lengths(metadata: tuple) -> str:
    limits = [f" of at least {one.min_length}" for one in metadata if isinstance(one, MinLen)]
    return ",".join(limits + [f" at most {one.max_length}" for one in metadata if isinstance(one, MaxLen)])


def rows(kinds: tuple[type[BaseModel], ...], prefix: str = "", names: tuple[str, ...] | None = None) -> Iterator[str]:
    """Yield the rows of a table of keys, those of groups within a group below it.

    Args:
        kinds: The class whose fields the keys are, and others that declare some of them.
        prefix: Text before each key, such as `alphas.`.
        names: The fields to list; None for all.

    Yields:
        Rows in Markdown.
    """
    for name, field in kinds[0].model_fields.items():
        if names is not None and name not in names:
            continue
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from rows((inner,), f"{prefix}{name}.")
            continue
        default = "" if field.is_required() else f"`{json.dumps(to_jsonable_python(field.default))}`"
        text = text_of(kinds, name)
        cells = (f"`{prefix}{name}`", type_text(inner, tuple(field.metadata)), default, text)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def table(*kinds: type[BaseModel], names: tuple[str, ...] | None = None) -> str:
    """Return a table of the keys of a class, as `rows` lists them."""
    head = ["| key | type | default | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *rows(kinds, names=names)]) + "\n"


def summary(kind: type) -> str:
    """Return the docstring of a class without its first indentation."""
    return cleandoc(kind.__doc__ or "").replace("\n\n", "\n") + "\n"


def _needed(kind: type[BaseModel], name: str) -> str:
    return " (required)" if kind.model_fields[name].is_required() else ""


def users(kinds: tuple[type, ...]) -> str:
    """Return a table of networks or optimizers with the keys that each reads."""
    head = ["| value | what it is | keys |", "|---|---|---|"]
    lines = [
        f"| `{kind.name}` | {' '.join(summary(kind).split())} "
        f"| {', '.join(f'`{name}`{_needed(kind, name)}' for name in Run.model_fields if name in kind.model_fields)} |"
        for kind in kinds
    ]
    return "\n".join([*head, *lines]) + "\n"


def page() -> str:
    """Return the page in Markdown."""
    groups = {name: field.annotation for name, field in Params.model_fields.items()}
    parts = [INTRODUCTION, "## `datasets`\n", "Datasets by name; each has one of these sources.\n"]
    for source in SOURCES:
        values = ", ".join(f"`{value}`" for value in get_args(source.model_fields["source"].annotation))
        names = tuple(name for name in source.model_fields if name != "source")
        parts += [f"### `source`: {values}\n", summary(source), table(source, names=names)]
    for name in ("interpolate", "measure", "theory"):
        parts += [f"## `{name}`\n", text_of((Params,), name) + "\n", table(groups[name])]
    parts += [f"## `{name}`\n\n{text_of((Params,), name)}\n" for name in ("plot", "claims")]
    parts += ["## `suites`\n", "Experiments by name, each with these keys.\n", table(Suite)]
    parts += ["### Keys of a run\n", "They stand in `runs` or, as lists of values, in a grid.\n"]
    parts += [table(Run, *ARCHITECTURES, *OPTIMIZER_OPTIONS, names=tuple(set(Run.model_fields) - {"dataset"}))]
    parts += ["### Networks\n", users(ARCHITECTURES), "### Optimizers\n", users(OPTIMIZER_OPTIONS)]
    for kind in LINE_KINDS:
        [value] = get_args(kind.model_fields["kind"].annotation)
        names = tuple(name for name in kind.model_fields if name != "kind")
        parts += [f"### Lines of `kind`: `{value}`\n", summary(kind), table(kind, names=names)]
    parts += ["### Planes\n", summary(Plane), table(Plane), "Each of the `points` has these keys.\n", table(PlanePoint)]
    return "\n".join(parts)


def main() -> None:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the page is out of date, write nothing")
    if not parser.parse_args().check:
        PAGE.write_text(page(), encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/parameters.md is not what the parameters' classes say; run python -m tools.parameters_page")


if __name__ == "__main__":
    main()
