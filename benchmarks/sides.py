"""Timing several sides of one comparison: in turn, repeatedly, medians of wall and CPU seconds."""

import os
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple


class Seconds(NamedTuple):
    """What a side took, medians over the repeats."""

    wall: float
    cpu: float
    """Of this process and its finished children."""


def alternate(sides: dict[str, Callable[[], object]], repeats: int) -> dict[str, Seconds]:
    """Run every side once to warm up, then all of them in turn, `repeats` times.

    Args:
        sides: Functions without arguments, by name.
        repeats: How often.

    Returns:
        Medians by name.
    """
    found: dict[str, list[Seconds]] = {name: [] for name in sides}
    for side in sides.values():
        side()
    for _ in range(repeats):
        for name, side in sides.items():
            before, started = _cpu(), time.perf_counter()
            side()
            found[name].append(Seconds(time.perf_counter() - started, _cpu() - before))
    return {
        name: Seconds(median(s.wall for s in seconds), median(s.cpu for s in seconds))
        for name, seconds in found.items()
    }


def _cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
