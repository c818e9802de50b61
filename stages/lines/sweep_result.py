"""The result of a sweep along one line."""

from dataclasses import dataclass

import numpy as np


# Shape letters: A = alphas, D = parameters, G = examples of the Gauss lengths, K = of the paths, O = outputs.
@dataclass(frozen=True)
class SweepResult:
    """Values along one line."""

    loss_train: np.ndarray
    """Mean training loss, shape (A,)."""
    loss_test: np.ndarray
    """Mean test loss, shape (A,)."""
    accuracy_train: np.ndarray
    """Training accuracy, shape (A,)."""
    accuracy_test: np.ndarray
    """Test accuracy, shape (A,)."""
    gauss_smooth: np.ndarray
    """Gauss length by the paper's integral, shape (G,), in radians."""
    gauss_turning: np.ndarray
    """Total turning, corners included, shape (G,), in radians."""
    gauss_smooth_grid: np.ndarray
    """Gauss length by the paper's integral on the given alphas alone, shape (G,), in radians."""
    gauss_turning_grid: np.ndarray
    """Angles between tangents at the given alphas alone, shape (G,), in radians."""
    gauss_alphas: np.ndarray
    """Number of alphas that the Gauss lengths are computed from, shape ()."""
    gauss_change: np.ndarray
    """Largest relative change of the mean Gauss lengths when every second alpha is left out, shape ()."""
    example_start_loss: np.ndarray
    """Loss of each example at the first alpha, shape (G,)."""
    example_final_loss: np.ndarray
    """Loss of each example at the last alpha, shape (G,)."""
    example_rise: np.ndarray
    """min Delta of each example's loss, shape (G,)."""
    example_start_to_end: np.ndarray
    """Squared distance of each example's outputs at the first alpha from those at the last, shape (G,)."""
    example_rise_to_end: np.ndarray
    """min Delta of the squared distance to the outputs at the last alpha, shape (G,)."""
    paths: np.ndarray
    """Outputs for the first examples, shape (A, K, O)."""
    refined_alphas: np.ndarray
    """Fine grid of alphas around the largest rise of the training loss, shape (R,)."""
    refined_loss: np.ndarray
    """Training loss on the fine grid, shape (R,)."""
