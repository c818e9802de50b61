"""Image files in folders of one folder a class: which of them are examples, which are left out, and their pixels."""

import os
import struct
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from stages.datasets.torchvision_operators import torchvision
from stages.shared.errors import UserError

ENDINGS = (
    *torchvision.datasets.folder.IMG_EXTENSIONS,
    *(".apng", ".avif", ".dib", ".gif", ".ico", ".j2k", ".jfif"),
    *(".jp2", ".jpe", ".pbm", ".pcx", ".pnm", ".qoi", ".tga"),
)
"""Endings of the files that are examples: torchvision's, and other formats of still images that Pillow reads."""
SYSTEM_FILES = ("desktop.ini", "thumbs.db")  # Windows makes them in folders of images
WIDE_MODES = ("I", "F", "I;16", "I;16B", "I;16L")  # of Pillow, with more than 8 bits a channel
DECODING_FAULTS = (  # by Pillow's decoders of damaged files
    *(OSError, SyntaxError, ValueError, LookupError, RuntimeError, TypeError, EOFError),
    *(struct.error, Image.DecompressionBombError),
)


def image_folder(key: str, path: str) -> "torchvision.datasets.DatasetFolder":
    """Find the examples of a split and their classes; nothing is read yet.

    Args:
        key: The key in params.yaml that names the folder, for messages.
        path: A folder of one folder a class.

    Returns:
        Torchvision's folder: `samples` are paths with their classes, in alphabetical order.

    Raises:
        UserError: If the folder is missing, holds no folder, or one without images.
    """
    try:
        return torchvision.datasets.DatasetFolder(str(Path(path).expanduser()), Image.open, ENDINGS)
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise UserError(f"{key}: {path} is no folder of one folder of images a class ({reason}); mend it") from error


def left_out(folder: "torchvision.datasets.DatasetFolder") -> str:
    """Describe the files of a folder that are no examples, counted by their endings.

    Args:
        folder: What `image_folder` found.

    Returns:
        A remark such as `left out of data/train: 2 .heic, 1 .txt`; empty where nothing is left out but hidden files
        and those that an operating system makes.
    """
    examples = {path for path, _ in folder.samples}
    within: Counter[str] = Counter()
    outside: Counter[str] = Counter()
    for place, folders, names in os.walk(folder.root, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            own = name.startswith(".") or name.lower() in SYSTEM_FILES
            if not own and os.path.join(place, name) not in examples:
                (outside if place == folder.root else within)[Path(name).suffix.lower() or "without ending"] += 1
    parts = [_counted(within)] if within else []
    parts += [f"{_counted(outside)} outside of the class folders"] if outside else []
    return f"left out of {folder.root}: {'; '.join(parts)}" if parts else ""


def _counted(endings: Counter[str]) -> str:
    return ", ".join(
        f"{count} {ending}" for ending, count in sorted(endings.items(), key=lambda item: (-item[1], item[0]))
    )


def read_images(paths: list[str], size: int) -> tuple[np.ndarray, int]:
    """Read images with threads.

    Args:
        paths: The files.
        size: Pixels of a side.

    Returns:
        RGB bytes of shape (N, size, size, 3) in the order of `paths`, and the number of files with several frames, of
        which the first is read.

    Raises:
        UserError: As `read_image`.
    """
    pixels_NHWC = np.empty((len(paths), size, size, 3), dtype=np.uint8)

    def read(index: int) -> bool:
        pixels_NHWC[index], several = read_image(paths[index], size)
        return several

    with ThreadPoolExecutor() as pool:  # Pillow decodes outside the interpreter's lock
        return pixels_NHWC, sum(pool.map(read, range(len(paths))))


def read_image(path: str, size: int) -> tuple[np.ndarray, bool]:
    """Read one image, resized by Pillow's antialiased bilinear filter.

    Args:
        path: The file.
        size: Pixels of a side.

    Returns:
        RGB bytes of shape (size, size, 3), and whether the file has more frames than this first one.

    Raises:
        UserError: If it cannot be read, or has more than 8 bits a channel, which Pillow would clip.
    """
    try:
        with Image.open(path) as image:
            if image.mode in WIDE_MODES:
                raise UserError(f"{path} has more than 8 bits a channel; convert it to 8 bits")
            several = getattr(image, "is_animated", False)
            image = image.convert("RGB")
    except DECODING_FAULTS as error:
        raise UserError(
            f"{path} is no readable image ({str(error) or type(error).__name__}); replace or remove it"
        ) from error
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image), several
