"""Integer seeds for each purpose, so that no two uses of one seed share a random stream."""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive(purpose: str, seed: int) -> int:
    """Return a seed of 63 bits that depends on the purpose and the seed alone."""
    return int.from_bytes(hashlib.sha256(f"{purpose}:{seed}".encode()).digest()[:8], "big") >> 1


def generator(purpose: str, seed: int) -> "torch.Generator":
    """Return a random generator on the CPU for one purpose."""
    import torch  # takes seconds to import, and `derive` does without it

    return torch.Generator().manual_seed(derive(purpose, seed))
