"""The default suites on a GPU beside a CPU: each cut to some runs of two short epochs, with the lines of these."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from stages.config import Params, Run
from stages.datasets.dataset import Dataset, load_dataset
from stages.datasets.splits import save_dataset
from stages.download import load_source
from stages.lines.sweep import walk
from stages.networks.evaluation import task_of
from stages.training.stack import stack_key, train

CPU = torch.device("cpu")
EPOCHS = 2
RUNS_OF_A_SUITE = 4
EXAMPLES = 500
"""Training examples of a run, at most: batches of 128 and a smaller one."""
AGREES = 1e-4
"""Difference of a curve from the CPU's, relative to its largest value, that rounding may make in two epochs."""
ROUGHLY_AGREES = 5e-2
"""Relative difference that losses of networks with dropout may have, which draws other numbers on a GPU."""


def cut(run: Run) -> Run:
    """Return the run with two epochs of few examples: a switch of optimizers comes after the first."""
    changes: dict = {"epochs": EPOCHS, "snapshots": (), "train_size": min(run.train_size or EXAMPLES, EXAMPLES)}
    if run.switch_after is not None:
        changes["switch_after"] = 1
    return run.model_copy(update=changes)


def some_runs(runs: Sequence[Run]) -> list[Run]:
    """Return some runs of a suite, cut: first those of different kinds, each at its lowest learning rate."""
    kinds: dict[tuple, Run] = {}
    for run in sorted(runs, key=lambda run: run.lr):  # at high rates training is chaotic: rounding decides
        kinds.setdefault((run.optimizer, run.batch_norm, run.network, run.magnitude), cut(run))
    return list(kinds.values())[:RUNS_OF_A_SUITE]


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference of two curves, relative to the largest value of the second."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def compare_suite(params: Params, name: str, dataset: Dataset, place: torch.device) -> tuple[float, float, float]:
    """Train some runs of a suite and walk their lines on a device and on the CPU.

    Args:
        params: The parameters.
        name: Of the suite.
        dataset: Its data.
        place: The device that is held to the CPU.

    Returns:
        The largest relative difference of a run's losses by epoch; that of the training losses on a line between the
        same weights, those that the CPU found; and the seconds that the device took.
    """
    runs, suite = some_runs(params.runs(name)), params.suite(name)
    alphas = torch.linspace(0, 1, 5)
    of_training, of_lines, seconds = [], [], 0.0
    for key in dict.fromkeys(map(stack_key, runs)):
        stack = [run for run in runs if stack_key(run) == key]
        expected = train(stack, dataset, CPU)
        started = time.perf_counter()
        found = train(stack, dataset, place)
        seconds += time.perf_counter() - started
        for one, other in zip(found, expected, strict=True):
            of_training.append(difference(one.epoch_loss.numpy(), other.epoch_loss.numpy()))
            curves = []
            for device in (place, CPU):
                started = time.perf_counter()
                ends = other.initial.to(device), other.final.to(device)
                task, examples = task_of(one.run, dataset, device), min(suite.gauss_examples, 16)
                with torch.no_grad():
                    walked = walk(task, *ends, alphas.to(device), params.interpolate.batch_norm, examples, 0)
                curves.append(walked.loss_train)
                seconds += (time.perf_counter() - started) * (device is place)
            of_lines.append(difference(*curves))
    return max(of_training), max(of_lines), seconds


def compare_suites(params: Params, names: Sequence[str], place: torch.device, deadline: float) -> Iterator[str]:
    """Compare suites, each that can be begun before a deadline.

    Args:
        params: The parameters.
        names: Of the suites.
        place: The device that is held to the CPU.
        deadline: In seconds of `time.monotonic`.

    Yields:
        A Markdown row a suite; its last cell says `agrees`, `DIFFERS` or `not reached`.
    """
    datasets: dict[str, Dataset] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            if time.monotonic() > deadline:
                yield f"| {name} | | | | not reached |"
                continue
            source = params.suite(name).dataset
            if source not in datasets:
                path = Path(folder) / f"{source}.safetensors"
                save_dataset(path, source, load_source(source, params.datasets[source]))
                datasets[source] = load_dataset(path)
            training, lines, seconds = compare_suite(params, name, datasets[source], place)
            bound = ROUGHLY_AGREES if any(run.dropout for run in params.runs(name)) else AGREES
            verdict = "agrees" if training <= bound and lines <= AGREES else "DIFFERS"
            yield f"| {name} | {training:.1e} | {lines:.1e} | {seconds:.1f} | {verdict} |"
