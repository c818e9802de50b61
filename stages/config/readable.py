"""YAML as it is read everywhere here: plain values, and no key twice."""

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str) -> object:
    """Return what YAML says, as plain values.

    Args:
        text: The YAML.

    Returns:
        Mappings, lists and scalars.

    Raises:
        yaml.YAMLError: If it is none, has a key twice in a mapping (of which PyYAML takes the last), or a part that
            contains itself.
    """
    _check(yaml.compose(text, Loader=LOADER), ())
    return yaml.load(text, Loader=LOADER)  # noqa: S506 (a safe one)


def _check(node: yaml.Node | None, around: tuple[yaml.Node, ...]) -> None:
    if any(node is other for other in around):
        raise yaml.YAMLError(f"a part contains itself, line {node.start_mark.line + 1}; write it out")
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.YAMLError(f"{key.value} stands twice, line {key.start_mark.line + 1}; keep one")
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
            _check(value, (*around, node))
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _check(value, (*around, node))
