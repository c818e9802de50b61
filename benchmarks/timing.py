"""Timing: the sides of a comparison in turn, and the device's rate of matrix products."""

import os
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import torch


class Seconds(NamedTuple):
    """Time that a side takes: medians over the repeats."""

    wall: float
    """Wall-clock seconds."""
    cpu: float
    """CPU seconds of this process and its finished children."""


def time_in_turn(sides: dict[str, Callable[[], object]], repeats: int, warm_up: bool = True) -> dict[str, Seconds]:
    """Time all sides of a comparison in turn, several times.

    Args:
        sides: Functions without arguments, by name.
        repeats: Number of times that each is timed.
        warm_up: Whether to run each once before.

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


def synchronize(place: torch.device) -> None:
    """Wait until a device has finished its work."""
    if place.type == "cuda":
        torch.cuda.synchronize()


def measure_product_rate(*sizes: int, place: torch.device) -> float:
    """Return the device's rate of matrix products in single precision, FLOP/s: the median of 20.

    Args:
        sizes: The numbers B, M, K, N for B products of matrices (M, K) and (K, N).
        place: The device.
    """
    stack, m, k, n = sizes
    a, b = torch.randn(stack, m, k, device=place), torch.randn(stack, k, n, device=place)

    def product() -> None:
        torch.bmm(a, b)
        synchronize(place)

    return 2 * stack * m * k * n / time_in_turn({"product": product}, 20)["product"].wall


def _cpu() -> float:
    """Return the CPU seconds of this process and its finished children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
