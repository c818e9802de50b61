"""Random crops and horizontal flips of a batch of images."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Crops:
    """Crops of the B images of a batch."""

    top: Tensor
    """First row of the crop in the padded image, shape (B,)."""
    left: Tensor
    """First column of the crop in the padded image, shape (B,)."""
    mirrored: Tensor
    """Whether the image is flipped horizontally, shape (B,)."""


def draw_crops(count: int, padding: int, flip: bool, generator: torch.Generator) -> Crops:
    """Draw random crops of padded images.

    Args:
        count: Number B of images.
        padding: Pixels around each image.
        flip: Whether images are flipped with probability 1/2, or never.
        generator: Source of random numbers, on the CPU.

    Returns:
        The crops.
    """
    top, left = torch.randint(2 * padding + 1, (2, count), generator=generator)
    mirrored = torch.rand(count, generator=generator) < 0.5 if flip else torch.zeros(count, dtype=torch.bool)
    return Crops(top, left, mirrored)


def apply_crops(x: Tensor, padding: int, black: Tensor, chosen: Crops) -> Tensor:
    """Return crops of images, flipped or not.

    Args:
        x: Images, shape (B, C, H, W).
        padding: Pixels around each image.
        black: Value of the padding in each channel, shape (C,).
        chosen: The crops, on the device of the images.

    Returns:
        Images of the same shape, as from torchvision's RandomCrop with padding and RandomHorizontalFlip.
    """
    count, channels, height, width = x.shape
    padded = black[:, None, None].expand(channels, height + 2 * padding, width + 2 * padding).repeat(count, 1, 1, 1)
    padded[:, :, padding : padding + height, padding : padding + width] = x
    rows = chosen.top[:, None] + torch.arange(height, device=x.device)
    forward = torch.arange(width, device=x.device)
    columns = chosen.left[:, None] + torch.where(chosen.mirrored[:, None], forward.flip(0), forward)
    image = torch.arange(count, device=x.device)[:, None, None, None]
    channel = torch.arange(channels, device=x.device)[:, None, None]
    return padded[image, channel, rows[:, None, :, None], columns[:, None, None, :]]
