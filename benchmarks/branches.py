"""What the same bits on every processor cost: the same work by MKL's branch COMPATIBLE and by others."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.sides import alternate, product_rate
from stages.config import Run, load
from stages.datasets.dataset import Dataset
from stages.datasets.digits import load_digits
from stages.training.plan import stacks
from stages.training.stack import train

BRANCHES = ("COMPATIBLE", "AVX2", "OFF")
CPU = torch.device("cpu")


def default_grid(epochs: int | None = None) -> tuple[Dataset, list[list[Run]]]:
    """Return digits and the stacks of the default classifiers, perhaps cut to their first epochs."""
    params = load(Path("params.yaml"))
    splits = load_digits("digits", params.datasets["digits"])
    arrays = (splits.train_x, splits.train_y, splits.test_x, splits.test_y)
    digits = Dataset("digits", *(torch.from_numpy(np.asarray(a)) for a in arrays), splits.classes, "0" * 64)
    grid = [list(stack) for stack in stacks(params.runs("classifiers"), (1, 8, 8), 10, 2)]
    if epochs is None:
        return digits, grid
    return digits, [[run.model_copy(update={"epochs": epochs, "snapshots": ()}) for run in stack] for stack in grid]


def train_all(digits: Dataset, grid: Sequence[Sequence[Run]]) -> None:
    """Train the stacks one after the other."""
    for stack in grid:
        train(stack, digits, CPU)


def table(epochs: int) -> list[str]:
    """Return the lines of a table: a process a branch, since MKL reads it once."""
    lines = ["| MKL_CBWR | default `classifiers` grid | products 128×1024×1024 |", "|---|---|---|"]
    for branch in BRANCHES:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.branches", str(epochs)],
            env=os.environ | {"MKL_CBWR": branch},
            check=True,
            capture_output=True,
            encoding="utf-8",
        )
        seconds, rate = map(float, done.stdout.split())
        lines.append(f"| {branch} | {seconds:.3g} s | {rate:.3g} GFLOP/s |")
    return lines


def main() -> None:
    """Print the seconds of the first epochs of the grid and the rate of products, by this process's branch."""
    torch.set_num_threads(1)
    digits, grid = default_grid(int(sys.argv[1]))
    seconds = alternate({"grid": lambda: train_all(digits, grid)}, 3)["grid"].cpu
    print(seconds, product_rate(4, 128, 1024, 1024, place=CPU) / 1e9)


if __name__ == "__main__":
    main()
