"""Measure every comparison, one thread a side, and write BENCHMARKS.md: `python -m benchmarks.run`."""

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks import branches, convolutions, scale, usual
from benchmarks.sides import alternate, product_rate
from stages.config import BatchNormStatistics, Run
from stages.datasets.dataset import Dataset
from stages.lines import sweep
from stages.networks.build import initial_parameters
from stages.networks.evaluation import Task, task_of
from stages.shared import products
from stages.shared.files import write_bytes
from stages.training.stack import train
from stages.workers.server import ENVIRONMENT

CPU = torch.device("cpu")
ALPHAS = 50
GAUSS_EXAMPLES = 10_000
OUR_EPOCHS, THEIR_EPOCHS = 12, 4  # of the default grid
STATISTICS = BatchNormStatistics(estimate="cumulative", batch_size=512, momentum=0.1, examples=None)


Part = TypeVar("Part")


@dataclass(frozen=True)
class Row:
    """One comparison: seconds for the same work by each side."""

    work: str
    ours: float
    others: dict[str, float]
    goals: dict[str, float]

    def markdown(self) -> str:
        """Return the row of a table."""
        cells = [
            f"{seconds:.3g} s, **{seconds / self.ours:.1f}×**"
            + (f" (goal {self.goals[name]:g}×)" if name in self.goals else "")
            for name, seconds in self.others.items()
        ]
        return f"| {self.work} | {self.ours:.3g} s | {' | '.join(cells)} |"


def mnist_like() -> Dataset:
    """Return random images of MNIST's sizes: time does not depend on what they show."""
    random = torch.Generator().manual_seed(0)
    x = torch.randint(256, (70_000, 1, 28, 28), generator=random) / 255
    y = torch.randint(10, (70_000,), generator=random)
    return Dataset("mnist", x[:60_000], y[:60_000], x[60_000:], y[60_000:], 10, "0" * 64)


def mlp(hidden: tuple[int, ...], batch_norm: bool = False, seed: int = 0) -> Run:
    """Return a run on MNIST of one epoch."""
    return Run(
        dataset="mnist",
        network="mlp",
        hidden=hidden,
        activation="relu",
        batch_norm=batch_norm,
        loss="cross_entropy",
        optimizer="sgd",
        lr=0.01,
        epochs=1,
        batch_size=128,
        seed=seed,
    )


def the_default_grid(repeats: int) -> Row:
    """Train the default classifiers: ours by stacks, the others some of each stack's runs, one after the other."""
    digits, grid = branches.default_grid()
    _, parts = branches.default_grid(OUR_EPOCHS)
    some = [run for stack in grid for run in stack[::12]]

    def others(resident: bool) -> Callable[[], object]:
        return lambda: [usual.train(run, digits, resident, epochs=THEIR_EPOCHS) for run in some]

    sides = {
        "ours": lambda: branches.train_all(digits, parts),
        "(a)": others(False),
        "(b)": others(True),
    }
    found = alternate(sides, repeats)
    runs = sum(len(stack) for stack in grid)
    epochs = grid[0][0].epochs
    if {run.epochs for stack in grid for run in stack} != {epochs}:
        raise ValueError("the runs of the grid differ in epochs")
    times = runs / len(some) * epochs / THEIR_EPOCHS
    return Row(
        f"train the {runs} runs of the default `classifiers` grid",
        found["ours"].cpu * epochs / OUR_EPOCHS,
        {name: found[name].cpu * times for name in ("(a)", "(b)")},
        {"(a)": 8, "(b)": 3},
    )


def sixteen_networks(data: Dataset, repeats: int) -> Row:
    """Train 16 networks 784-128-128-10 for an epoch: ours together, the others one, times 16."""
    runs = [mlp((128, 128), seed=seed) for seed in range(16)]
    sides = {
        "ours": lambda: train(runs, data, CPU),
        "(a)": lambda: usual.train(runs[0], data, False, 1),
        "(b)": lambda: usual.train(runs[0], data, True, 1),
    }
    found = alternate(sides, repeats)
    others = {name: 16 * found[name].cpu for name in ("(a)", "(b)")}
    work = "train 16 networks 784-128-128-10, an epoch of 60,000"
    return Row(work, found["ours"].cpu, others, {"(a)": 5, "(b)": 1.5})


