"""Calls of a network with other parameters in place of its own."""

from collections.abc import Mapping
from weakref import WeakKeyDictionary

from torch import Tensor, nn
from torch.func import functional_call

_PLACES: WeakKeyDictionary[nn.Module, dict[str, tuple[str, ...]]] = WeakKeyDictionary()


def call_with(network: nn.Module, tensors: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Return a network's output with some of its parameters and buffers replaced.

    `torch.func.functional_call` does the same, but for a module that is registered under several names it puts the
    replacement back in place of the module's own tensor.

    Args:
        network: The network, which is left as it is.
        tensors: The replacements, by the first name of each parameter or buffer; tied ones are replaced together.
        x: The network's input.

    Returns:
        Its output.
    """
    places = _PLACES.get(network)
    if places is None:
        places = _PLACES[network] = _places(network)
    given = {place: value for name, value in tensors.items() for place in places.get(name, (name,))}
    return functional_call(network, given, (x,), tie_weights=False)


def _places(network: nn.Module) -> dict[str, tuple[str, ...]]:
    """Return the names of all attributes that hold a tensor, by its first name; each module is seen once."""
    found: dict[int, list[str]] = {}
    for prefix, module in network.named_modules():
        for name, value in (*module._parameters.items(), *module._buffers.items()):  # noqa: SLF001 (no public name)
            if value is not None:
                found.setdefault(id(value), []).append(f"{prefix}.{name}".removeprefix("."))
    return {names[0]: tuple(names) for names in found.values()}
