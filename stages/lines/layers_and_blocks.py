"""The layers and blocks of a network, as groups of its parameters."""

import re
from collections.abc import Mapping

BLOCK_PREFIX = re.compile(r"^(.*?(?:blocks|layer\d*)\.\d+)\.")


def group_by_layer(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[str, ...]]:
    """Group parameters by layer: a weight tensor with the biases, scales and shifts that follow it.

    Args:
        shapes: The shape of each parameter by its name, in the order of the network.

    Returns:
        Names of the parameters of each layer, by the name of the module that holds its weights.
    """
    found: dict[str, list[str]] = {}
    for name, shape in shapes.items():
        if len(shape) > 1 or not found:
            found[name.rsplit(".", 1)[0]] = []
        found[next(reversed(found))].append(name)
    return {layer: tuple(names) for layer, names in found.items()}


def group_by_block(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[str, ...]]:
    """Group parameters by residual block or encoder layer, and by layer outside of blocks.

    Args:
        shapes: The shape of each parameter by its name, in the order of the network.

    Returns:
        Names of the parameters of each block or layer, by the name of the module.
    """
    found: dict[str, list[str]] = {}
    for layer, names in group_by_layer(shapes).items():
        for name in names:
            within = BLOCK_PREFIX.match(name)
            found.setdefault(within[1] if within else layer, []).append(name)
    return {block: tuple(names) for block, names in found.items()}
