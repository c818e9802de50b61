"""Image files of a folder with one subfolder per class: the examples, the files left out, and the pixels."""

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
"""Suffixes of files that are examples: torchvision's, and other formats of still images that Pillow reads."""
SYSTEM_FILES = ("desktop.ini", "thumbs.db")
"""Files that Windows creates in folders of images."""
WIDE_MODES = ("I", "F", "I;16", "I;16B", "I;16L")
"""Pillow's modes with more than 8 bits per channel."""
DECODING_FAULTS = (
    *(OSError, SyntaxError, ValueError, LookupError, RuntimeError, TypeError, EOFError),
    *(struct.error, Image.DecompressionBombError),
)
"""Errors that Pillow's decoders raise for damaged files."""


def find_images(key: str, path: str) -> "torchvision.datasets.DatasetFolder":
    """Find the examples of a split and their classes, without reading them.

    Args:
        key: The key in params.yaml that names the folder, for messages.
        path: A folder with one subfolder per class.

    Returns:
        Torchvision's folder, whose `samples` are paths with their classes, in alphabetical order.

    Raises:
        UserError: If the folder is missing, has no subfolder, or one without images.
    """
    try:
        return torchvision.datasets.DatasetFolder(str(Path(path).expanduser()), Image.open, ENDINGS)
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise UserError(f"{key}: {path} is no folder of one folder of images a class ({reason}); mend it") from error


def describe_skipped_files(folder: "torchvision.datasets.DatasetFolder") -> str:
    """Describe the files of a folder that are no examples, counted by suffix.

    Args:
        folder: The folder that `find_images` returned.

    Returns:
        A remark such as `left out of data/train: 2 .heic, 1 .txt`; empty if nothing is left out except hidden files
        and files that an operating system creates.
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
    """Return counts of suffixes as text, the most frequent first."""
    return ", ".join(
        f"{count} {ending}" for ending, count in sorted(endings.items(), key=lambda item: (-item[1], item[0]))
    )


def read_images(paths: list[str], size: int) -> tuple[np.ndarray, int]:
    """Read images in parallel threads.

    Args:
        paths: The files.
        size: Height and width of the resized images, in pixels.

    Returns:
        RGB bytes of shape (N, size, size, 3) in the order of `paths`, and the number of files with several frames, of
        which the first is read.

    Raises:
        UserError: If an image cannot be read, or has more than 8 bits per channel.
    """
    pixels_NHWC = np.empty((len(paths), size, size, 3), dtype=np.uint8)

    def read(index: int) -> bool:
        pixels_NHWC[index], several = read_image(paths[index], size)
        return several

    with ThreadPoolExecutor() as pool:  # Pillow releases the GIL while it decodes
        return pixels_NHWC, sum(pool.map(read, range(len(paths))))


def read_image(path: str, size: int) -> tuple[np.ndarray, bool]:
    """Read one image, resized by Pillow's antialiased bilinear filter.

    Args:
        path: The file.
        size: Height and width of the resized image, in pixels.

    Returns:
        RGB bytes of shape (size, size, 3), and whether the file has further frames.

    Raises:
        UserError: If the image cannot be read, or has more than 8 bits per channel, which Pillow would clip.
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
