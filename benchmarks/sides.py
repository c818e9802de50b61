"""Timing several sides of one comparison: in turn, repeatedly, medians of wall and CPU seconds; and the limit."""

import os
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import torch


class Seconds(NamedTuple):
    """What a side took, medians over the repeats."""

    wall: float
    cpu: float
    """CPU seconds of this process and its finished children."""


def alternate(sides: dict[str, Callable[[], object]], repeats: int, warm_up: bool = True) -> dict[str, Seconds]:
    """Run every side once to warm up, then all of them in turn, `repeats` times.

    Args:
        sides: Functions without arguments, by name.
        repeats: How often.
        warm_up: Not needed where a side takes minutes.

    Returns:
        Medians by name.
    """
    found: dict[str, list[Seconds]] = {name: [] for name in sides}
    for side in sides.values() if warm_up else ():
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


def finish(place: torch.device) -> None:
    """Wait for the work of a device."""
    if place.type == "cuda":
        torch.cuda.synchronize()


def product_rate(*sizes: int, place: torch.device) -> float:
    """Return the device's rate of matrix products in single precision, FLOP/s: the median of 20.

    Args:
        sizes: B, M, K, N of a stack of B products (M, K) by (K, N).
        place: The device.
    """
    stack, m, k, n = sizes
    a, b = torch.randn(stack, m, k, device=place), torch.randn(stack, k, n, device=place)

    def product() -> None:
        torch.bmm(a, b)
        finish(place)

    return 2 * stack * m * k * n / alternate({"product": product}, 20)["product"].wall


def _cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
