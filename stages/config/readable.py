"""YAML as it is read everywhere here: plain values, and no key twice."""

import yaml


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """PyYAML takes the last of two equal keys, and values that contain themselves; both are mistakes here."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            text = str(getattr(key, "value", key))
            if text in seen and text != "<<":
                raise yaml.YAMLError(f"{text} stands twice, line {key.start_mark.line + 1}; keep one")
            seen.add(text)
        return super().construct_mapping(node, deep)


def read_yaml(text: str) -> object:
    """Return what YAML says, as plain values.

    Args:
        text: The YAML.

    Returns:
        Mappings, lists and scalars.

    Raises:
        yaml.YAMLError: If it is none, has a key twice in a mapping, or contains itself.
    """
    values = yaml.load(text, Loader=_Loader)  # noqa: S506 (a safe one)
    _check(values, ())
    return values


def _check(values: object, around: tuple[int, ...]) -> None:
    if isinstance(values, dict | list):
        if id(values) in around:
            raise yaml.YAMLError("a part contains itself; write it out")
        for one in values.values() if isinstance(values, dict) else values:
            _check(one, (*around, id(values)))
