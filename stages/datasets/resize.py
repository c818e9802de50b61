"""Images in another size."""

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from stages.datasets.splits import Splits


def resized(splits: Splits, size: int) -> Splits:
    """Return a dataset with its images resized to `size` x `size` pixels, by the antialiased bilinear filter.

    Normalisation and this filter may be exchanged: the filter's weights sum to one.
    """

    def resize(x: np.ndarray) -> np.ndarray:
        return F.interpolate(torch.from_numpy(x), (size, size), mode="bilinear", antialias=True).numpy()

    return replace(splits, train_x=resize(splits.train_x), test_x=resize(splits.test_x))
