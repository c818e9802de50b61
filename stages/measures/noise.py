"""How far min Delta depends on what batch-norm statistics are estimated from."""

import numpy as np

from stages.measures.monotonicity import min_delta


def noise_floor(values_LA: np.ndarray, repeated_LRA: np.ndarray) -> np.ndarray:
    """Return the spread of min Delta over repeated evaluations of each line: its largest less its smallest value.

    A min Delta of this size or less says nothing about the network.

    Args:
        values_LA: Loss along each line, shape (L, A).
        repeated_LRA: The same evaluated again R times, with statistics from other batches, shape (L, R, A); NaN where
            a line was not.

    Returns:
        Spread in the unit of the loss, shape (L,); NaN for a line that was evaluated once or is not finite.

    Raises:
        ValueError: If the shapes do not belong together.
    """
    lines, repeats, points = repeated_LRA.shape
    if values_LA.shape != (lines, points):
        raise ValueError(f"want shape {(lines, points)}, got {values_LA.shape}")
    again_LR = min_delta(repeated_LRA.reshape(-1, points)).reshape(lines, repeats)
    all_LR = np.concatenate([min_delta(values_LA)[:, None], again_LR], axis=1)
    return np.full(lines, np.nan) if not repeats else all_LR.max(axis=1) - all_LR.min(axis=1)
