"""Resizing of the images of a dataset."""

from dataclasses import replace

import numpy as np

from stages.datasets.splits import Splits


def resize_images(splits: Splits, size: int | None) -> Splits:
    """Return a dataset with its images resized to `size` x `size` pixels, by the antialiased bilinear filter.

    Normalisation and this filter may be exchanged: the filter's weights sum to one.

    Args:
        splits: The dataset, with images of shape (N, C, H, W).
        size: Number of pixels of a side; None for images as they are.

    Returns:
        The dataset, with images of shape (N, C, size, size).
    """
    if size is None:
        return splits
    import torch  # takes seconds to import
    import torch.nn.functional as F

    def resize(x: np.ndarray) -> np.ndarray:
        return F.interpolate(torch.from_numpy(x), (size, size), mode="bilinear", antialias=True).numpy()

    return replace(splits, train_x=resize(splits.train_x), test_x=resize(splits.test_x))