def line_of(run: Run, data: Dataset) -> tuple[Task, Tensor, Tensor, list[list[Tensor]]]:
    """Return a network's task, two points in its weight space, and their weights as the other sides have them."""
    task = task_of(run, data, CPU)
    start, end = (initial_parameters(run.model_copy(update={"seed": seed}), (1, 28, 28), 10)[2] for seed in (0, 1))
    ends = [[part.clone() for part in task.layout.split(theta).values()] for theta in (start, end)]
    return task, start, end, ends


def a_line(data: Dataset, run: Run, ours: int, goals: dict[str, float], repeats: int, held: bool = False) -> Row:
    """Walk a line: seconds for 50 alphas, from `ours` alphas and from one of the others.

    Args:
        data: The data.
        run: The network.
        ours: How many alphas this project's side is timed on.
        goals: Of the factors.
        repeats: How often all sides are timed.
        held: Whether statistics of batch norm are held in the derivatives, on all sides; else their own are followed.

    Returns:
        The comparison.
    """
    task, start, end, ends = line_of(run, data)
    net = usual.network(run, 784, 10)
    follow = run.batch_norm and not held
    estimate = sweep._statistics

    def walked() -> object:
        def values_alone(*given: object, derivatives: bool) -> object:
            return estimate(*given, derivatives=derivatives and not held)

        with torch.no_grad(), patch.object(sweep, "_statistics", values_alone):
            return sweep.walk(task, start, end, torch.linspace(0, 1, ours), STATISTICS, GAUSS_EXAMPLES, 0)

    def usually(resident: bool) -> Callable[[], object]:
        return lambda: (
            usual.line(net, *ends, [0.0], data, resident),
            usual.gauss_length(
                net, *ends, [0.0], data.train_x[:GAUSS_EXAMPLES], data.train_x.flatten(1) if follow else None
            ),
        )

    sides = {"ours": walked, "(a)+(d)": usually(False), "(b)+(d)": usually(True)}
    found = alternate(sides, repeats, warm_up=repeats > 1)
    others = {name: found[name].cpu * ALPHAS for name in ("(a)+(d)", "(b)+(d)")}
    shape = "-".join(map(str, (784, *run.hidden, 10)))
    normed = ", batch norm" if run.batch_norm else ""
    normed += ", its statistics held in derivatives" if held else ""
    work = f"a line of {shape}{normed}: 50 α, both splits, Gauss length of 10,000"
    return Row(
        work if ours == ALPHAS else f"{work} (ours timed on {ours} α)", found["ours"].cpu * ALPHAS / ours, others, goals
    )


def a_landscape(data: Dataset, repeats: int) -> str:
    """Walk 50 alphas for the loss alone by `loss-landscapes`; ours finds accuracy and Gauss length of one too."""
    run = mlp((128, 128))
    task, start, end, ends = line_of(run, data)
    nets = [usual.network(run, 784, 10) for _ in ends]
    for net, weights in zip(nets, ends, strict=True):
        usual.put(net, weights, weights, 0.0)
    steps = 10

    def walked() -> object:
        with torch.no_grad():
            return sweep.walk(task, start, end, torch.linspace(0, 1, ALPHAS), STATISTICS, 1, 0)

    found = alternate({"ours": walked, "(c)": lambda: usual.landscape(*nets, steps, data)}, repeats)
    ours, theirs = found["ours"].cpu, found["(c)"].cpu * ALPHAS / steps
    return (
        f"Curves of the loss on both splits at 50 α for 784-128-128-10: {ours:.3g} s (with accuracy), (c) "
        f"`loss-landscapes` with data in tensors {theirs:.3g} s, **{theirs / ours:.1f}×** (goal 3×)."
    )


