"""Checks of options that the command and `stages.api` have in common."""

from collections.abc import Mapping

import torch

from stages.shared.errors import UserError

LEAST = {"alphas": 3, "examples": 2, "gauss_examples": 0, "batch": 1, "size": 1, "tolerance": 0}
"""Smallest value of each number."""


def check_numbers(given: Mapping[str, float | None]) -> None:
    """Refuse numbers that are too small.

    Args:
        given: Values by name, as in `LEAST` but with any dashes; None for one that is not given.

    Raises:
        UserError: If a value is below the smallest.
    """
    for option, value in given.items():
        smallest = LEAST[option.lstrip("-").replace("-", "_")]
        if value is not None and not value >= smallest:
            raise UserError(f"{option}: got {value}, expected at least {smallest}")


def find_device(name: str, option: str = "device") -> torch.device:
    """Return a device by its name, with TF32 off on a GPU.

    Args:
        name: `cpu`, `cuda`, `cuda:N`, or `auto` for a GPU if there is one.
        option: Name of the option, for messages.

    Returns:
        The device.

    Raises:
        UserError: If this machine has no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        place = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"{option}: got {name!r}, expected cpu, cuda or auto") from error
    if place.type not in ("cpu", "cuda") or (place.type == "cuda" and not torch.cuda.is_available()):
        raise UserError(f"{option}: this machine has no usable {name}; use cpu")
    if place.type == "cuda":
        torch.backends.cudnn.allow_tf32 = False  # its 10 bits of mantissa make noise that counts as a rise
    return place
