"""Image datasets read by torchvision: published ones, and folders of the user's images."""

import http.client
import os
import tarfile
import zlib
from pathlib import Path

import numpy as np
import torch

from stages.datasets.image_files import describe_skipped_files, find_images, read_images
from stages.datasets.misplaced_files import find_complete_root, find_misplaced_files
from stages.datasets.raw_files import DamagedSetError, check_raw_files, label_file, list_raw_files
from stages.datasets.resize import resize_images
from stages.datasets.sources.images import ImageFolderSource, TorchvisionSource
from stages.datasets.splits import Splits
from stages.datasets.torchvision_operators import torchvision
from stages.shared.errors import UserError
from stages.shared.seeds import generator

ROOT_VARIABLE = "MLI_DATA_ROOT"
SETS = {
    "mnist": ("MNIST", (28, 28, 1), 10),
    "fashion_mnist": ("FashionMNIST", (28, 28, 1), 10),
    "cifar10": ("CIFAR10", (32, 32, 3), 10),
    "cifar100": ("CIFAR100", (32, 32, 3), 100),
}
"""Class in torchvision, shape (H, W, C) of an image, and number of classes of each source."""
DOWNLOAD_FAULTS = (RuntimeError, OSError, EOFError, http.client.HTTPException, tarfile.TarError, zlib.error)


def load_torchvision(name: str, source: TorchvisionSource) -> Splits:
    """Return one of torchvision's datasets, which is downloaded if no root holds it.

    Args:
        name: The dataset's name in params.yaml, for messages.
        source: The dataset, the root to download to, and mean and standard deviation.

    Returns:
        Images of shape (N, 1, 28, 28) or (N, 3, 32, 32), in the order of the set; of another size if the source has
        one.

    Raises:
        UserError: If the dataset can be neither found nor downloaded.
        DamagedSetError: If one of its files is damaged.
    """
    class_name, shape, classes = SETS[source.source]
    _check_channels(name, source, shape[-1])
    vision_set = getattr(torchvision.datasets, class_name)
    root = _root(name, source, vision_set)
    check_raw_files(root, vision_set)
    arrays = []
    for train in (True, False):
        try:
            split = vision_set(str(root), train=train, download=False)
            pixels = np.asarray(split.data).reshape(-1, *shape)
            labels = np.asarray(split.targets)
        except (RuntimeError, ValueError, TypeError, OSError) as error:
            raise DamagedSetError(root, vision_set, error) from error
        if labels.min() < 0 or labels.max() >= classes:
            fault = f"labels from {labels.min()} to {labels.max()}, expected 0 to {classes - 1}"
            raise DamagedSetError(label_file(root, vision_set, train), vision_set, fault)
        arrays += [_normalised(pixels, source), labels]
    return resize_images(Splits(*arrays, classes=classes), source.image_size)


def load_image_folder(name: str, source: ImageFolderSource) -> Splits:
    """Return the user's images, from folders with one subfolder per class, as RGB of one size.

    Args:
        name: The dataset's name in params.yaml, for messages.
        source: The two folders, the size of images, and mean and standard deviation.

    Returns:
        Images of shape (N, 3, size, size); classes are numbered in alphabetical order. Training images are shuffled
        once, so that the first ones are of all classes. Remarks count the files that are left out.

    Raises:
        UserError: If a folder is missing or has a class without images, the classes of the two folders differ, or an
            image cannot be read.
    """
    _check_channels(name, source, 3)
    train = find_images(f"datasets.{name}.train", source.train)
    test = find_images(f"datasets.{name}.test", source.test)
    if train.classes != test.classes:
        only = ", ".join(sorted(set(train.classes) ^ set(test.classes)))
        raise UserError(
            f"datasets.{name}: {source.train} and {source.test} differ in the class folders {only}; "
            "give both the same class folders"
        )
    arrays, remarks = [], []
    mixed = torch.randperm(len(train.samples), generator=generator("stored order", 0)).tolist()
    for folder, order in ((train, mixed), (test, range(len(test.samples)))):
        samples = [folder.samples[index] for index in order]
        pixels, several = read_images([path for path, _ in samples], source.image_size)
        arrays += [_normalised(pixels, source), np.array([label for _, label in samples])]
        remarks += [describe_skipped_files(folder)]
        remarks += (
            [f"files of several frames, of which the first is read, in {folder.root}: {several}"] if several else []
        )
    return Splits(*arrays, classes=len(train.classes), remarks=tuple(filter(None, remarks)))


def _check_channels(name: str, source: TorchvisionSource | ImageFolderSource, channels: int) -> None:
    """Raise a UserError unless mean and standard deviation have one number per channel."""
    for key, values in (("mean", source.mean), ("std", source.std)):
        if values is not None and len(values) != channels:
            raise UserError(f"datasets.{name}.{key}: got {len(values)} numbers, expected {channels}, one a channel")


def _normalised(pixels_NHWC: np.ndarray, source: TorchvisionSource | ImageFolderSource) -> np.ndarray:
    """Return bytes as float32 of shape (N, C, H, W): divided by 255, minus the mean, over the standard deviation.

    Each of the 256 values of a channel is computed once, in double precision, and looked up.
    """
    count, height, width, channels = pixels_NHWC.shape
    means = source.mean or (0.0,) * channels
    deviations = source.std or (1.0,) * channels
    x_NCHW = np.empty((count, channels, height, width), dtype=np.float32)
    for channel, (mean, deviation) in enumerate(zip(means, deviations, strict=True)):
        with np.errstate(over="ignore"):  # infinite values are refused when the dataset is written
            values = ((np.arange(256) / 255 - mean) / deviation).astype(np.float32)
        x_NCHW[:, channel] = values[pixels_NHWC[..., channel]]
    return x_NCHW


def _root(name: str, source: TorchvisionSource, vision_set: type) -> Path:
    """Return the first root that holds all files of a dataset; download it to the source's root if none does.

    Raises:
        UserError: If the root that the environment names has the files in another layout, or the download fails.
    """
    own = Path(source.root).expanduser()
    given = os.environ.get(ROOT_VARIABLE)
    for root in [Path(given).expanduser(), own] if given else [own]:
        if all(file.is_file() for file in list_raw_files(root, vision_set)):
            return root
    if given:
        _refuse_misplaced(name, Path(given).expanduser(), vision_set)
    try:
        vision_set(str(own), train=True, download=True)
    except DOWNLOAD_FAULTS as error:
        places = f"{own} (or {given})" if given else own
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"datasets.{name}: {source.source} is not in {places} and cannot be downloaded ({reason}); put its files "
            f"into {list_raw_files(own, vision_set)[0].parent}, or set {ROOT_VARIABLE} to a folder in torchvision's "
            "layout"
        ) from error
    return own


def _refuse_misplaced(name: str, root: Path, vision_set: type) -> None:
    """Raise a UserError if a root has files of a dataset, but not all of them in torchvision's layout."""
    found = find_misplaced_files(root, vision_set)
    if not found:
        return
    right = find_complete_root(found, vision_set)
    remedy = f"set it to {right}" if right else "put them there, unpacked, or unset it to download the set"
    missing = [str(path.relative_to(root)) for path in list_raw_files(root, vision_set) if not path.is_file()]
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    raise UserError(
        f"datasets.{name}: {ROOT_VARIABLE} is {root}, which has files of {vision_set.__name__} ({found[0]}{more}), but "
        f"torchvision reads {', '.join(missing)} in it; {remedy}"
    )
