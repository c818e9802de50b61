import pytest
import torch

from stages.datasets.torchvision_operators import torchvision
from stages.shared.seeds import generator
from stages.training.augmentation import apply_crops, draw_crops

functional = torchvision.transforms.functional


def test_crops_and_mirror_images_are_torchvisions():
    x = torch.rand(40, 3, 7, 9)
    black = torch.tensor([-0.5, 0.0, 2.0])
    chosen = draw_crops(40, 4, True, generator("augmentation", 0))
    found = apply_crops(x, 4, black, chosen)
    for image, result, top, left, mirrored in zip(x, found, chosen.top, chosen.left, chosen.mirrored, strict=True):
        padded = torch.cat([functional.pad(image[i : i + 1], 4, fill=float(black[i])) for i in range(3)])
        crop = functional.crop(padded, int(top), int(left), 7, 9)
        assert torch.equal(result, functional.hflip(crop) if mirrored else crop)


def test_every_crop_is_as_likely_and_half_the_images_are_mirrored():
    chosen = draw_crops(100_000, 2, True, generator("augmentation", 1))
    for places in (chosen.top, chosen.left):
        assert torch.bincount(places).div(len(places)).tolist() == pytest.approx([0.2] * 5, abs=0.01)
    assert chosen.mirrored.float().mean().item() == pytest.approx(0.5, abs=0.01)
    together = torch.bincount(chosen.top * 5 + chosen.left).div(len(chosen.top))
    assert together.tolist() == pytest.approx([0.04] * 25, abs=0.005)


def test_without_padding_and_flip_nothing_changes():
    x = torch.rand(5, 1, 4, 4)
    chosen = draw_crops(5, 0, False, generator("augmentation", 0))
    assert torch.equal(apply_crops(x, 0, torch.zeros(1), chosen), x)
    assert not chosen.mirrored.any()
