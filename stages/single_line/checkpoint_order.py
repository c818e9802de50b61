"""The order of several checkpoints: by the numbers in their names, since a shell puts epoch_10 before epoch_2."""

import re
from collections.abc import Sequence

NUMBERS = re.compile(r"\d+")


def in_order(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return checkpoints in the order of training, and a remark if that is not the order given.

    Args:
        names: Three or more names that differ in numbers alone are put into the order of these numbers; others are
            left as they are.

    Returns:
        The names, and the remarks.
    """
    given = list(names)
    if len(given) < 3 or len({NUMBERS.sub("#", name) for name in given}) > 1:
        return given, []
    ordered = sorted(given, key=lambda name: [int(digits) for digits in NUMBERS.findall(name)])
    if ordered == given:
        return given, []
    return ordered, [f"The checkpoints are taken in the order of their numbers, from {ordered[0]} to {ordered[-1]}."]
