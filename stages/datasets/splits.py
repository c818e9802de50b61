"""The file of a dataset: normalised splits with a checksum, written and read without PyTorch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.shared.errors import UserError
from stages.shared.files import read_arrays, read_header, write_arrays


@dataclass(frozen=True)
class Evaluation:
    """The blocks of a text on which losses are evaluated."""

    examples: int
    """Largest number of blocks per split."""
    seed: int
    """Seed of the choice of training blocks and of the masked tokens."""


@dataclass(frozen=True)
class Splits:
    """The splits that a source returns: normalised images and their classes, or blocks of tokens."""

    train_x: np.ndarray
    """Training images, float32, shape (N, C, H, W); or blocks of tokens, int64, shape (N, tokens)."""
    train_y: np.ndarray
    """Classes of the training images, integers from 0, shape (N,); zeros for text."""
    test_x: np.ndarray
    """Test images, float32, shape (M, C, H, W), or blocks of tokens, int64, shape (M, tokens)."""
    test_y: np.ndarray
    """Classes of the test images, shape (M,); zeros for text."""
    classes: int
    """Number of classes, or for text number of tokens in the vocabulary."""
    evaluation: Evaluation | None = None
    """How a text is evaluated; None for images."""
    tokenizer: bytes = b""
    """The tokenizer of a text, as JSON of Hugging Face's library; empty for images."""
    remarks: tuple[str, ...] = ()
    """Lines that stage `download` prints about files that were not read; not part of the dataset."""


@dataclass(frozen=True)
class Description:
    """Properties of a dataset that stages need before they compute anything."""

    shape: tuple[int, ...]
    """Shape of an example: (C, H, W), or (tokens,)."""
    classes: int
    """Number of classes, or for text number of tokens in the vocabulary."""
    examples: int
    """Number of training examples."""
    checksum: str
    """SHA-256 of the name, the arrays and the number of classes."""


def save_dataset(path: Path, name: str, splits: Splits) -> str:
    """Check a dataset and write it; equal datasets give files with equal bytes.

    Args:
        path: The file.
        name: The dataset's name in params.yaml.
        splits: The splits from its source.

    Returns:
        The checksum.

    Raises:
        UserError: If a split is empty or disagrees in shape, a class is out of range, or a value is not finite.
    """
    check = _check_split if splits.evaluation is None else _check_blocks
    check(name, "training", splits.train_x, splits.train_y, splits.classes)
    check(name, "test", splits.test_x, splits.test_y, splits.classes)
    if splits.train_x.shape[1:] != splits.test_x.shape[1:]:
        shapes = f"{splits.train_x.shape[1:]} and {splits.test_x.shape[1:]}"
        raise UserError(f"datasets.{name}: training and test images differ in shape, {shapes}; mend its files")
    numbers = np.float32 if splits.evaluation is None else np.int64
    arrays = {
        "train_x": splits.train_x.astype(numbers, copy=False),
        "train_y": splits.train_y.astype(np.int64, copy=False),
        "test_x": splits.test_x.astype(numbers, copy=False),
        "test_y": splits.test_y.astype(np.int64, copy=False),
    }
    about: dict = {"dataset": name, "classes": splits.classes}
    if splits.evaluation is not None:
        arrays["tokenizer"] = np.frombuffer(splits.tokenizer, dtype=np.uint8)
        about["evaluation"] = vars(splits.evaluation)
    write_arrays(path, arrays, about)
    return read_header(path)["sha256"]


def read_dataset(path: Path, verify: bool = True) -> tuple[dict[str, np.ndarray], dict]:
    """Return the arrays and the header of a dataset's file.

    Args:
        path: The file.
        verify: Whether to check the arrays against the checksum.

    Returns:
        The arrays by name, and the header.

    Raises:
        UserError: If the file is missing, truncated or changed, or holds no dataset.
    """
    arrays, about = read_arrays(path, verify)
    missing = [name for name in ("train_x", "train_y", "test_x", "test_y") if name not in arrays]
    missing += [name for name in ("dataset", "classes") if name not in about]
    if missing:
        raise UserError(f"{path} is no dataset (it has no {missing[0]!r}); delete it and run `dvc repro`")
    return arrays, about


def describe_dataset(path: Path) -> Description:
    """Read the properties of a dataset, and check its arrays against the checksum.

    Args:
        path: The file.

    Returns:
        The description.

    Raises:
        UserError: If the file is missing, truncated or changed, or holds no dataset.
    """
    arrays, about = read_dataset(path)
    train_x = arrays["train_x"]
    return Description(tuple(train_x.shape[1:]), about["classes"], len(train_x), about["sha256"])


def _check_split(name: str, split: str, x: np.ndarray, y: np.ndarray, classes: int) -> None:
    """Raise a UserError if images or classes of a split have wrong shapes or values."""
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


def _check_blocks(name: str, split: str, x: np.ndarray, y: np.ndarray, classes: int) -> None:
    """Raise a UserError if the blocks of tokens of a split have a wrong shape or wrong values."""
    if x.ndim != 2 or not x.size or not np.issubdtype(x.dtype, np.integer) or y.shape != (len(x),):
        raise UserError(
            f"datasets.{name}: got {split} blocks of shape {x.shape} and type {x.dtype}, expected (N, tokens) of whole "
            "numbers, N at least 1; mend its file"
        )
    if x.min() < 0 or x.max() >= classes:
        got = f"{x.min()} to {x.max()}"
        raise UserError(f"datasets.{name}: got {split} tokens {got}, expected 0 to {classes - 1}; mend its file")
