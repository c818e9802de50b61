"""Files of a torchvision dataset that are in another place, have other names, or are still compressed."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from stages.datasets.raw_files import list_raw_files, uses_idx_format

DEPTH = 4
"""Levels of folders below the root that are searched: torchvision's layout needs two."""
MOST_FOLDERS = 2000
"""Largest number of folders that are searched."""
COMPRESSED = r"(gz|tgz|targz|zip|tar|bz2|xz)"
IDX_NAME = re.compile(rf"(train|t10k|test)(images|labels)idx[13](ubyte)?{COMPRESSED}?")
OF_MNIST_FAMILY = re.compile(r"(fashion[-_ ]?|(?<![a-z])[ekq])?mnist")


def find_misplaced_files(root: Path, vision_set: type) -> list[Path]:
    """Find files of a dataset by their names, in a folder that does not hold all of it in torchvision's layout.

    MNIST and its relatives have files with equal names, so files below a folder named after a relative are ignored.

    Args:
        root: The folder to look in, four levels deep.
        vision_set: A class of `torchvision.datasets`: one of the MNIST or of the CIFAR family.

    Returns:
        Paths in alphabetical order, including files that are in place; empty if the folder is missing.
    """
    found = []
    for folder, names in _folders(root):
        if uses_idx_format(vision_set):
            if _family_member(folder) in (None, vision_set.__name__.lower()):
                found += [folder / name for name in names if IDX_NAME.fullmatch(_squashed(name))]
            continue
        batches = {path.name for path in list_raw_files(root, vision_set)}
        archive = re.compile(rf"{vision_set.__name__.lower()}(python|binary|matlab)?{COMPRESSED}")
        whole = batches <= set(names) or folder.name == vision_set.base_folder
        found += [folder / name for name in names if (whole and name in batches) or archive.fullmatch(_squashed(name))]
    return sorted(found)


def find_complete_root(found: list[Path], vision_set: type) -> Path | None:
    """Return the parent folder of the files that holds the whole dataset in torchvision's layout, or None."""
    above = dict.fromkeys(parent for path in found for parent in list(path.resolve().parents)[:3])
    return next((root for root in above if all(path.is_file() for path in list_raw_files(root, vision_set))), None)


def _folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield the folders from `root` down to `DEPTH`, each with the names of its files."""
    level = len(root.parts)
    for count, (place, folders, names) in enumerate(os.walk(root)):
        if count == MOST_FOLDERS:
            return
        folders[:] = sorted(folders) if len(Path(place).parts) - level < DEPTH else []
        yield Path(place), sorted(names)


def _squashed(name: str) -> str:
    """Return the letters and digits of a name, in lower case."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _family_member(folder: Path) -> str | None:
    """Return the last relative of MNIST that a path names, such as `fashionmnist`; None if it names none."""
    for part in reversed(folder.absolute().parts):
        if match := OF_MNIST_FAMILY.search(part.lower()):
            return _squashed(match[0])
    return None
