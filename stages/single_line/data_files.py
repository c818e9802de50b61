"""Data named on the command line: a dataset of the project, a folder of images, or a file of tensors."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from stages.config.discovery import find_classes, import_named
from stages.config.source import Source
from stages.datasets.image_files import find_images, read_images
from stages.shared.errors import UserError
from stages.single_line.examples import Examples, examples_of

TRAINING_FOLDERS = ("train", "training")
TEST_FOLDERS = ("test", "val", "valid", "validation")
NAMES = {
    "x": ("x", "train_x", "x_train", "images", "train_images", "inputs", "data", "input_ids"),
    "y": ("y", "train_y", "y_train", "labels", "train_labels", "targets"),
    "test_x": ("test_x", "x_test", "test_images"),
    "test_y": ("test_y", "y_test", "test_labels"),
}
"""Names under which files of tensors hold inputs and targets; the first that is there is read."""
CHANNELS = (1, 3, 4)
"""Numbers of channels by which images with channels last are told from those with channels first."""

SOURCES = find_classes("stages.datasets.sources", Source)


def load_data(named: str, size: int | None = None, transform: Callable | None = None) -> Examples:
    """Load the data that the command line names.

    Args:
        named: A dataset that the project can load (`digits`, `cifar10`, ...), a folder with one folder of images for
            each class (or such folders in `train` and `test`), or a file .npz, .pt or .safetensors of tensors.
        size: Side of images in pixels, for a folder without a transform; None if they all have one size.
        transform: A function of a PIL image that returns a tensor, for a folder; None for pixels in [0, 1].

    Returns:
        The examples.

    Raises:
        UserError: If there are no such data, or they cannot be read.
    """
    path = Path(named).expanduser()
    sources = _named_sources()
    if named in sources and not path.exists():
        return _from_source(named, sources[named])
    if path.is_dir():
        return _from_folder(path, size, transform)
    if not path.is_file():
        raise UserError(
            f"--data: there is no file or folder {named}; name one, or a dataset: {', '.join(sorted(sources))}"
        )
    return _from_file(path)


def _named_sources() -> dict[str, type[Source]]:
    """Return the sources that need nothing but their name, by it."""
    found: dict[str, type[Source]] = {}
    for kind in SOURCES:
        fields = kind.model_fields
        if not any(field.is_required() for name, field in fields.items() if name != "source"):
            found |= dict.fromkeys(get_args(fields["source"].annotation), kind)
    return found


def _from_source(name: str, kind: type[Source]) -> Examples:
    source = kind(source=name)
    splits = import_named("stages.datasets", source.loader)(name, source)
    arrays = (splits.train_x, splits.train_y, splits.test_x, splits.test_y)
    x, y, test_x, test_y = (torch.from_numpy(np.ascontiguousarray(array)) for array in arrays)
    return Examples(x, y, test_x, test_y, name).checked()


def _from_folder(path: Path, size: int | None, transform: Callable | None) -> Examples:
    train, test = (
        next((path / name for name in names if (path / name).is_dir()), None)
        for names in (TRAINING_FOLDERS, TEST_FOLDERS)
    )
    folders = [find_images("--data", str(folder)) for folder in (train or path, test if train else None) if folder]
    if len(folders) == 2 and folders[0].classes != folders[1].classes:
        raise UserError(f"--data: {train} and {test} have other classes; give both the same folders")
    tensors: list[Any] = []
    for folder in folders:
        paths = [path for path, _ in folder.samples]
        pixels = _transformed(paths, transform) if transform else _pixels(paths, size)
        tensors += [pixels, torch.tensor([label for _, label in folder.samples])]
    classes = f"{len(folders[0].classes)} classes: {', '.join(folders[0].classes[:5])}"
    remark = f"{path.name}: {classes}{', ...' if len(folders[0].classes) > 5 else ''}."
    return replace(Examples(*tensors), name=str(path), remarks=(remark,)).checked()


def _pixels(paths: list[str], size: int | None) -> Tensor:
    from PIL import Image

    if size is None:
        sizes = set()
        for path in paths:
            with Image.open(path) as image:
                sizes.add(image.size)
        if len(sizes) > 1 or len(set(*sizes)) > 1:
            raise UserError("--data: its images are not squares of one size; give --size PIXELS or --transform")
        size = next(iter(sizes))[0]
    pixels_NHWC, _ = read_images(paths, size)
    return torch.from_numpy(pixels_NHWC).permute(0, 3, 1, 2).contiguous().float() / 255


def _transformed(paths: list[str], transform: Callable) -> Tensor:
    from PIL import Image

    found = []
    for path in paths:
        try:
            with Image.open(path) as image:
                found.append(torch.as_tensor(transform(image.convert("RGB"))))
        except Exception as error:
            said = " ".join(str(error).split())
            raise UserError(f"--transform: it fails for {path} ({type(error).__name__}: {said}); mend it") from error
    if len({value.shape for value in found}) > 1:
        raise UserError("--transform: it gives images of several shapes; have it resize or crop to one")
    return torch.stack(found)


def _from_file(path: Path) -> Examples:
    """Read inputs and targets from a file of tensors, without running any code in it."""
    content = _read(path)
    if isinstance(content, tuple | list):
        data = examples_of(content)
        tensors: dict[str, Any] = {"x": data.x, "y": data.y, "test_x": data.test_x, "test_y": data.test_y}
    else:
        tensors = {key: next((content[n] for n in names if n in content), None) for key, names in NAMES.items()}
    if tensors["x"] is None or tensors["y"] is None:
        lacking = "x" if tensors["x"] is None else "y"
        has = ", ".join(map(str, list(content)[:5]))
        raise UserError(f"{path} has no {' or '.join(NAMES[lacking])}, but {has}; name its tensors x and y")
    values: dict[str, Any] = {key: value if value is None else torch.as_tensor(value) for key, value in tensors.items()}
    remarks: list[str] = []
    for key in ("x", "test_x"):
        value = values[key]
        if value is not None and value.dtype == torch.uint8:
            values[key] = _channels_first(value)
            remarks = [f"{path.name}: bytes are divided by 255; images are taken channels first."]
    return replace(Examples(**values), name=str(path), remarks=tuple(remarks)).checked()


def _channels_first(pixels: Tensor) -> Tensor:
    """Return bytes as numbers from 0 to 1, with channels first if they are last."""
    if pixels.dim() == 4 and pixels.shape[-1] in CHANNELS and pixels.shape[1] not in CHANNELS:
        pixels = pixels.permute(0, 3, 1, 2)
    return pixels.contiguous().float() / 255


def _read(path: Path) -> Mapping[str, Any] | tuple | list:
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can raise any error
        said = " ".join(str(error).split())[:200]
        raise UserError(f"{path} cannot be read as tensors ({said}); save them as .npz, .pt or .safetensors") from error
    if not isinstance(found, Mapping | tuple | list):
        raise UserError(f"{path} holds a {type(found).__name__}, expected tensors x and y")
    return found
