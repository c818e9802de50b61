"""Cost of equal bits on all processors: the time of the same work with each setting of MLI_PRODUCTS."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.timing import measure_product_rate, time_in_turn
from stages.config import Run, load
from stages.datasets.dataset import Dataset
from stages.datasets.digits import load_digits
from stages.shared.products import SETTINGS, VARIABLE
from stages.training.stack_plan import plan_stacks
from stages.training.training_loop import train

CPU = torch.device("cpu")


def default_grid(epochs: int | None = None) -> tuple[Dataset, list[list[Run]]]:
    """Return the digits and the stacks of the default classifiers, with fewer epochs unless `epochs` is None."""
    params = load(Path("params.yaml"))
    splits = load_digits("digits", params.datasets["digits"])
    arrays = (splits.train_x, splits.train_y, splits.test_x, splits.test_y)
    digits = Dataset("digits", *(torch.from_numpy(np.asarray(a)) for a in arrays), splits.classes, "0" * 64)
    grid = [list(stack) for stack in plan_stacks(params.runs("classifiers"), (1, 8, 8), 10, 2)]
    if epochs is None:
        return digits, grid
    return digits, [[run.model_copy(update={"epochs": epochs, "snapshots": ()}) for run in stack] for stack in grid]


def train_all(digits: Dataset, grid: Sequence[Sequence[Run]]) -> None:
    """Train the stacks one after the other."""
    for stack in grid:
        train(stack, digits, CPU)


def table(epochs: int) -> list[str]:
    """Return the lines of a table, measured in one process per setting, which libraries read only at their start."""
    found = {}
    for choice in SETTINGS:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.product_settings", str(epochs)],
            env=os.environ | {VARIABLE: choice},
            check=True,
            capture_output=True,
            encoding="utf-8",
        )
        found[choice] = json.loads(done.stdout)
    lines = [f"| work | {' | '.join(SETTINGS)} |", f"|---|{'---|' * len(SETTINGS)}"]
    for work in next(iter(found.values())):
        lines.append(f"| {work} | {' | '.join(f'{found[choice][work]:.3g}' for choice in SETTINGS)} |")
    return lines


def main() -> None:
    """Print as JSON the CPU seconds that each kind of work takes with the setting of this process."""
    from benchmarks import run as other  # which imports this module

    torch.set_num_threads(1)
    epochs = int(sys.argv[1])
    digits, grid = default_grid(epochs)
    data = other.mnist_like()
    narrow = [other.mlp_run((128, 128), seed=seed).model_copy(update={"train_size": 12_800}) for seed in range(16)]
    wide = [other.mlp_run((1024, 1024), seed=seed).model_copy(update={"train_size": 6_400}) for seed in (0, 1)]
    task, start, end, _ = other.line_problem(other.mlp_run((128, 128)), data)
    wide_task, wide_start, wide_end, _ = other.line_problem(other.mlp_run((1024, 1024)), data)

    def line(*what: object, points: int) -> Callable[[], object]:
        alphas = torch.linspace(0, 1, points)
        return lambda: other.sweep.sweep_line(*what, alphas, other.STATISTICS, other.GAUSS_EXAMPLES, 0)

    sides = {
        f"default `classifiers` grid, {epochs} epochs, s": lambda: train_all(digits, grid),
        "16 networks 784-128-128-10, 100 steps, s": lambda: train(narrow, data, CPU),
        "2 networks 784-1024-1024-10, 50 steps, s": lambda: train(wide, data, CPU),
        "a line of 784-128-128-10, 50 α, s": line(task, start, end, points=50),
        "a line of 784-1024-1024-10, 4 α, s": line(wide_task, wide_start, wide_end, points=4),
    }
    with torch.no_grad():
        lines = {name: seconds.cpu for name, seconds in time_in_turn(dict(list(sides.items())[3:]), 1).items()}
    found = {name: seconds.cpu for name, seconds in time_in_turn(dict(list(sides.items())[:3]), 2).items()} | lines
    found["products 4 × 128×1024×1024, GFLOP/s"] = measure_product_rate(4, 128, 1024, 1024, place=CPU) / 1e9
    print(json.dumps(found))


if __name__ == "__main__":
    main()
