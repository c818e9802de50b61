"""A dataset as it is used: tensors with splits, normalised once."""

from dataclasses import dataclass
from pathlib import Path

import torch

from stages.datasets.splits import Evaluation, read_dataset


@dataclass(frozen=True)
class Dataset:
    """A dataset as it is used: tensors in memory, normalised."""

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
    """Number of classes; of text, of tokens in the vocabulary."""
    checksum: str
    """SHA-256 of the name, the tensors and the number of classes."""
    evaluation: Evaluation | None = None
    """Of text; None for images."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an example: (C, H, W), or (tokens,)."""
        return tuple(self.train_x.shape[1:])


def load_dataset(path: Path, verify: bool = True) -> Dataset:
    """Read what `save_dataset` wrote.

    Args:
        path: The file.
        verify: Whether to hold the tensors to the checksum.

    Returns:
        The dataset.

    Raises:
        UserError: If the file is missing, truncated, changed, or no dataset.
    """
    arrays, about = read_dataset(path, verify)
    tensors = {name: torch.from_numpy(arrays[name]) for name in ("train_x", "train_y", "test_x", "test_y")}
    evaluation = Evaluation(**about["evaluation"]) if "evaluation" in about else None
    return Dataset(
        about["dataset"], **tensors, classes=about["classes"], checksum=about["sha256"], evaluation=evaluation
    )
