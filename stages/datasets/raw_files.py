"""The files that torchvision reads its sets from: where they lie under a root, and whether they are whole."""

from pathlib import Path

import numpy as np

from stages.datasets.torchvision_operators import torchvision
from stages.shared.errors import DamagedError

IDX_MAGIC = {"images": 0x803, "labels": 0x801}  # unsigned bytes, in three dimensions and in one
IMAGE_SHAPE = {"images": (28, 28), "labels": ()}


class DamagedSetError(DamagedError):
    """A file, or a folder of files, that is not what torchvision's set should be."""

    def __init__(self, path: Path, vision_set: type, fault: object) -> None:
        """Put the fault and the remedy into one sentence."""
        reason = " ".join(str(fault).split())
        super().__init__(
            f"{path} is no whole part of {vision_set.__name__} ({reason}); replace it, or delete it to download it anew"
        )


def raw_files(root: Path, vision_set: type) -> list[Path]:
    """Return the files that torchvision reads a set from.

    Args:
        root: A folder in torchvision's layout.
        vision_set: A class of `torchvision.datasets`: one of the MNIST or of the CIFAR family.

    Returns:
        Their paths, whether they are there or not.
    """
    if is_idx(vision_set):
        return [_idx_file(root, vision_set, train, kind) for train in (True, False) for kind in IDX_MAGIC]
    return [path for path, _ in _batches(root, vision_set)]


def label_file(root: Path, vision_set: type, train: bool) -> Path:
    """Return the (first) file with the labels of a split."""
    if is_idx(vision_set):
        return _idx_file(root, vision_set, train, "labels")
    return root / vision_set.base_folder / (vision_set.train_list if train else vision_set.test_list)[0][0]


def check_raw_files(root: Path, vision_set: type) -> None:
    """Refuse a damaged file by its name; torchvision itself would name none.

    Args:
        root: A folder that holds the set.
        vision_set: As for `raw_files`.

    Raises:
        DamagedSetError: If a file is damaged, or there are not as many labels as images.
    """
    if is_idx(vision_set):
        for train in (True, False):
            images = _idx_count(_idx_file(root, vision_set, train, "images"), vision_set, "images")
            path = _idx_file(root, vision_set, train, "labels")
            labels = _idx_count(path, vision_set, "labels")
            if labels != images:
                raise DamagedSetError(path, vision_set, f"{labels} labels for {images} images")
        return
    for path, md5 in _batches(root, vision_set):
        if not torchvision.datasets.utils.check_integrity(path, md5):
            raise DamagedSetError(path, vision_set, f"its MD5 is not {md5}")


def is_idx(vision_set: type) -> bool:
    """Return whether the set's files are in the IDX format: MNIST and its relatives, not the CIFAR family."""
    return issubclass(vision_set, torchvision.datasets.MNIST)


def _idx_file(root: Path, vision_set: type, train: bool, kind: str) -> Path:
    dimensions = IDX_MAGIC[kind] % 256
    return root / vision_set.__name__ / "raw" / f"{'train' if train else 't10k'}-{kind}-idx{dimensions}-ubyte"


def _batches(root: Path, vision_set: type) -> list[tuple[Path, str]]:
    """Return the files of a CIFAR set, each with its MD5."""
    files = [*vision_set.train_list, *vision_set.test_list, (vision_set.meta["filename"], vision_set.meta["md5"])]
    return [(root / vision_set.base_folder / file, md5) for file, md5 in files]


def _idx_count(path: Path, vision_set: type, kind: str) -> int:
    """Return the number of examples in an idx file, once its header and its size agree."""
    shape = IMAGE_SHAPE[kind]
    header_size = 4 * (2 + len(shape))
    with path.open("rb") as file:
        header = file.read(header_size)
    size = path.stat().st_size
    if len(header) < header_size:
        raise DamagedSetError(path, vision_set, f"{size} bytes, less than a header")
    magic, count, *sides = np.frombuffer(header, dtype=">u4").tolist()
    if magic != IDX_MAGIC[kind]:
        raise DamagedSetError(path, vision_set, f"it begins with {magic:#x}, expected {IDX_MAGIC[kind]:#x}")
    if tuple(sides) != shape:
        raise DamagedSetError(path, vision_set, f"images of {sides}, expected {list(shape)}")
    expected = header_size + count * int(np.prod(shape))
    if size != expected or not count:
        raise DamagedSetError(path, vision_set, f"{size} bytes for {count} examples, expected {expected}")
    return count
