"""Time of one line of ResNet-20 by this project, and by loading each interpolated state dict and looping over a loader.

Run alone by `python -m benchmarks.single_line [IMAGES] [ALPHAS]`.
"""

import os
import subprocess
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks.baselines import Images
from benchmarks.timing import time_in_turn
from stages.datasets.torchvision_operators import torchvision
from stages.shared import products
from stages.single_line.examples import examples_of
from stages.single_line.line_evaluator import Detail, LineEvaluator
from stages.single_line.prepared_network import Checkpoint, prepare_network

transforms = torchvision.transforms
IMAGES, ALPHAS, BATCH = 10_000, 50, 128
MEAN, SPREAD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
"""Means and standard deviations of CIFAR-10's channels."""
GOAL = 3
"""Factor by which the line should be faster than the loop."""


class Block(nn.Module):
    """A residual block of two convolutions with batch norm."""

    def __init__(self, channels: int, wider: int) -> None:
        """Make a block; one that gets wider halves the image."""
        super().__init__()
        step = 1 if channels == wider else 2
        self.first, self.norm = nn.Conv2d(channels, wider, 3, step, 1, bias=False), nn.BatchNorm2d(wider)
        self.second, self.last = nn.Conv2d(wider, wider, 3, 1, 1, bias=False), nn.BatchNorm2d(wider)
        short = [nn.Conv2d(channels, wider, 1, step, bias=False), nn.BatchNorm2d(wider)] if step == 2 else []
        self.short = nn.Sequential(*short)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of the block and of its input."""
        return F.relu(self.last(self.second(F.relu(self.norm(self.first(x))))) + self.short(x))


def resnet20(channels: int = 3) -> nn.Module:
    """Return ResNet-20 for images of 32 x 32 pixels (He et al. 2016, section 4.2)."""
    enter = nn.Sequential(nn.Conv2d(channels, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
    widths = [16, 16, 16, 16, 32, 32, 32, 64, 64, 64]
    blocks = [Block(*pair) for pair in zip(widths, widths[1:], strict=False)]
    return nn.Sequential(enter, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


class ColourImages(Images):
    """Images as torchvision's CIFAR returns them: each time, bytes become a PIL image and then a normalised tensor."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        """Convert images of shape (N, 3, H, W), numbers from 0 to 1, to bytes."""
        super().__init__(x, y)
        self.transform = transforms.Compose([self.transform, transforms.Normalize(MEAN, SPREAD)])
        self.bytes = (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return an image and its class."""
        from PIL import Image

        return self.transform(Image.fromarray(self.bytes[index])), self.labels[index]


def loop(
    network: nn.Module, before: dict[str, Tensor], after: dict[str, Tensor], x: Tensor, y: Tensor, alphas: np.ndarray
) -> np.ndarray:
    """Return loss and accuracy at each alpha, shape (A, 2), as it is usually written."""
    loader = DataLoader(ColourImages(x, y), BATCH)
    found = []
    for alpha in alphas:
        state = {k: torch.lerp(v, after[k], float(alpha)) if v.is_floating_point() else v for k, v in before.items()}
        network.load_state_dict(state)
        network.eval()
        loss, right = 0.0, 0
        with torch.no_grad():
            for images, labels in loader:
                outputs = network(images)
                loss += F.cross_entropy(outputs, labels, reduction="sum").item()
                right += int((outputs.argmax(1) == labels).sum())
        found.append((loss / len(x), right / len(x)))
    return np.array(found)


def line(
    network: nn.Module, before: dict[str, Tensor], after: dict[str, Tensor], x: Tensor, y: Tensor, alphas: int
) -> np.ndarray:
    """Return loss and accuracy at each alpha, shape (A, 2), by this project, without a fine grid and Gauss lengths."""
    x = (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(SPREAD)[:, None, None]
    prepared = prepare_network(network, [Checkpoint("before", before), Checkpoint("after", after)], x)
    evaluator = LineEvaluator(prepared, examples_of((x, y)), batch_norm="stored")
    found = evaluator.evaluate(*prepared.points, Detail(len(x), alphas))
    return found.curve[["train_loss", "train_accuracy"]].to_numpy()


def ends(count: int) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor, Tensor]:
    """Return two random state dicts with batch-norm statistics of random images, the images, and their classes."""
    random = torch.Generator().manual_seed(0)
    x = torch.randint(256, (count, 3, 32, 32), generator=random) / 255
    y = torch.randint(10, (count,), generator=random)
    states = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        network = resnet20()
        network(x[:64])
        states.append(network.state_dict())
    return states[0], states[1], x, y


def compare(images: int = IMAGES, alphas: int = ALPHAS, repeats: int = 1) -> str:
    """Time both sides and return a sentence: seconds of wall time, at as many threads as PyTorch has."""
    before, after, x, y = ends(images)
    network = resnet20()

    def ours() -> None:
        line(network, before, after, x, y, alphas)

    def theirs() -> None:
        loop(network, before, after, x, y, np.linspace(0, 1, alphas))

    took = time_in_turn({"ours": ours, "theirs": theirs}, repeats, warm_up=False)
    factors = [took["theirs"].wall / took["ours"].wall, took["theirs"].cpu / took["ours"].cpu]
    return (
        f"A line of ResNet-20, {alphas} α, {images:,} images, loss and accuracy, {torch.get_num_threads()} threads, "
        f"MLI_PRODUCTS=native: {took['ours'].wall:.3g} s; loading each state dict and looping over a `DataLoader` "
        f"{took['theirs'].wall:.3g} s, **{factors[0]:.1f}×** (goal {GOAL}×; by CPU time {factors[1]:.1f}×). "
        "Batch norm, sums and ReLUs are computed within the convolutions, whose products are what remains."
    )


def compare_as_the_command() -> str:
    """Return the sentence of `compare` by a process with the products that `python -m stages.line` uses."""
    command = [sys.executable, "-m", "benchmarks.single_line"]
    environment = os.environ | {products.VARIABLE: "native"}
    return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=True).stdout.strip()


if __name__ == "__main__":
    print(compare(*map(int, sys.argv[1:])))
