"""Random crops and mirror images of a batch, as tensors."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Draw:
    """What is done with each image of a batch, shape (B,) each."""

    top: Tensor
    """First row of the crop, in the image with its padding."""
    left: Tensor
    """First column."""
    mirrored: Tensor
    """Whether left and right are exchanged."""


def draw(count: int, padding: int, flip: bool, generator: torch.Generator) -> Draw:
    """Draw a crop of each of `count` images padded on all sides, and whether to mirror it (never without `flip`)."""
    top, left = torch.randint(2 * padding + 1, (2, count), generator=generator)
    mirrored = torch.rand(count, generator=generator) < 0.5 if flip else torch.zeros(count, dtype=torch.bool)
    return Draw(top, left, mirrored)


def augment(x: Tensor, padding: int, black: Tensor, chosen: Draw) -> Tensor:
    """Return crops of images, mirrored or not.

    Args:
        x: Images, shape (B, C, H, W).
        padding: Pixels around each image.
        black: What padding holds, a number a channel, shape (C,).
        chosen: The crops, on the device of the images.

    Returns:
        Images of the same shape, as torchvision's RandomCrop with padding and RandomHorizontalFlip give them.
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
