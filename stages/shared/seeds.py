"""Seeds for each purpose, so that two uses of one seed never share a random stream."""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive(purpose: str, seed: int) -> int:
    """Return a seed of 63 bits that depends only on the purpose and the seed."""
    return int.from_bytes(hashlib.sha256(f"{purpose}:{seed}".encode()).digest()[:8], "big") >> 1


def generator(purpose: str, seed: int) -> "torch.Generator":
    """Return a random generator on the CPU for one purpose."""
    import torch  # takes seconds to import, and `derive` does not need it

    return torch.Generator().manual_seed(derive(purpose, seed))
