"""How much of a GPU's memory a worker process may fill, since several share one card."""

from functools import lru_cache
from math import floor, log2

import torch

from stages.workers.local import jobs

USUAL_BYTES = 2**34
"""GPU memory for which the sizes of stacks and chunks on `cuda` are chosen; 16 GiB."""


def memory_factor(kind: str) -> float:
    """Return by what the usual sizes of stacks and chunks are multiplied in this process.

    Args:
        kind: Of device, `cpu` or `cuda`.

    Returns:
        1 on a CPU and where the process's share of the GPU's memory is at least `USUAL_BYTES`; else the largest power
        of 1/2 that is at most their ratio, so that small changes of what is free change nothing.
    """
    return factor_of(_share()) if kind == "cuda" else 1.0


def factor_of(share: int) -> float:
    """Return the factor for a share of memory in bytes."""
    return min(1.0, 2.0 ** floor(log2(max(share, 1) / USUAL_BYTES)))


@lru_cache
def _share() -> int:
    """Return the bytes of the GPU's memory for this process: an equal part among `jobs()`, of what is free at most."""
    free, total = torch.cuda.mem_get_info()
    return min(free, total // max(jobs(), 1))
