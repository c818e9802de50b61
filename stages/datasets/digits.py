"""The handwritten digits that scikit-learn bundles, split at random."""

import numpy as np
import sklearn.datasets
from sklearn.model_selection import train_test_split

from stages.datasets.resize import resize_images
from stages.datasets.sources.images import DigitsSource
from stages.datasets.splits import Splits
from stages.shared.errors import UserError

BRIGHTEST = 16
"""Largest value of a bundled pixel, an integer from 0."""
SPLIT_SEEDS = 2**32
"""Number of seeds that scikit-learn accepts."""


def load_digits(name: str, source: DigitsSource) -> Splits:
    """Return the 1,797 digits in a stratified split that depends only on its seed.

    Pixels are in [0, 1] before they are normalised.

    Args:
        name: The dataset's name in params.yaml, for messages.
        source: The proportion of test examples of each class, the seed of the split, and mean and standard deviation.

    Returns:
        Images of shape (N, 1, 8, 8), in the order of scikit-learn's split.

    Raises:
        UserError: If a split would lack a class, or the seed is too large.
    """
    if source.split_seed >= SPLIT_SEEDS:
        raise UserError(f"datasets.{name}.split_seed: got {source.split_seed}, expected less than {SPLIT_SEEDS}")
    bundled = sklearn.datasets.load_digits()
    mean, deviation = source.mean or 0.0, source.std or 1.0
    x = ((bundled.images / BRIGHTEST - mean) / deviation).astype(np.float32)[:, None]
    try:
        train_x, test_x, train_y, test_y = train_test_split(
            x, bundled.target, test_size=source.test_fraction, random_state=source.split_seed, stratify=bundled.target
        )
    except ValueError as error:
        raise UserError(
            f"datasets.{name}.test_fraction: got {source.test_fraction}, "
            "expected a proportion that leaves examples of every class on both sides, such as 0.2"
        ) from error
    return resize_images(Splits(train_x, train_y, test_x, test_y, classes=len(bundled.target_names)), source.image_size)
