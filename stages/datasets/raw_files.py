"""The files of torchvision's datasets: their paths below a root, and checks that they are complete."""

from pathlib import Path

import numpy as np

from stages.datasets.torchvision_operators import torchvision
from stages.shared.errors import DamagedError

IDX_MAGIC = {"images": 0x803, "labels": 0x801}  # unsigned bytes in three dimensions, and in one
IMAGE_SHAPE = {"images": (28, 28), "labels": ()}


class DamagedSetError(DamagedError):
    """A file or folder of a torchvision dataset is damaged."""

    def __init__(self, path: Path, vision_set: type, fault: object) -> None:
        """Write one sentence with the file, the fault and the remedy."""
        reason = " ".join(str(fault).split())
        super().__init__(
            f"{path} is no whole part of {vision_set.__name__} ({reason}); replace it, or delete it to download it anew"
        )


def list_raw_files(root: Path, vision_set: type) -> list[Path]:
    """List the files that torchvision reads a dataset from.

    Args:
        root: A folder in torchvision's layout.
        vision_set: A class of `torchvision.datasets`: one of the MNIST or of the CIFAR family.

    Returns:
        Paths, whether the files exist or not.
    """
    if uses_idx_format(vision_set):
        return [_idx_file(root, vision_set, train, kind) for train in (True, False) for kind in IDX_MAGIC]
    return [path for path, _ in _batches(root, vision_set)]


def label_file(root: Path, vision_set: type, train: bool) -> Path:
    """Return the file with the labels of a split, or the first of several."""
    if uses_idx_format(vision_set):
        return _idx_file(root, vision_set, train, "labels")
    return root / vision_set.base_folder / (vision_set.train_list if train else vision_set.test_list)[0][0]


def check_raw_files(root: Path, vision_set: type) -> None:
    """Check the files of a dataset, and name the damaged one, which torchvision would not.

    Args:
        root: A folder that holds the dataset in torchvision's layout.
        vision_set: A class of `torchvision.datasets`: one of the MNIST or of the CIFAR family.

    Raises:
        DamagedSetError: If a file is damaged, or the numbers of labels and images differ.
    """
    if uses_idx_format(vision_set):
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


def uses_idx_format(vision_set: type) -> bool:
    """Return whether a dataset's files are in the IDX format, as those of MNIST and its relatives."""
    return issubclass(vision_set, torchvision.datasets.MNIST)


def _idx_file(root: Path, vision_set: type, train: bool, kind: str) -> Path:
    """Return the path of an IDX file with the images or the labels of a split."""
    dimensions = IDX_MAGIC[kind] % 256
    return root / vision_set.__name__ / "raw" / f"{'train' if train else 't10k'}-{kind}-idx{dimensions}-ubyte"


def _batches(root: Path, vision_set: type) -> list[tuple[Path, str]]:
    """Return the files of a CIFAR dataset, each with its MD5 checksum."""
    files = [*vision_set.train_list, *vision_set.test_list, (vision_set.meta["filename"], vision_set.meta["md5"])]
    return [(root / vision_set.base_folder / file, md5) for file, md5 in files]


def _idx_count(path: Path, vision_set: type, kind: str) -> int:
    """Return the number of examples in an IDX file; refuse it if its header and size disagree."""
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
