"""How much a network's last layer favours one output over another."""

import numpy as np

from stages.measures.declare import Needs, measure


def bias_gap(bias_O: np.ndarray) -> float:
    """Return the largest less the smallest bias of the last layer, in the unit of the outputs.

    Wang et al. 2023 (arXiv:2210.01019) explain the plateau of the error by this gap.

    Args:
        bias_O: Biases, shape (O,).

    Returns:
        The gap.

    Raises:
        ValueError: If there is no bias, or the array is not one-dimensional.
    """
    if bias_O.ndim != 1 or not bias_O.size:
        raise ValueError(f"want shape (O >= 1,), got {bias_O.shape}")
    return float(bias_O.max() - bias_O.min())


@measure(
    "bias_gap",
    of=("bias_gap",),
    unit="unit of the network's outputs",
    about="largest less smallest bias of the trained last layer",
    source="Wang et al. 2023",
    needs=(Needs.LAST_BIASES,),
    order=170,
)
def bias_gap_at_the_end(gaps_L: np.ndarray) -> np.ndarray:
    """Return the `bias_gap` of the network at the end of each line, shape (L,)."""
    return gaps_L
