"""Training on a GPU, by the size of the stack: `MLI_DEVICE=cuda make bench-gpu`, into BENCHMARKS_GPU.md."""

import sys
import time
from pathlib import Path

import torch

from benchmarks.run import mlp, mnist_like
from benchmarks.sides import finish, product_rate
from stages.datasets.dataset import Dataset
from stages.files import write_bytes
from stages.training.stack import Stack
from stages.workers.device import device

SIZES = (1, 8, 32, 128)
PAPER_EPOCHS = 200


def epoch_seconds(data: Dataset, place: torch.device, size: int, epochs: int) -> float:
    """Return the time of an epoch of `size` networks 784-128-128-10 together; one gets company, as in a stage."""
    runs = [mlp((128, 128), seed=seed).model_copy(update={"epochs": epochs + 1}) for seed in range(max(size, 2))]
    stack = Stack(runs, data, place, torch.float32)
    stack.epoch(0)
    finish(place)
    started = time.perf_counter()
    for number in range(epochs):
        stack.epoch(number + 1)
    finish(place)
    return (time.perf_counter() - started) / epochs


def table(data: Dataset, place: torch.device, sizes: tuple[int, ...], epochs: int, matrix: int) -> str:
    """Return the table of all stack sizes."""
    first, rest = 784 * 128, 128 * 128 + 128 * 10
    work = 2 * len(data.train_x) * (3 * (first + rest) - first)  # the examples have no gradient
    most = product_rate(1, matrix, matrix, matrix, place=place)
    rows = []
    for size in sizes:
        seconds = epoch_seconds(data, place, size, epochs)
        minute = 60 * size / (seconds * PAPER_EPOCHS)
        rows.append(f"| {size} | {seconds:.3g} | {minute:.3g} | {max(size, 2) * work / seconds / most:.3f} |")
    name = torch.cuda.get_device_name(place) if place.type == "cuda" else "CPU"
    head = [
        f"{name}, torch {torch.__version__}; large matrix products: {most / 1e12:.2f} TFLOP/s in single precision.",
        "",
        f"| networks 784-128-128-10 in a stack | s an epoch of {len(data.train_x)} | runs of {PAPER_EPOCHS} epochs a "
        "minute | fraction of that rate |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *rows])


def main() -> None:
    """Measure and write BENCHMARKS_GPU.md."""
    place = device()
    if place.type != "cuda":
        sys.exit("error: no GPU is used; run it as MLI_DEVICE=cuda make bench-gpu on a machine that has one")
    text = f"# Benchmarks on a GPU\n\nWritten by `make bench-gpu`.\n\n{table(mnist_like(), place, SIZES, 3, 8192)}\n"
    write_bytes(Path("BENCHMARKS_GPU.md"), text.encode())
    print(text)


if __name__ == "__main__":
    main()
