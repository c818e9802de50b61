"""Sources of images."""

from typing import Annotated, Literal

from pydantic import Field

from stages.config.schema import Count, Positive, Seed
from stages.config.source import Source


class DigitsSource(Source):
    """scikit-learn's bundled 1,797 handwritten digits, 8 x 8 pixels in [0, 1]."""

    loader = "stages.datasets.digits:load_digits"

    source: Literal["digits"]
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Proportion of the examples of each class that are in the test split."""
    split_seed: Seed = 0
    """Seed of the split."""
    image_size: Count | None = None
    """Number of pixels of a side after resizing; null for images as they are."""
    mean: float | None = None
    """Number that is subtracted from each pixel; null for 0."""
    std: Positive | None = None
    """Number that each pixel is then divided by; null for 1."""


class TorchvisionSource(Source):
    """A set that torchvision can load, pixels in [0, 1], downloaded unless it is in `root` or in MLI_DATA_ROOT."""

    loader = "stages.datasets.vision:load_torchvision"

    source: Literal["mnist", "fashion_mnist", "cifar10", "cifar100"]
    root: str = "data/raw"
    """Folder in torchvision's layout, which is used as it is where it holds the set."""
    image_size: Count | None = None
    """Number of pixels of a side after resizing; null for images as they are."""
    mean: tuple[float, ...] | None = None
    """Numbers that are subtracted from the pixels, one a channel; null for 0."""
    std: tuple[Positive, ...] | None = None
    """Numbers that the pixels are then divided by, one a channel; null for 1."""


class ImageFolderSource(Source):
    """Images of your own in torchvision's ImageFolder layout: one folder a class."""

    loader = "stages.datasets.vision:load_image_folder"

    source: Literal["image_folder"]
    train: str
    """Folder of the training images."""
    test: str
    """Folder of the test images, with the same classes."""
    image_size: Count
    """Number of pixels of a side after resizing."""
    mean: tuple[float, ...] | None = None
    """Numbers that are subtracted from the pixels in [0, 1], one a channel; null for 0."""
    std: tuple[Positive, ...] | None = None
    """Numbers that the pixels are then divided by, one a channel; null for 1."""

    def paths(self) -> tuple[str, ...]:
        """Return both folders."""
        return self.train, self.test