def wide_training(data: Dataset) -> tuple[float, float]:
    """Return GFLOP/s of training two networks 784-1024-1024-10 in a stack, and the matrix rate measured beside it."""
    runs = [mlp((1024, 1024), seed=seed).model_copy(update={"train_size": 12_800}) for seed in (0, 1)]
    task = task_of(runs[0], data, CPU)
    weights = sum(shape.numel() for shape in task.layout.shapes if len(shape) == 2)
    first = 784 * 1024  # whose gradient by the examples nobody needs
    work = 2 * 12_800 * (6 * weights - 2 * first)
    took = alternate({"ours": lambda: train(runs, data, CPU)}, 3)["ours"]
    return work / took.wall / 1e9, product_rate(4, 128, 1024, 1024, place=CPU) / 1e9


def shown(part: Part) -> Part:
    """Return a part of the page, a row or a line, and print it: all of them take half an hour."""
    print(part.markdown() if isinstance(part, Row) else part, flush=True)
    return part


def _processor() -> str:
    """Return what the machine calls its processor."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    """Measure and write BENCHMARKS.md."""
    if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
        # As a worker process of a stage: its variables are read when a process starts.
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.run"], os.environ | ENVIRONMENT)
    torch.set_num_threads(1)
    data = mnist_like()
    narrow, wide = mlp((128, 128)), mlp((1024, 1024))
    normed, wide_normed = mlp((128, 128), batch_norm=True), mlp((1024, 1024), batch_norm=True)
    rate, most = wide_training(data)
    rows = [shown(the_default_grid(3)), shown(sixteen_networks(data, 1))]
    tables = [("(a)", "(b)", rows)]
    lines = [
        shown(a_line(data, narrow, ALPHAS, {"(a)+(d)": 30, "(b)+(d)": 2.5}, 3)),
        shown(a_line(data, wide, ALPHAS, {"(a)+(d)": 4, "(b)+(d)": 1.5}, 1)),
        shown(a_line(data, normed, ALPHAS, {"(a)+(d)": 15}, 1)),
        shown(a_line(data, normed, ALPHAS, {}, 1, held=True)),
        shown(a_line(data, wide_normed, 8, {"(a)+(d)": 1.2}, 1)),
        shown(a_line(data, wide_normed, 8, {}, 1, held=True)),
    ]
    tables.append(("(a)+(d)", "(b)+(d)", lines))
    text = [
        "# Benchmarks",
        "",
        "Written by `make bench`. CPU seconds of one thread for the same work, medians of runs in turn; the factor",
        "is how much longer the other side takes. (a): one network at a time, `torch.optim`, a `DataLoader` over",
        "images with `ToTensor`. (b): the same with data in tensors. (d): Gauss length by double backward, one α at a",
        "time. All sides estimate batch-norm statistics anew at each α, with their derivatives but where they are said",
        "to be held. Other sides are timed on some networks or one α and multiplied, the default grid on the first",
        "epochs of both.",
        "",
        f"{_processor()}, torch {torch.__version__}, {date.today()}; all sides with "
        f"{products.VARIABLE}={os.environ.get(products.VARIABLE) or products.DEFAULT}.",
    ]
    for first, second, part in tables:
        text += ["", f"| work | ours | {first} | {second} |", "|---|---|---|---|", *(row.markdown() for row in part)]
    text += [
        "",
        f"Training 784-1024-1024-10: {rate:.1f} GFLOP/s, {rate / most:.2f} of the {most:.1f} GFLOP/s of matrix",
        "products measured beside it (goal 0.6).",
        "",
        shown(a_landscape(data, 3)),
        "",
        f"The same work by {products.VARIABLE}, CPU seconds of one thread; `portable` has the same bits on",
        "every maker's processors, `native` has its own on each kind.",
        "",
        *map(shown, branches.table(OUR_EPOCHS)),
        "",
        "A training step of a convolutional network, CPU time of one thread: stacked, and one after the other.",
        "",
        *map(shown, convolutions.table(3)),
        "",
        "The rest is wall time of the stages themselves, two worker processes.",
        "",
        shown(scale.nothing_to_do()),
        "",
        shown(scale.ten_times(500)),
        "",
        shown(scale.cluster(1000, 200)),
    ]
    write_bytes(Path("BENCHMARKS.md"), ("\n".join(text) + "\n").encode())


if __name__ == "__main__":
    main()
