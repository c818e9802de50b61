"""All benchmarks on a CPU, with one thread per side: `python -m benchmarks.run` writes BENCHMARKS.md."""

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

from benchmarks import baselines, convolutions, product_settings, scale, single_line
from benchmarks.timing import measure_product_rate, time_in_turn
from stages.config import BatchNormStatistics, Run
from stages.datasets.dataset import Dataset
from stages.lines import sweep
from stages.networks.build import initial_parameters
from stages.networks.evaluation import Task, task_of
from stages.shared import products
from stages.shared.files import write_bytes
from stages.training.training_loop import train
from stages.workers.fork_server import ENVIRONMENT

CPU = torch.device("cpu")
ALPHAS = 50
GAUSS_EXAMPLES = 10_000
OUR_EPOCHS, THEIR_EPOCHS = 12, 4  # epochs of the default grid that are timed
STATISTICS = BatchNormStatistics(estimate="cumulative", batch_size=512, momentum=0.1, examples=None)


Part = TypeVar("Part")


@dataclass(frozen=True)
class Row:
    """One comparison: the CPU seconds of each side for the same work."""

    work: str
    """Description of the work."""
    ours: float
    """CPU seconds of this project."""
    others: dict[str, float]
    """CPU seconds of the baselines, by name."""
    goals: dict[str, float]
    """Smallest factors to be reached against the baselines, by name."""

    def markdown(self) -> str:
        """Return the row as Markdown."""
        cells = [
            f"{seconds:.3g} s, **{seconds / self.ours:.1f}×**"
            + (f" (goal {self.goals[name]:g}×)" if name in self.goals else "")
            for name, seconds in self.others.items()
        ]
        return f"| {self.work} | {self.ours:.3g} s | {' | '.join(cells)} |"


def mnist_like() -> Dataset:
    """Return a dataset of random images with MNIST's sizes; time does not depend on their content."""
    random = torch.Generator().manual_seed(0)
    x = torch.randint(256, (70_000, 1, 28, 28), generator=random) / 255
    y = torch.randint(10, (70_000,), generator=random)
    return Dataset("mnist", x[:60_000], y[:60_000], x[60_000:], y[60_000:], 10, "0" * 64)


def mlp_run(hidden: tuple[int, ...], batch_norm: bool = False, seed: int = 0) -> Run:
    """Return a run of a fully-connected network on MNIST for one epoch."""
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


def compare_default_grid(repeats: int) -> Row:
    """Train the default classifiers: this project in stacks, the baselines some of each stack's runs one by one."""
    digits, grid = product_settings.default_grid()
    _, parts = product_settings.default_grid(OUR_EPOCHS)
    some = [run for stack in grid for run in stack[::12]]

    def others(resident: bool) -> Callable[[], object]:
        return lambda: [baselines.train_network(run, digits, resident, epochs=THEIR_EPOCHS) for run in some]

    sides = {
        "ours": lambda: product_settings.train_all(digits, parts),
        "(a)": others(False),
        "(b)": others(True),
    }
    found = time_in_turn(sides, repeats)
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


def compare_sixteen_networks(data: Dataset, repeats: int) -> Row:
    """Train 16 networks 784-128-128-10 for an epoch: this project together, the baselines one of them, times 16."""
    runs = [mlp_run((128, 128), seed=seed) for seed in range(16)]
    sides = {
        "ours": lambda: train(runs, data, CPU),
        "(a)": lambda: baselines.train_network(runs[0], data, False, 1),
        "(b)": lambda: baselines.train_network(runs[0], data, True, 1),
    }
    found = time_in_turn(sides, repeats)
    others = {name: 16 * found[name].cpu for name in ("(a)", "(b)")}
    work = "train 16 networks 784-128-128-10, an epoch of 60,000"
    return Row(work, found["ours"].cpu, others, {"(a)": 5, "(b)": 1.5})


def line_problem(run: Run, data: Dataset) -> tuple[Task, Tensor, Tensor, list[list[Tensor]]]:
    """Return a network's task, two weight vectors, and the weights as the baselines need them."""
    task = task_of(run, data, CPU)
    start, end = (initial_parameters(run.model_copy(update={"seed": seed}), (1, 28, 28), 10)[2] for seed in (0, 1))
    ends = [[part.clone() for part in task.layout.split(theta).values()] for theta in (start, end)]
    return task, start, end, ends


def compare_line(data: Dataset, run: Run, ours: int, goals: dict[str, float], repeats: int, held: bool = False) -> Row:
    """Evaluate a line: CPU seconds for 50 alphas, scaled from fewer.

    Args:
        data: The data.
        run: The network.
        ours: Number of alphas for which this project is timed; the baselines are timed for one.
        goals: Smallest factors to be reached against the baselines, by name.
        repeats: Number of times that all sides are timed.
        held: Whether all sides hold batch-norm statistics fixed in derivatives, or differentiate them.

    Returns:
        The comparison.
    """
    task, start, end, ends = line_problem(run, data)
    net = baselines.build_network(run, 784, 10)
    follow = run.batch_norm and not held
    estimate = sweep._statistics

    def walked() -> object:
        def values_alone(*given: object, derivatives: bool) -> object:
            return estimate(*given, derivatives=derivatives and not held)

        with torch.no_grad(), patch.object(sweep, "_statistics", values_alone):
            return sweep.sweep_line(task, start, end, torch.linspace(0, 1, ours), STATISTICS, GAUSS_EXAMPLES, 0)

    def usually(resident: bool) -> Callable[[], object]:
        return lambda: (
            baselines.evaluate_line(net, *ends, [0.0], data, resident),
            baselines.gauss_length(
                net, *ends, [0.0], data.train_x[:GAUSS_EXAMPLES], data.train_x.flatten(1) if follow else None
            ),
        )

    sides = {"ours": walked, "(a)+(d)": usually(False), "(b)+(d)": usually(True)}
    found = time_in_turn(sides, repeats, warm_up=repeats > 1)
    others = {name: found[name].cpu * ALPHAS for name in ("(a)+(d)", "(b)+(d)")}
    shape = "-".join(map(str, (784, *run.hidden, 10)))
    normed = ", batch norm" if run.batch_norm else ""
    normed += ", its statistics held in derivatives" if held else ""
    work = f"a line of {shape}{normed}: 50 α, both splits, Gauss length of 10,000"
    return Row(
        work if ours == ALPHAS else f"{work} (ours timed on {ours} α)", found["ours"].cpu * ALPHAS / ours, others, goals
    )


