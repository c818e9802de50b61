"""Comparison of the default suites on a GPU and a CPU: some runs of two short epochs each, with their lines."""

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
from stages.lines.sweep import sweep_line
from stages.networks.evaluation import task_of
from stages.training.stack_key import stack_key
from stages.training.training_loop import train

CPU = torch.device("cpu")
EPOCHS = 2
RUNS_OF_A_SUITE = 4
EXAMPLES = 500
"""Largest number of training examples of a run: batches of 128 and a smaller one."""
AGREES = 1e-4
"""Largest difference between curves, relative to the largest value, that rounding may cause in two epochs."""
ROUGHLY_AGREES = 5e-2
"""Largest relative difference for networks with dropout, which draws other random numbers on a GPU."""


def shorten(run: Run) -> Run:
    """Return the run with two epochs of few examples; it switches optimizers after the first, if at all."""
    changes: dict = {"epochs": EPOCHS, "snapshots": (), "train_size": min(run.train_size or EXAMPLES, EXAMPLES)}
    if run.switch_after is not None:
        changes["switch_after"] = 1
    return run.model_copy(update=changes)


def some_runs(runs: Sequence[Run]) -> list[Run]:
    """Return some shortened runs of a suite: one of each architecture and optimizer, at its lowest learning rate."""
    kinds: dict[tuple, Run] = {}
    for run in sorted(runs, key=lambda run: run.lr):  # at high ones rounding decides
        kinds.setdefault((run.optimizer, run.batch_norm, run.network, run.magnitude), shorten(run))
    return list(kinds.values())[:RUNS_OF_A_SUITE]


def relative_difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference of two curves, relative to the largest value of the second."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def compare_suite(params: Params, name: str, dataset: Dataset, place: torch.device) -> tuple[float, float, float]:
    """Train some runs of a suite and evaluate their lines, on a device and on the CPU.

    Args:
        params: The parameters.
        name: The suite.
        dataset: Its data.
        place: The device that is compared with the CPU.

    Returns:
        The largest relative difference of losses by epoch; the largest relative difference of training losses on the
        lines between the weights that the CPU computed; and the seconds that the device took.
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
            of_training.append(relative_difference(one.epoch_loss.numpy(), other.epoch_loss.numpy()))
            curves = []
            for device in (place, CPU):
                started = time.perf_counter()
                ends = other.initial.to(device), other.final.to(device)
                task, examples = task_of(one.run, dataset, device), min(suite.gauss_examples, 16)
                with torch.no_grad():
                    walked = sweep_line(task, *ends, alphas.to(device), params.interpolate.batch_norm, examples, 0)
                curves.append(walked.loss_train)
                seconds += (time.perf_counter() - started) * (device is place)
            of_lines.append(relative_difference(*curves))
    return max(of_training), max(of_lines), seconds


def compare_suites(params: Params, names: Sequence[str], place: torch.device, deadline: float) -> Iterator[str]:
    """Compare suites until a deadline.

    Args:
        params: The parameters.
        names: The suites.
        place: The device that is compared with the CPU.
        deadline: Time of `time.monotonic`, in seconds, after which no further suite is begun.

    Yields:
        A Markdown row per suite, whose last cell says `agrees`, `DIFFERS` or `not reached`.
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
