"""Reads YAML parameter files by DVC's rules, so that stages and DVC see the same values.

DVC reads params.yaml through ruamel.yaml, which follows YAML 1.2. PyYAML alone follows YAML 1.1, where 010 is eight,
1e-3 is text and `on` is true. The loader here is PyYAML's, which is ten times as fast, with ruamel.yaml's scalars.
"""

import re
from collections.abc import Callable
from typing import Any

import yaml

from stages.shared.errors import UserError

TAG = "tag:yaml.org,2002:"
MERGE = f"{TAG}merge"
PLAIN = {
    yaml.MappingNode: {f"{TAG}map"},
    yaml.SequenceNode: {f"{TAG}seq"},
    yaml.ScalarNode: {f"{TAG}{kind}" for kind in ("null", "bool", "int", "float", "str")},
}
"""Tags of plain values, by kind of node. Other tags are those of dates, of `=`, and explicit ones."""
SCALARS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "float": (
        r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
        r"|[-+]?\.[0-9_]+(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
    "int": (r"[-+]?0b[01_]+|[-+]?0o[0-7_]+|[-+]?[0-9_]+|[-+]?0x[0-9a-fA-F_]+", "-+0123456789"),
}
"""Regular expression and first characters of each kind of scalar, as in ruamel.yaml."""
RADIX = {"0b": 2, "0o": 8, "0x": 16}
UNSHARED = re.compile(r"^%|[\x85\u2028\u2029]", re.MULTILINE)
"""Directives such as %YAML 1.1, which only DVC obeys, and line separators that only YAML 1.1 has."""

BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Loader(BASE):
    """PyYAML's safe loader with the scalars of YAML 1.2 as ruamel.yaml reads them."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in rules if tag.removeprefix(TAG) not in SCALARS]
        for first, rules in BASE.yaml_implicit_resolvers.items()
    }


def read_yaml(text: str) -> object:
    """Return the values of a YAML parameter file.

    Args:
        text: The YAML.

    Returns:
        Mappings with text keys, lists and plain scalars (None, bool, int, float, str).

    Raises:
        yaml.YAMLError: If the text is no YAML, has a key twice in a mapping, or a part that contains itself.
        UserError: If a key is no text, or a value is no plain one, such as a date.
    """
    if found := UNSHARED.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise yaml.YAMLError(f"a directive or line separator that DVC reads differently, line {line}; remove it")
    _check(yaml.compose(text, Loader=Loader), (), ())
    return yaml.load(text, Loader=Loader)  # noqa: S506 (a safe one)


def _check(node: yaml.Node | None, path: tuple[str, ...], around: tuple[yaml.Node, ...]) -> None:
    if node is None:
        return
    if any(node is other for other in around):
        raise yaml.YAMLError(f"a part contains itself, line {node.start_mark.line + 1}; write it out")
    _check_tag(node, path)
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            _check_key(key, path)
            if key.value in seen:
                raise yaml.YAMLError(f"{key.value} stands twice, line {key.start_mark.line + 1}; keep one")
            seen.add(key.value)
            if key.tag != MERGE:
                _check(value, (*path, key.value), (*around, node))
                continue
            for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                _check(part, path, (*around, node))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _check(value, (*path, str(number)), (*around, node))


def _check_tag(node: yaml.Node, path: tuple[str, ...]) -> None:
    if node.tag not in PLAIN[type(node)]:
        shown = repr(node.value) if isinstance(node, yaml.ScalarNode) else f"a part tagged {node.tag.removeprefix(TAG)}"
        raise UserError(f"{_key(path)}: got {shown}, expected text, a number, a list or a mapping; put text in quotes")
    if isinstance(node, yaml.ScalarNode):
        quoted = bool(node.style)
        if node.tag != RESOLVER.resolve(yaml.ScalarNode, node.value, (not quoted, quoted)):
            raise UserError(f"{_key(path)}: got {node.value!r} with a tag, expected none; remove what begins with !")


def _check_key(key: yaml.Node, path: tuple[str, ...]) -> None:
    if not isinstance(key, yaml.ScalarNode):
        raise UserError(f"{_key(path)}: got a key that is a list or a mapping, expected a name; write one")
    where = _key((*path, key.value))
    if key.tag not in (f"{TAG}str", MERGE):
        raise UserError(f"{where}: got a key that is no text, expected a name; correct its spelling")


def _key(path: tuple[str, ...]) -> str:
    return ".".join(path) or "params.yaml"


def _integer(text: str) -> int:
    digits = text.replace("_", "")
    return int(digits, RADIX.get(digits.lstrip("+-")[:2], 10))


def _number(text: str) -> float:
    return float(re.sub(r"\.(inf|nan)", r"\1", text.replace("_", "").lower()))


def _constructor(read: Callable[[str], object]) -> Callable[[yaml.SafeLoader, yaml.ScalarNode], object]:
    """Return a constructor for PyYAML that converts the text of a scalar by a function."""

    def construct(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
        try:
            return read(node.value)
        except ValueError:
            got = f"{node.value[:40]!r} is no {node.tag.removeprefix(TAG)}"
            raise yaml.YAMLError(f"{got}, line {node.start_mark.line + 1}; correct it") from None

    return construct


for _kind, (_spellings, _first) in SCALARS.items():
    Loader.add_implicit_resolver(f"{TAG}{_kind}", re.compile(rf"(?:{_spellings})\Z"), list(_first))
Loader.add_constructor(f"{TAG}int", _constructor(_integer))
Loader.add_constructor(f"{TAG}float", _constructor(_number))
RESOLVER = Loader("")
"""Resolves the tag of a scalar without an explicit one."""
