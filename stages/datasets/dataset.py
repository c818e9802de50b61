"""A dataset in memory: normalised tensors of a training and a test split."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from stages.datasets.splits import Evaluation, read_dataset


@dataclass(frozen=True)
class Dataset:
    """A dataset in memory, normalised."""

    name: str
    """Its name in params.yaml."""
    train_x: torch.Tensor
    """Training images, float32, shape (N, C, H, W); or blocks of tokens, int64, shape (N, tokens)."""
    train_y: torch.Tensor
    """Classes of the training images, int64, shape (N,); zeros for text."""
    test_x: torch.Tensor
    """Test images, float32, shape (M, C, H, W), or blocks of tokens, int64, shape (M, tokens)."""
    test_y: torch.Tensor
    """Classes of the test images, int64, shape (M,); zeros for text."""
    classes: int
    """Number of classes, or for text number of tokens in the vocabulary."""
    checksum: str
    """SHA-256 of the name, the tensors and the number of classes."""
    evaluation: Evaluation | None = None
    """How a text is evaluated; None for images."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an example: (C, H, W), or (tokens,)."""
        return tuple(self.train_x.shape[1:])


def load_dataset(path: Path, verify: bool = True) -> Dataset:
    """Read what `save_dataset` wrote.

    Args:
        path: The file.
        verify: Whether to check the tensors against the checksum.

    Returns:
        The dataset.

    Raises:
        UserError: If the file is missing, truncated or changed, or holds no dataset.
    """
    arrays, about = read_dataset(path, verify)
    tensors = {name: torch.from_numpy(arrays[name]) for name in ("train_x", "train_y", "test_x", "test_y")}
    evaluation = Evaluation(**about["evaluation"]) if "evaluation" in about else None
    return Dataset(
        about["dataset"], **tensors, classes=about["classes"], checksum=about["sha256"], evaluation=evaluation
    )


@lru_cache(maxsize=2)
def cached_dataset(path: Path) -> Dataset:
    """Return a dataset, read once a process and without a look at its checksum, which the stage has checked."""
    return load_dataset(path, verify=False)
