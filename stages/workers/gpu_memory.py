"""The memory of a GPU that one of several worker processes may use."""

from functools import lru_cache
from math import floor, log2

import torch

from stages.workers.processes import jobs

REFERENCE_BYTES = 2**34
"""GPU memory for which the sizes of stacks and chunks on `cuda` are chosen: 16 GiB."""


def memory_factor(kind: str) -> float:
    """Return the factor by which sizes of stacks and chunks are multiplied in this process.

    Args:
        kind: Type of the device, `cpu` or `cuda`.

    Returns:
        1 on a CPU, or if this process may use `REFERENCE_BYTES` of the GPU; else the largest power of 1/2 that is at
        most the ratio of the two, so that small changes of the free memory change nothing.
    """
    return factor_of(_available_bytes()) if kind == "cuda" else 1.0


def factor_of(available: int) -> float:
    """Return the factor for the bytes of memory that a process may use."""
    return min(1.0, 2.0 ** floor(log2(max(available, 1) / REFERENCE_BYTES)))


@lru_cache
def _available_bytes() -> int:
    """Return the bytes of the GPU's memory that this process may use: an equal part for each of `jobs()`, if free."""
    free, total = torch.cuda.mem_get_info()
    return min(free, total // max(jobs(), 1))
