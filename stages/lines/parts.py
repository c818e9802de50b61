"""The layers and blocks of a network, as groups of its parameters."""

import re
from collections.abc import Mapping

BLOCK = re.compile(r"^(.*?(?:blocks|layer\d*)\.\d+)\.")


def layers(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the layers: a tensor of weights with the biases, scales and shifts that follow it.

    Args:
        shapes: The shape of each parameter by its name, in the order of the network.

    Returns:
        Names of parameters by the name of the module whose weights they begin with.
    """
    found: dict[str, list[str]] = {}
    for name, shape in shapes.items():
        if len(shape) > 1 or not found:
            found[name.rsplit(".", 1)[0]] = []
        found[next(reversed(found))].append(name)
    return {layer: tuple(names) for layer, names in found.items()}


def blocks(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the blocks of a network that has some, and the layers outside of them; as `layers` does."""
    found: dict[str, list[str]] = {}
    for layer, names in layers(shapes).items():
        for name in names:
            within = BLOCK.match(name)
            found.setdefault(within[1] if within else layer, []).append(name)
    return {block: tuple(names) for block, names in found.items()}
