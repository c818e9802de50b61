"""How differently a network's last layer favours its outputs."""

import numpy as np


def bias_gap(bias_O: np.ndarray) -> float:
    """Return the largest less the smallest bias of the last layer, in the unit of the outputs.

    The gap that Wang et al. 2023 (arXiv:2210.01019) make responsible for the plateau of the error.

    Args:
        bias_O: Biases, shape (O,).

    Returns:
        The gap.

    Raises:
        ValueError: If there is none.
    """
    if bias_O.ndim != 1 or not bias_O.size:
        raise ValueError(f"want shape (O >= 1,), got {bias_O.shape}")
    return float(bias_O.max() - bias_O.min())
