"""A dataset: tensors with splits, normalised once, in one file with a checksum."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from stages.errors import UserError
from stages.files import read_about, read_arrays, write_arrays


@dataclass(frozen=True)
class Splits:
    """What a source gives: normalised images and their classes, to be written."""

    train_x: np.ndarray
    """Training images, float32, shape (N, C, H, W)."""
    train_y: np.ndarray
    """Classes of the training images, integers from 0, shape (N,)."""
    test_x: np.ndarray
    """Test images, float32, shape (M, C, H, W)."""
    test_y: np.ndarray
    """Classes of the test images, shape (M,)."""
    classes: int
    """Number of classes."""


@dataclass(frozen=True)
class Dataset:
    """A dataset as it is used: tensors in memory, normalised."""

    name: str
    """Its name in params.yaml."""
    train_x: torch.Tensor
    """Training images, float32, shape (N, C, H, W)."""
    train_y: torch.Tensor
    """Classes of the training images, int64, shape (N,)."""
    test_x: torch.Tensor
    """Test images, float32, shape (M, C, H, W)."""
    test_y: torch.Tensor
    """Classes of the test images, int64, shape (M,)."""
    classes: int
    """Number of classes."""
    checksum: str
    """SHA-256 of the name, the tensors and the number of classes."""


def save_dataset(path: Path, name: str, splits: Splits) -> str:
    """Check a dataset and write it; equal datasets are equal bytes.

    Args:
        path: The file.
        name: The dataset's name in params.yaml.
        splits: What its source gave.

    Returns:
        The checksum.

    Raises:
        UserError: If a split is empty or disagrees in shape, a class is out of range, or a value is not finite.
    """
    _check_split(name, "training", splits.train_x, splits.train_y, splits.classes)
    _check_split(name, "test", splits.test_x, splits.test_y, splits.classes)
    if splits.train_x.shape[1:] != splits.test_x.shape[1:]:
        shapes = f"{splits.train_x.shape[1:]} and {splits.test_x.shape[1:]}"
        raise UserError(f"datasets.{name}: training and test images differ in shape, {shapes}; mend its files")
    arrays = {
        "train_x": splits.train_x.astype(np.float32, copy=False),
        "train_y": splits.train_y.astype(np.int64, copy=False),
        "test_x": splits.test_x.astype(np.float32, copy=False),
        "test_y": splits.test_y.astype(np.int64, copy=False),
    }
    write_arrays(path, arrays, {"dataset": name, "classes": splits.classes})
    return read_about(path)["sha256"]


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
    arrays, about = read_arrays(path, verify)
    try:
        return Dataset(
            name=about["dataset"],
            train_x=torch.from_numpy(arrays["train_x"]),
            train_y=torch.from_numpy(arrays["train_y"]),
            test_x=torch.from_numpy(arrays["test_x"]),
            test_y=torch.from_numpy(arrays["test_y"]),
            classes=about["classes"],
            checksum=about["sha256"],
        )
    except KeyError as error:
        raise UserError(f"{path} is no dataset (it has no {error}); delete it and run `dvc repro`") from error


def _check_split(name: str, split: str, x: np.ndarray, y: np.ndarray, classes: int) -> None:
    if x.ndim != 4 or y.shape != (len(x),) or not x.size:
        raise UserError(
            f"datasets.{name}: got {split} images of shape {x.shape} and classes of shape {y.shape}, "
            "expected (N, C, H, W) and (N,), N at least 1; mend its files"
        )
    if y.min() < 0 or y.max() >= classes:
        got = f"{y.min()} to {y.max()}"
        raise UserError(f"datasets.{name}: got {split} classes {got}, expected 0 to {classes - 1}; mend its files")
    if not np.isfinite(x).all():
        raise UserError(
            f"datasets.{name}: a {split} image is not finite after normalisation; mend its files or its std"
        )
