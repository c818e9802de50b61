"""A line from two state dicts to a curve, a table row and a figure, as in a notebook: docs/api.md."""

import torch
from sklearn.datasets import load_digits

from examples.digits import EPOCHS, FOLDER, network
from stages.api import evaluate_line


def main() -> None:
    """Evaluate the line between the first and the last checkpoint, and print its numbers."""
    digits = load_digits()
    x, y = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16, torch.tensor(digits.target)
    before, after = (torch.load(FOLDER / f"epoch_{epoch}.pt", weights_only=True) for epoch in (0, EPOCHS))
    line = evaluate_line(network(), before, after, (x, y), examples=256, gauss_examples=8)
    print(line)
    print(line.curve.head(3).to_string(index=False))
    line.figure().savefig(FOLDER / "line.png")


if __name__ == "__main__":
    main()
