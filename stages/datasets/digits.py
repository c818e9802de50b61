"""scikit-learn's bundled handwritten digits, split once."""

import numpy as np
import sklearn.datasets
from sklearn.model_selection import train_test_split

from stages.config.params import DigitsSource
from stages.datasets.splits import Splits
from stages.shared.errors import UserError

BRIGHTEST = 16  # of the bundled pixels, whole numbers from 0
SPLIT_SEEDS = 2**32  # of scikit-learn


def load_digits(name: str, source: DigitsSource) -> Splits:
    """Return the 1,797 digits in a stratified split that depends on its seed alone, pixels in [0, 1] if not normalised.

    Args:
        name: The dataset's name in params.yaml, for messages.
        source: The proportion of test examples of every class, the seed of the split, and what to normalise by.

    Returns:
        Images of shape (N, 1, 8, 8); examples are in the order that the split gives.

    Raises:
        UserError: If a split would miss a class, or the seed is too large.
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
    return Splits(train_x, train_y, test_x, test_y, classes=len(bundled.target_names))
