"""Origins: the machines on which runs were trained and evaluated, and which of them a report takes its runs from."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stages.shared import products
from stages.shared.errors import UserError

HERE = "here"
"""Origin of what this machine's own store holds."""
EVERY = "all"
VARIABLE = "MLI_ORIGIN"
"""Variable that names the origin of the runs in a partial report: `here` (the default), a name, or `all`."""


@dataclass(frozen=True)
class Origin:
    """Where and by what code runs were trained and evaluated."""

    name: str
    """Short name, such as `h200`, which MLI_ORIGIN takes."""
    text: str
    """Device, version of PyTorch and kind of products, such as `NVIDIA H200, PyTorch 2.11, single precision`."""
    environment: Mapping[str, str]
    """Environment that results depended on there, as of `stages.shared.environment.environment`."""
    numerics: Mapping[str, int]
    """Versions of the code that computed: of `training`, `evaluation` and `lines`."""


def describe(environment: Mapping[str, str]) -> str:
    """Return an environment as a short text: device, version of PyTorch, and kind of products.

    Args:
        environment: As of `stages.shared.environment.environment`.

    Returns:
        Such as `CPU, PyTorch 2.13, AVX2`.
    """
    version = ".".join(environment["torch"].split(".")[:2])
    if environment["device"] != "cpu":
        card = environment["device"].partition(", CUDA")[0]
        rounded = "tf32" in (environment["precision"], environment.get("training_precision"))
        return f"{card}, PyTorch {version}, {'TF32' if rounded else 'single precision'}"
    chosen = {name: environment.get(name, "") for name in products.NAMES}
    known = {"avx2": "AVX2", "portable": "portable products", "native": "native products"}
    kind = next(
        (text for name, text in known.items() if chosen == dict.fromkeys(products.NAMES, "") | products.SETTINGS[name]),
        "products of another choice",
    )
    return f"CPU, PyTorch {version}, {kind}"


def short_name(text: str) -> str:
    """Return a name made from a description: its letters and digits, such as `nvidia_h200_pytorch_2_11`."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def check_name(name: str, key: str) -> None:
    """Refuse a name that no origin can have.

    Args:
        name: The name.
        key: Option or file that holds it, for the message.

    Raises:
        UserError: If it is `here` or `all`, or has other characters than lower-case letters, digits and _.
    """
    if name in (HERE, EVERY) or not re.fullmatch(r"[a-z0-9][a-z0-9_]*", name):
        raise UserError(
            f"{key}: got {name!r}, expected lower-case letters, digits and _, and neither {HERE} nor {EVERY}"
        )


def chosen_origins(known: Sequence[str]) -> tuple[str, ...]:
    """Return the origins that MLI_ORIGIN chooses.

    Args:
        known: Names of the origins whose records the store holds.

    Returns:
        Names in the order in which they take precedence, this machine's own work first.

    Raises:
        UserError: If it names none of them.
    """
    value = os.environ.get(VARIABLE) or HERE
    if value == EVERY:
        return (HERE, *known)
    if value != HERE and value not in known:
        raise UserError(f"{VARIABLE}: got {value!r}, expected one of {', '.join([HERE, *known, EVERY])}")
    return (value,)


def refuse_origins() -> None:
    """Refuse MLI_ORIGIN where only this machine's own work is read.

    Raises:
        UserError: If it is set to anything but `here`.
    """
    value = os.environ.get(VARIABLE) or HERE
    if value != HERE:
        raise UserError(f"{VARIABLE}: got {value!r}, which only reports with --partial read; unset it or add --partial")
