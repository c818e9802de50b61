"""Memory: how many examples fit into it at once, and smaller batches where it was too little."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

Result = TypeVar("Result")
SHARE = 0.25
"""Share of the free memory that the activations of a batch may take."""
LIVE_LAYERS = 8
"""Number of tensors as large as the largest activation that live at once, with temporary ones and derivatives."""
WORDS = ("out of memory", "can't allocate memory", "not enough memory", "std::bad_alloc")
"""Parts of the messages by which PyTorch and its libraries say that memory is short."""
UNKNOWN = 2**32
"""Bytes that are taken to be free where the system does not say."""


def free_bytes(device: torch.device) -> int:
    """Return the bytes of memory that this process may still take, on a processor or a GPU."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        free = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return UNKNOWN
    try:  # a container may have less than its machine
        limit, parts = (Path(f"/sys/fs/cgroup/memory.{name}").read_text(encoding="utf-8") for name in ("max", "stat"))
        return min(free, int(limit) - int(parts.split()[1]))  # the first part is the memory of processes, "anon"
    except (OSError, ValueError):
        return free


def rows_that_fit(numbers: int, device: torch.device) -> int:
    """Return how many examples fit into memory at once, at least one.

    Args:
        numbers: Largest number of outputs of a layer for one example.
        device: Where they are computed.
    """
    return max(1, int(SHARE * free_bytes(device)) // (LIVE_LAYERS * 4 * max(numbers, 1)))


def with_smaller_batches(compute: Callable[[int], Result], rows: int, say: Callable[[str], None]) -> tuple[Result, int]:
    """Call a function with a number of examples at once, and with half as many as long as memory is too little.

    Args:
        compute: The function.
        rows: The number of examples to begin with.
        say: Called with a sentence each time that memory was too little.

    Returns:
        What the function returns, and the number of examples that it had.

    Raises:
        RuntimeError: If memory is too little even for a single example, or something else is wrong.
        MemoryError: Likewise, as Python says it.
    """
    while True:
        try:
            return compute(rows), rows
        except (RuntimeError, MemoryError) as error:
            if rows == 1 or not (isinstance(error, MemoryError) or any(word in str(error) for word in WORDS)):
                raise
        rows = max(1, rows // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        say(f"memory was too little; trying {rows} examples at once")
