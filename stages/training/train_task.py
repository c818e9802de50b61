"""The task of stage `train_grid`: training runs and evaluating their final weights."""

from collections.abc import Sequence

import numpy as np
import torch

from stages.config import BatchNormStatistics, Run
from stages.datasets.dataset import Dataset, cached_dataset
from stages.networks.evaluation import evaluate_points, task_of
from stages.shared.device import device
from stages.shared.errors import UserError
from stages.shared.store import Store
from stages.training.keys import evaluation_key
from stages.training.stored_runs import vector
from stages.training.trained_run import to_arrays
from stages.training.training_loop import train
from stages.workers.progress_report import report_progress
from stages.workers.task import TaskPaths


def train_task(paths: TaskPaths, runs: Sequence[tuple[str, Run]], settings: BatchNormStatistics) -> dict[str, int]:
    """Train runs that can be stacked and evaluate their final weights, as far as the store lacks them.

    Args:
        paths: The dataset and the store.
        runs: The runs, each with its identity, which other machines could not compute without the user's files.
        settings: How final weights are evaluated.

    Returns:
        `trained`, the number of runs that were trained, and `diverged`, the number of these that diverged.

    Raises:
        UserError: If the store lacks a run that was trained elsewhere.
    """
    dataset, store = cached_dataset(paths.dataset), Store(paths.store)
    new = [(key, run) for key, run in runs if not store.has("runs", key)]
    for key, run in new:
        if run.weights:
            raise UserError(
                f"{store.path('runs', key)} is missing: the run whose weights are {run.weights[1]} was trained "
                "elsewhere and is never trained here; run the stage again"
            )
    diverged = 0
    if new:
        epochs = new[0][1].epochs

        def progress(fraction: float) -> None:
            report_progress(fraction * epochs / (epochs + 1))  # the evaluation below takes about as long as an epoch

        found = train([run for _, run in new], dataset, device(), progress=progress)
        for (key, run), trained in zip(new, found, strict=True):
            store.put("runs", key, *to_arrays(trained, {"run": run.spec(), "dataset": dataset.checksum}))
            diverged += trained.diverged
    _evaluate(store, runs, dataset, settings)
    return {"trained": len(new), "diverged": diverged}


def _evaluate(store: Store, runs: Sequence[tuple[str, Run]], dataset: Dataset, settings: BatchNormStatistics) -> None:
    for data_key in sorted({run.data_key for _, run in runs}, key=repr):
        chosen = [
            (key, run)
            for key, run in runs
            if run.data_key == data_key and not store.has("evaluations", evaluation_key(key, settings))
        ]
        if not chosen:
            continue
        task = task_of(chosen[0][1], dataset, device())
        theta = torch.stack([torch.from_numpy(vector(*store.get("runs", key), "final")) for key, _ in chosen])
        train_split, test_split = evaluate_points(task, theta.to(device()), settings)
        for row, (key, _) in enumerate(chosen):
            numbers = [train_split.loss, train_split.accuracy, test_split.loss, test_split.accuracy]
            array = np.array([float(values[row]) for values in numbers])
            store.put("evaluations", evaluation_key(key, settings), {"numbers": array}, {"run": key})
