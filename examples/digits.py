"""A training that knows nothing of lines: a small network on digits, saved every few epochs in examples/weights.

The examples of `python -m stages.line --help` use its files.
"""

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

EPOCHS, EVERY, BATCH, LEARNING_RATE = 12, 2, 64, 0.1
SUBSET = 640
FOLDER = Path(__file__).parent / "weights"


def network() -> nn.Module:
    """Return a convolutional network with batch norm for ten classes of digits of 8 x 8 pixels."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, stride=2),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


def train_epoch(net: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor) -> None:
    """Train a network for one pass over the data."""
    for batch in torch.randperm(len(x)).split(BATCH):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
        optimizer.step()


def sgd(net: nn.Module) -> torch.optim.Optimizer:
    """Return the optimizer of a network."""
    return torch.optim.SGD(net.parameters(), lr=LEARNING_RATE, momentum=0.9)


def main() -> None:
    """Train and save."""
    from safetensors.torch import save_file

    from stages.datasets.torchvision_operators import torchvision  # itself, where its operators cannot load too

    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    digits = load_digits()
    x, y = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16, torch.tensor(digits.target)
    torch.manual_seed(0)
    net = network()
    optimizer = sgd(net)
    for epoch in range(EPOCHS + 1):
        if epoch % EVERY == 0:
            torch.save({"epoch": epoch, "model_state_dict": net.state_dict()}, FOLDER / f"epoch_{epoch}.pt")
        train_epoch(net, optimizer, x, y)
    wide = nn.functional.interpolate(x, size=(32, 32)).expand(-1, 3, -1, -1).contiguous()
    np.savez(FOLDER / "digits.npz", x=wide.numpy(), y=y.numpy())
    other = torchvision.models.shufflenet_v2_x0_5(num_classes=10)
    train_epoch(other, sgd(other), wide[:SUBSET], y[:SUBSET])
    save_file(other.state_dict(), FOLDER / "shufflenet.safetensors")
    print(f"saved {', '.join(sorted(path.name for path in FOLDER.iterdir()))} in {FOLDER}")


if __name__ == "__main__":
    main()
