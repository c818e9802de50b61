"""Time of convolutional networks in a stack and one after the other."""

from dataclasses import dataclass

import torch

from benchmarks.timing import time_in_turn
from stages.config import Run
from stages.datasets.dataset import Dataset
from stages.training.stack import Stack
from stages.training.stack_capacity import largest_stack

CPU = torch.device("cpu")
STEPS = 4


@dataclass(frozen=True)
class Case:
    """An architecture with its input size and batch size."""

    name: str
    fields: dict
    image: tuple[int, int, int]
    batch_size: int
    networks: int
    """Number of networks that are timed together."""


RESNET = {"network": "resnet", "batch_norm": True}
CASES = [
    Case("ResNet-8 × 0.25", RESNET | {"layers": 8, "width_multiplier": 0.25}, (1, 8, 8), 32, 12),
    Case("ResNet-8 × 0.5", RESNET | {"layers": 8, "width_multiplier": 0.5}, (1, 8, 8), 32, 12),
    Case("ResNet-8", RESNET | {"layers": 8}, (1, 8, 8), 32, 12),
    Case("VGG-11 × 0.125", {"network": "vgg", "layers": 11, "width_multiplier": 0.125}, (1, 10, 10), 32, 12),
    Case("LeNet", {"network": "lenet"}, (1, 28, 28), 128, 12),
    Case("ResNet-20", RESNET | {"layers": 20}, (3, 32, 32), 128, 2),
    Case("VGG-16", {"network": "vgg", "layers": 16, "batch_norm": True}, (3, 32, 32), 128, 2),
]


def row(case: Case, repeats: int) -> str:
    """Time a case and return a row of the table: milliseconds per step and network."""
    common = {"dataset": "random", "loss": "cross_entropy", "optimizer": "sgd", "lr": 0.01, "epochs": 1}
    count = case.batch_size * STEPS
    x, y = torch.rand(count, *case.image), torch.randint(10, (count,))
    data = Dataset("random", x, y, x, y, 10, "0" * 64)
    runs = [Run(**common, **case.fields, batch_size=case.batch_size, seed=seed) for seed in range(case.networks)]
    stack = Stack(runs, data, CPU, torch.float32)
    singles = [Stack([run], data, CPU, torch.float32) for run in runs]

    def alone() -> None:
        for single in singles:
            single.train_epoch(0)

    took = time_in_turn({"together": lambda: stack.train_epoch(0), "alone": alone}, repeats)
    each = {name: 1e3 * seconds.cpu / STEPS / case.networks for name, seconds in took.items()}
    size = largest_stack(runs[0], case.image, 10, "cpu")
    choice = f"up to {size} together" if size > 1 else "alone"
    sides = f"{each['together']:.3g} ms ({case.networks}) | {each['alone']:.3g} ms"
    images = "×".join(str(side) for side in case.image)
    work = f"{case.name}, {images}, batches of {case.batch_size}"
    return f"| {work} | {sides} | {each['alone'] / each['together']:.2f}× | {choice} |"


def table(repeats: int) -> list[str]:
    """Return the lines of the table of all cases."""
    head = ["| network | together (how many) | one after the other | factor | the engine |", "|---|---|---|---|---|"]
    return head + [row(case, repeats) for case in CASES]