def compare_loss_landscapes(data: Dataset, repeats: int) -> str:
    """Compute curves of the loss by `loss-landscapes`, and by this project, which adds accuracies."""
    run = mlp_run((128, 128))
    task, start, end, ends = line_problem(run, data)
    nets = [baselines.build_network(run, 784, 10) for _ in ends]
    for net, weights in zip(nets, ends, strict=True):
        baselines.set_weights(net, weights, weights, 0.0)
    steps = 10

    def walked() -> object:
        with torch.no_grad():
            return sweep.sweep_line(task, start, end, torch.linspace(0, 1, ALPHAS), STATISTICS, 1, 0)

    found = time_in_turn({"ours": walked, "(c)": lambda: baselines.evaluate_landscape(*nets, steps, data)}, repeats)
    ours, theirs = found["ours"].cpu, found["(c)"].cpu * ALPHAS / steps
    return (
        f"Curves of the loss on both splits at 50 α for 784-128-128-10: {ours:.3g} s (with accuracy), (c) "
        f"`loss-landscapes` with data in tensors {theirs:.3g} s, **{theirs / ours:.1f}×** (goal 3×)."
    )


def wide_training_rate(data: Dataset) -> tuple[float, float]:
    """Return GFLOP/s of training two networks 784-1024-1024-10 in a stack, and of matrix products."""
    runs = [mlp_run((1024, 1024), seed=seed).model_copy(update={"train_size": 12_800}) for seed in (0, 1)]
    task = task_of(runs[0], data, CPU)
    weights = sum(shape.numel() for shape in task.layout.shapes if len(shape) == 2)
    first = 784 * 1024  # no gradient by the examples is computed
    work = 2 * 12_800 * (6 * weights - 2 * first)
    took = time_in_turn({"ours": lambda: train(runs, data, CPU)}, 3)["ours"]
    return work / took.wall / 1e9, measure_product_rate(4, 128, 1024, 1024, place=CPU) / 1e9


def print_part(part: Part) -> Part:
    """Print a row or line of the page as soon as it is measured, and return it: all take half an hour."""
    print(part.markdown() if isinstance(part, Row) else part, flush=True)
    return part


def _processor() -> str:
    """Return the name of the processor."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    """Run all benchmarks and write BENCHMARKS.md."""
    if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
        # Libraries read these variables, which worker processes of stages have, when a process starts.
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.run"], os.environ | ENVIRONMENT)
    torch.set_num_threads(1)
    data = mnist_like()
    narrow, wide = mlp_run((128, 128)), mlp_run((1024, 1024))
    normed, wide_normed = mlp_run((128, 128), batch_norm=True), mlp_run((1024, 1024), batch_norm=True)
    rate, most = wide_training_rate(data)
    rows = [print_part(compare_default_grid(3)), print_part(compare_sixteen_networks(data, 1))]
    tables = [("(a)", "(b)", rows)]
    lines = [
        print_part(compare_line(data, narrow, ALPHAS, {"(a)+(d)": 30, "(b)+(d)": 2.5}, 3)),
        print_part(compare_line(data, wide, ALPHAS, {"(a)+(d)": 4, "(b)+(d)": 1.5}, 1)),
        print_part(compare_line(data, normed, ALPHAS, {"(a)+(d)": 15}, 1)),
        print_part(compare_line(data, normed, ALPHAS, {}, 1, held=True)),
        print_part(compare_line(data, wide_normed, 8, {"(a)+(d)": 1.2}, 1)),
        print_part(compare_line(data, wide_normed, 8, {}, 1, held=True)),
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
        print_part(compare_loss_landscapes(data, 3)),
        "",
        f"The same work by {products.VARIABLE}, CPU seconds of one thread; `portable` has the same bits on",
        "every maker's processors, `native` has its own on each kind.",
        "",
        *map(print_part, product_settings.table(OUR_EPOCHS)),
        "",
        "A training step of a convolutional network, CPU time of one thread: stacked, and one after the other.",
        "",
        *map(print_part, convolutions.table(3)),
        "",
        print_part(single_line.compare_as_the_command()),
        "",
        "The rest is wall time of the stages themselves, two worker processes.",
        "",
        print_part(scale.time_idle_repro()),
        "",
        print_part(scale.compare_ten_times(500)),
        "",
        print_part(scale.measure_cluster(1000, 200)),
    ]
    write_bytes(Path("BENCHMARKS.md"), ("\n".join(text) + "\n").encode())


if __name__ == "__main__":
    main()
