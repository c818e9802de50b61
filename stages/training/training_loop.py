"""The one training loop: runs of one architecture, trained together in a stack."""

from collections.abc import Callable, Sequence

import torch

from stages.config import Run
from stages.datasets.dataset import Dataset
from stages.training.schedule import stacking_order
from stages.training.stack import Stack
from stages.training.stack_capacity import largest_stack
from stages.training.trained_run import RunRecord, TrainedRun


def ignore_progress(share: float) -> None:
    """Do nothing with the share, from 0 to 1, of the work that is done."""


def train(
    runs: Sequence[Run],
    dataset: Dataset,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    progress: Callable[[float], None] = ignore_progress,
) -> list[TrainedRun]:
    """Train runs of one stack key: together, or one after the other where they are too large to gain from a stack.

    A run whose loss or weights are not finite at the end of an epoch is stopped there and leaves the stack.

    Args:
        runs: Runs with equal `stack_key`.
        dataset: Their data.
        device: Where to train.
        dtype: Of weights and data.
        progress: Called after each epoch with the share, from 0 to 1, of the work that is done.

    Returns:
        Each run, trained, in the order given.

    Raises:
        ValueError: If the runs cannot be stacked.
    """
    if largest_stack(runs[0], dataset.shape, dataset.classes, device.type) == 1:
        trained: list[TrainedRun] = []
        for run in runs:

            def report(share: float, done: int = len(trained)) -> None:
                progress((done + share) / len(runs))

            trained += _train_stack([run], dataset, device, dtype, report)
        return trained
    order = sorted(range(len(runs)), key=lambda i: stacking_order(runs[i]))
    members = [runs[i] for i in order]
    # A stack of one takes a different kernel and rounds differently, so a single run is trained beside a copy that is
    # discarded.
    stacked = _train_stack(members * 2 if len(members) == 1 else members, dataset, device, dtype, progress)
    finished = dict(zip(order, stacked, strict=False))
    return [finished[i] for i in range(len(runs))]


def _train_stack(
    runs: Sequence[Run],
    dataset: Dataset,
    device: torch.device,
    dtype: torch.dtype,
    progress: Callable[[float], None],
) -> list[TrainedRun]:
    """Train the runs of one stack, in the order of `stacking_order`; a stack of several never shrinks to one."""
    stack = Stack(runs, dataset, device, dtype)
    records = [RunRecord(run, theta) for run, theta in zip(stack.runs, stack.theta, strict=True)]
    rows = list(records)
    for epoch in range(runs[0].epochs):
        losses, distances = stack.train_epoch(epoch), stack.distances()
        progress(stack.done / stack.steps)
        last = stack.done == stack.steps
        for record, loss, distance, theta in zip(rows, losses, distances, stack.theta, strict=True):
            if not record.diverged:
                record.add_epoch(epoch + 1, loss, distance, theta, last)
        alive = [row for row, record in enumerate(rows) if not record.diverged]
        if not alive or last:
            break
        if len(alive) == 1 < len(runs):
            alive = [alive[0] - 1, alive[0]] if alive[0] else [0, 1]
        if len(alive) < len(rows):
            stack.keep(alive)
            rows = [rows[row] for row in alive]
    return [record.finish(stack.layout) for record in records]
