"""Square roots with the same bits on every processor."""

import numpy as np
import torch
from torch import Tensor


def square_root(x: Tensor, out: Tensor | None = None) -> Tensor:
    """Return the square root of each element, correctly rounded.

    On a CPU `torch.sqrt` calls MKL, which on some processors refines an estimate (`rsqrtps`) whose bits differ between
    makers. NumPy uses the square-root instruction, which IEEE 754 defines to the last bit.

    Args:
        x: Any shape, float32 or float64, without gradient. A negative number gives NaN.
        out: Tensor that receives the roots, possibly x itself; None for a new one.

    Returns:
        The roots, with the shape, dtype and device of x.
    """
    out = torch.empty_like(x) if out is None else out
    if x.device.type != "cpu":
        return torch.sqrt(x, out=out)
    with np.errstate(invalid="ignore"):
        np.sqrt(x.numpy(), out=out.numpy())
    return out
