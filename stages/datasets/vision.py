"""Images through torchvision: the sets it knows, and image folders of one's own."""

import http.client
import os
import tarfile
import zlib
from pathlib import Path

import numpy as np
import torch

from stages.config.params import ImageFolderSource, TorchvisionSource
from stages.datasets.image_files import image_folder, left_out, read_images
from stages.datasets.misplaced_files import misplaced_files, right_root
from stages.datasets.raw_files import DamagedSetError, check_raw_files, label_file, raw_files
from stages.datasets.splits import Splits
from stages.datasets.torchvision_operators import torchvision
from stages.shared.errors import UserError
from stages.shared.seeds import generator

ROOT_VARIABLE = "MLI_DATA_ROOT"
SETS = {  # source: name in torchvision, shape (H, W, C) of an image, number of classes
    "mnist": ("MNIST", (28, 28, 1), 10),
    "fashion_mnist": ("FashionMNIST", (28, 28, 1), 10),
    "cifar10": ("CIFAR10", (32, 32, 3), 10),
    "cifar100": ("CIFAR100", (32, 32, 3), 100),
}
DOWNLOAD_FAULTS = (RuntimeError, OSError, EOFError, http.client.HTTPException, tarfile.TarError, zlib.error)


def load_torchvision(name: str, source: TorchvisionSource) -> Splits:
    """Return a set that torchvision knows, from a root that holds it, downloaded if none does.

    Args:
        name: The dataset's name in params.yaml, for messages.
        source: The set, the root to download to, and what to normalise by.

    Returns:
        Images of shape (N, 1, 28, 28) or (N, 3, 32, 32), in the order of the set.

    Raises:
        UserError: If the set can be neither found nor downloaded.
        DamagedSetError: If a file of it is damaged.
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
    return Splits(*arrays, classes=classes)


def load_image_folder(name: str, source: ImageFolderSource) -> Splits:
    """Return images of one's own, from folders of one folder a class, as RGB of one size.

    Args:
        name: The dataset's name in params.yaml, for messages.
        source: The two folders, the size of a side, and what to normalise by.

    Returns:
        Images of shape (N, 3, size, size); classes are numbered in alphabetical order. Training images are in one
        mixed order, so that the first ones, and each batch, stand for all. Remarks count the files that are left out.

    Raises:
        UserError: If a folder is missing or has a class without images, the two differ in classes, or an image cannot
            be read.
    """
    _check_channels(name, source, 3)
    train = image_folder(f"datasets.{name}.train", source.train)
    test = image_folder(f"datasets.{name}.test", source.test)
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
        remarks += [left_out(folder)]
        remarks += (
            [f"files of several frames, of which the first is read, in {folder.root}: {several}"] if several else []
        )
    return Splits(*arrays, classes=len(train.classes), remarks=tuple(filter(None, remarks)))


def _check_channels(name: str, source: TorchvisionSource | ImageFolderSource, channels: int) -> None:
    for key, values in (("mean", source.mean), ("std", source.std)):
        if values is not None and len(values) != channels:
            raise UserError(f"datasets.{name}.{key}: got {len(values)} numbers, expected {channels}, one a channel")


def _normalised(pixels_NHWC: np.ndarray, source: TorchvisionSource | ImageFolderSource) -> np.ndarray:
    """Return bytes as float32 of shape (N, C, H, W): divided by 255, less the mean, over the deviation.

    A channel has 256 values, so each is computed once, in double precision, and looked up.
    """
    count, height, width, channels = pixels_NHWC.shape
    means = source.mean or (0.0,) * channels
    deviations = source.std or (1.0,) * channels
    x_NCHW = np.empty((count, channels, height, width), dtype=np.float32)
    for channel, (mean, deviation) in enumerate(zip(means, deviations, strict=True)):
        with np.errstate(over="ignore"):  # what is infinite is refused when the dataset is written
            values = ((np.arange(256) / 255 - mean) / deviation).astype(np.float32)
        x_NCHW[:, channel] = values[pixels_NHWC[..., channel]]
    return x_NCHW


def _root(name: str, source: TorchvisionSource, vision_set: type) -> Path:
    """Return the first root that holds every file of the set; download it to the source's own if none does.

    Raises:
        UserError: If the root of the environment has the set's files in another layout, or the download fails.
    """
    own = Path(source.root).expanduser()
    given = os.environ.get(ROOT_VARIABLE)
    for root in [Path(given).expanduser(), own] if given else [own]:
        if all(file.is_file() for file in raw_files(root, vision_set)):
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
            f"into {raw_files(own, vision_set)[0].parent}, or set {ROOT_VARIABLE} to a folder in torchvision's layout"
        ) from error
    return own


def _refuse_misplaced(name: str, root: Path, vision_set: type) -> None:
    """Raise a UserError if a root that lacks the set in torchvision's layout has files of it elsewhere."""
    found = misplaced_files(root, vision_set)
    if not found:
        return
    right = right_root(found, vision_set)
    remedy = f"set it to {right}" if right else "put them there, unpacked, or unset it to download the set"
    missing = [str(path.relative_to(root)) for path in raw_files(root, vision_set) if not path.is_file()]
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    raise UserError(
        f"datasets.{name}: {ROOT_VARIABLE} is {root}, which has files of {vision_set.__name__} ({found[0]}{more}), but "
        f"torchvision reads {', '.join(missing)} in it; {remedy}"
    )
