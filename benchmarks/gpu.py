"""Benchmarks of training and lines on a GPU: `MLI_DEVICE=cuda make bench-gpu` writes BENCHMARKS_GPU.md in 10 minutes.

`python -m benchmarks.gpu --smoke` runs the same code at tiny sizes, on any device, and writes nothing.
"""

import argparse
import os
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from benchmarks.gpu_suites import compare_suites
from benchmarks.run import mlp_run, mnist_like
from benchmarks.timing import measure_product_rate, synchronize, time_in_turn
from stages.config import Run, load
from stages.datasets.dataset import Dataset
from stages.lines.sweep import EvaluationOptions, sweep_line
from stages.networks.build import initial_parameters
from stages.networks.evaluation import task_of
from stages.shared.compiler import VARIABLE as FUSED_UPDATES
from stages.shared.compiler import fuses_updates
from stages.shared.device import device
from stages.shared.environment import TRAINING_PRECISION
from stages.shared.files import write_bytes
from stages.training.schedule import stacking_order
from stages.training.stack import Stack

LEARNING_RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
TABLE_1_REPEATS = 6
"""Number of stacks of one depth, with or without batch norm, in table 1: three activations on two datasets."""
TABLE_1_EPOCHS = 200
TABLE_1_GOALS = {"float32": 60, "tf32": 30}
"""Longest time of table 1, in minutes, by precision."""
BUDGET_SECONDS = 540
"""Seconds after which no further suite is begun."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of what is measured."""

    matrix: int = 8192
    """Rows of the square matrices whose product gives the device's rate."""
    copied: int = 2**28
    """Elements of the tensor whose copy gives the device's memory bandwidth."""
    steps: int = 100
    """Steps of an epoch."""
    wide: int = 1024
    """Units per layer of wide networks."""
    narrow: int = 128
    """Units per layer of narrow networks."""
    learning_rates: tuple[float, ...] = LEARNING_RATES
    stacks: tuple[int, ...] = (2, 32, 128)
    """Numbers of runs in stacks of narrow networks."""
    depths: tuple[int, ...] = (2, 3, 4, 5)
    """Numbers of hidden layers of the networks of table 1."""
    suites: int | None = None
    """Number of default suites that are compared with the CPU; None for all."""


SMOKE = Sizes(32, 2**12, 2, 12, 8, (0.001, 0.01), (2, 3), (1, 2), 1)


@dataclass(frozen=True)
class StepOptions:
    """Options by which training steps are accelerated."""

    captured: bool
    """Whether steps are captured as CUDA graphs."""
    fused: bool
    """Whether updates of optimizers are fused."""
    precision: str = ""
    """The value of MLI_TRAINING_PRECISION."""


STEP_OPTIONS = {
    "plain": StepOptions(captured=False, fused=False),
    "CUDA graphs": StepOptions(captured=True, fused=False),
    "and fused updates": StepOptions(captured=True, fused=True),
    "and TF32": StepOptions(captured=True, fused=True, precision="tf32"),
}


