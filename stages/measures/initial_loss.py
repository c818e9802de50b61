"""The loss at the start of a line."""

import numpy as np

from stages.measures.declare import PAPER, measure


@measure(
    "initial_train_loss",
    of=("loss_train",),
    unit="unit of the loss",
    about="training loss at the start of the line",
    source=PAPER,
    summarised=False,
    order=10,
)
def initial_loss(values_LA: np.ndarray) -> np.ndarray:
    """Return the loss at the first alpha of each line, shape (L,)."""
    return values_LA[:, 0]
