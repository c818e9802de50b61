"""How much min Delta depends on the batches that batch-norm statistics are estimated from."""

import numpy as np

from stages.measures.declare import Needs, measure
from stages.measures.monotonicity import min_delta


# Shape letters: L = lines, R = repeats, A = alphas along each.
@measure(
    "min_delta_noise",
    of=("loss_train", "repeated_loss"),
    unit="unit of the loss",
    about="range of min Δ over batch-norm statistics estimated from other batches",
    needs=(Needs.REPEATS,),
    order=60,
)
def noise_floor(values_LA: np.ndarray, repeated_LRA: np.ndarray) -> np.ndarray:
    """Return the range of min Delta over repeated evaluations of each line: its largest less its smallest value.

    A min Delta up to this size says nothing about the network.

    Args:
        values_LA: Loss along each line, shape (L, A).
        repeated_LRA: Loss evaluated R more times, with statistics from other batches, shape (L, R, A); NaN for a line
            that was evaluated once.

    Returns:
        Range in the unit of the loss, shape (L,); NaN for a line that was evaluated once or is not finite.

    Raises:
        ValueError: If the shapes do not agree.
    """
    lines, repeats, points = repeated_LRA.shape
    if values_LA.shape != (lines, points):
        raise ValueError(f"want shape {(lines, points)}, got {values_LA.shape}")
    again_LR = min_delta(repeated_LRA.reshape(-1, points)).reshape(lines, repeats)
    all_LR = np.concatenate([min_delta(values_LA)[:, None], again_LR], axis=1)
    return np.full(lines, np.nan) if not repeats else all_LR.max(axis=1) - all_LR.min(axis=1)
