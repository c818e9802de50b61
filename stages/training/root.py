"""Square roots that are the same on every processor."""

import numpy as np
import torch
from torch import Tensor


def square_root(x: Tensor, out: Tensor | None = None) -> Tensor:
    """Return the square root of each number, correctly rounded.

    `torch.sqrt` on a CPU is MKL's, which on AMD's and by its branch COMPATIBLE refines the estimate of an instruction
    (`rsqrtps`) that has other bits by each maker. NumPy's is the instruction that IEEE 754 defines to the last bit.

    Args:
        x: Any shape, float32 or float64, without gradient. A negative number gives NaN.
        out: Where to write them, perhaps x itself.

    Returns:
        The roots, of x's shape, dtype and device.
    """
    out = torch.empty_like(x) if out is None else out
    if x.device.type != "cpu":
        return torch.sqrt(x, out=out)
    with np.errstate(invalid="ignore"):
        np.sqrt(x.numpy(), out=out.numpy())
    return out