@contextmanager
def set_options(way: StepOptions) -> Generator[None, None, None]:
    """Set the environment variables of the options while entered."""
    variables = {FUSED_UPDATES: str(int(way.fused)), TRAINING_PRECISION: way.precision}
    before = {name: os.environ.get(name, "") for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.update(before)


def available_options(place: torch.device) -> dict[str, StepOptions]:
    """Return the options of a device: plain steps on a CPU, no fused updates on a GPU without a compiler."""
    if place.type != "cuda":
        return {"plain": STEP_OPTIONS["plain"]}
    return {name: replace(way, fused=way.fused and fuses_updates()) for name, way in STEP_OPTIONS.items()}


def table_1_stack(
    hidden: tuple[int, ...], rates: Sequence[float], batch_norm: bool, batch_size: int = 128
) -> list[Run]:
    """Return the runs of a stack of table 1: SGD and Adam at each learning rate."""
    base = mlp_run(hidden, batch_norm)
    changes = {"batch_size": batch_size, "activation": "relu" if batch_norm else "tanh"}
    return [
        base.model_copy(update=changes | {"optimizer": optimizer, "lr": lr})
        for optimizer in ("sgd", "adam")
        for lr in rates
    ]


def step_seconds(runs: Sequence[Run], data: Dataset, place: torch.device, way: StepOptions, steps: int) -> float:
    """Return the mean time of a stack's step in its second epoch, in seconds.

    Args:
        runs: The runs of the stack.
        data: The data, of which the first examples are used.
        place: The device.
        way: Options of the steps.
        steps: Number of steps of an epoch.
    """
    count = steps * runs[0].batch_size
    some = replace(data, train_x=data.train_x[:count], train_y=data.train_y[:count])
    runs = sorted((run.model_copy(update={"epochs": 2}) for run in runs), key=stacking_order)
    with set_options(way):
        stack = Stack(runs, some, place, torch.float32)
        if not way.captured:
            stack.recorder = None
        stack.train_epoch(0)
        synchronize(place)
        started = time.perf_counter()
        stack.train_epoch(1)
        synchronize(place)
        return (time.perf_counter() - started) / len(stack.minibatches.slices)


def least_work(runs: Sequence[Run]) -> tuple[float, float]:
    """Return the least work of a step of a stack of fully-connected networks 784-...-10.

    Args:
        runs: The runs.

    Returns:
        Floating-point operations of its matrix products, without gradients of the examples; and bytes that updates
        move in single precision: each gradient is written and read, each weight and its state are read and written.
    """
    sizes = (784, *runs[0].hidden, 10)
    weights = [first * second for first, second in zip(sizes, sizes[1:], strict=False)]
    operations = 2 * runs[0].batch_size * (3 * sum(weights) - weights[0])
    states = {"sgd": 1, "adam": 2}
    moved = sum(4 * sum(weights) * (2 + 2 * (1 + states[run.optimizer])) for run in runs)
    return float(operations * len(runs)), float(moved)


def measure_bandwidth(place: torch.device, numbers: int) -> float:
    """Return the memory bandwidth of a copy of `numbers` floats, read and written, in bytes per second."""
    source = torch.zeros(numbers, device=place)
    target = torch.empty_like(source)

    def copy() -> None:
        target.copy_(source)
        synchronize(place)

    return 8 * numbers / time_in_turn({"copy": copy}, 20)["copy"].wall


def line_seconds(run: Run, data: Dataset, place: torch.device) -> float:
    """Return the time of a run's own line with the settings of table 1 and 1,000 Gauss lengths, in seconds."""
    params = load(Path("paper/params.yaml"))
    settings, task = params.interpolate, task_of(run, data, place)
    start, end = (initial_parameters(run.model_copy(update={"seed": seed}), (1, 28, 28), 10)[2] for seed in (0, 1))
    alphas = torch.linspace(settings.alphas.start, settings.alphas.stop, settings.alphas.points, device=place)
    care = EvaluationOptions(settings.refinement)
    once = partial(sweep_line, task, start.to(place), end.to(place), alphas, settings.batch_norm, 1000, 100, care)
    with torch.no_grad():
        return time_in_turn({"line": once}, 1)["line"].wall


def steps_table(data: Dataset, place: torch.device, sizes: Sizes) -> str:
    """Return the table of milliseconds per step, by stack and options."""
    product, copy = (
        measure_product_rate(1, sizes.matrix, sizes.matrix, sizes.matrix, place=place),
        measure_bandwidth(place, sizes.copied),
    )
    name = torch.cuda.get_device_name(place) if place.type == "cuda" else "CPU"
    chosen, wide, narrow = available_options(place), (sizes.wide,) * 2, (sizes.narrow,) * 2
    rates = sizes.learning_rates
    kinds = {
        f"{2 * len(rates)} x 784-{sizes.wide}-{sizes.wide}-10, tanh": (table_1_stack(wide, rates, False), "0.8"),
        "the same with ReLU and batch norm": (table_1_stack(wide, rates, True), ""),
        "the same, batches of 512": (table_1_stack(wide, rates, True, 512), ""),
    }
    kinds |= {
        f"{count} x 784-{sizes.narrow}-{sizes.narrow}-10": (
            [mlp_run(narrow, seed=seed) for seed in range(count)],
            "0.6" if count == max(sizes.stacks) else "",
        )
        for count in sizes.stacks
    }
    lines = [
        f"{name}, torch {torch.__version__}. Products of {sizes.matrix} rows: {product / 1e12:.3g} TFLOP/s in single "
        f"precision; memory: {copy / 1e9:.4g} GB/s. Fractions of these are of the last way in single precision.",
        "",
        f"| stack | {', ms | '.join(chosen)}, ms | goal, ms | TFLOP/s | of products | of memory |",
        "|" + "---|" * (len(chosen) + 5),
    ]
    for label, (runs, goal) in kinds.items():
        seconds = {way: step_seconds(runs, data, place, how, sizes.steps) for way, how in chosen.items()}
        single = [seconds[way] for way, how in chosen.items() if not how.precision][-1]
        operations, moved = least_work(runs)
        cells = [f"{1000 * value:.3g}" for value in seconds.values()]
        cells += [goal, f"{operations / single / 1e12:.3g}"]
        cells += [f"{operations / single / product:.3f}", f"{moved / single / copy:.3f}"]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def table_1(data: Dataset, place: torch.device, sizes: Sizes) -> str:
    """Return lines per second, and the projected time of table 1 from one stack and one line of each kind."""
    steps = -(-len(data.train_x) // 128) * TABLE_1_EPOCHS
    fastest = {
        how.precision or "float32": how for how in available_options(place).values()
    }  # of each precision the last
    training, walking, runs_in_all, lines = dict.fromkeys(fastest, 0.0), 0.0, 0, []
    for depth in sizes.depths:
        for batch_norm in (False, True):
            runs = table_1_stack((sizes.wide,) * depth, sizes.learning_rates, batch_norm)
            for precision, way in fastest.items():
                each = step_seconds(runs, data, place, way, sizes.steps)
                training[precision] += TABLE_1_REPEATS * steps * each
            line = line_seconds(runs[0], data, place)
            walking += TABLE_1_REPEATS * len(runs) * line
            runs_in_all += TABLE_1_REPEATS * len(runs)
            norm = "with" if batch_norm else "without"
            lines.append(f"| {depth} hidden layers of {sizes.wide}, {norm} batch norm | {1 / line:.3g} |")
    head = ["| own lines, 1,000 Gauss lengths included | lines a second |", "|---|---|"]
    projected = [
        f"Table 1 ({runs_in_all} runs of {TABLE_1_EPOCHS} epochs, one process), trained in {precision}: "
        f"{(seconds + walking) / 60:.3g} minutes, of which lines {walking / 60:.3g}; "
        f"goal: {TABLE_1_GOALS[precision]}."
        for precision, seconds in training.items()
    ]
    return "\n".join([*head, *lines, "", *projected])


def suites_table(place: torch.device, sizes: Sizes, deadline: float) -> str:
    """Return the table of the default suites on this device compared with the CPU."""
    params = load(Path("params.yaml"))
    names = list(params.suites)[: sizes.suites]
    head = [
        "The largest difference from the CPU, relative to a curve's largest value, of some runs of each default suite:",
        "",
        "| suite, two epochs of 500 examples | losses by epoch | losses on lines between the same weights | s | |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *compare_suites(params, names, place, deadline)])


def report(data: Dataset, place: torch.device, sizes: Sizes) -> str:
    """Run all benchmarks.

    Args:
        data: Examples of MNIST's shape.
        place: The device.
        sizes: Sizes of what is measured.

    Returns:
        The text of BENCHMARKS_GPU.md.
    """
    started = time.monotonic()
    parts = ["# Benchmarks on a GPU", "Written by `MLI_DEVICE=cuda make bench-gpu`."]
    for title, part in (
        ("Training, milliseconds a step", lambda: steps_table(data, place, sizes)),
        ("Lines, and table 1", lambda: table_1(data, place, sizes)),
        ("The default suites", lambda: suites_table(place, sizes, started + BUDGET_SECONDS)),
    ):
        parts += [f"## {title}", part()]
        print(f"{title}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return "\n\n".join(parts) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write BENCHMARKS_GPU.md; exit with 1 if a suite differs from the CPU or was not reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, to test this script; writes nothing")
    smoke, place = parser.parse_args(arguments).smoke, device()
    if place.type != "cuda" and not smoke:
        sys.exit("error: no GPU is used; run it as MLI_DEVICE=cuda make bench-gpu on a machine that has one")
    data = mnist_like()
    if smoke:
        few = {"train_x": data.train_x[:1100], "train_y": data.train_y[:1100]}
        data = replace(data, **few, test_x=data.test_x[:50], test_y=data.test_y[:50])
    text = report(data, place, SMOKE if smoke else Sizes())
    print(text)
    if not smoke:
        write_bytes(Path("BENCHMARKS_GPU.md"), text.encode())
    if "DIFFERS" in text or "not reached" in text:
        sys.exit("error: a suite differs from the CPU, or was not reached in time")


if __name__ == "__main__":
    main()
