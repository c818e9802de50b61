"""Training the runs of a grid that the store lacks, and evaluating their final weights."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from stages.config import BatchNormStatistics, Run
from stages.datasets.dataset import Dataset, load_dataset
from stages.networks.evaluation import evaluate_points, task_of
from stages.shared.device import device
from stages.shared.errors import UserError
from stages.shared.store import Store
from stages.training.keys import evaluation_key
from stages.training.run_files import vector
from stages.training.stack import train
from stages.training.trained_arrays import to_arrays
from stages.workers.shares import report_share
from stages.workers.tasks import Places


@lru_cache(maxsize=2)
def cached_dataset(path: Path) -> Dataset:
    """Return a dataset, read once a process; the stage has checked it before."""
    return load_dataset(path, verify=False)


def train_task(places: Places, runs: Sequence[tuple[str, Run]], settings: BatchNormStatistics) -> tuple[int, int]:
    """Train and evaluate what the store lacks of some runs of one stack key.

    Args:
        places: Where their data are, and the store to keep them in.
        runs: The runs, each with its identity. The stage gives that: another machine need not have the user's files.
        settings: How final weights are evaluated.

    Returns:
        How many runs were trained, and how many of these diverged.

    Raises:
        UserError: If the store lacks a run that was trained elsewhere.
    """
    dataset, store = cached_dataset(places.dataset), Store(places.store)
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

        def progress(share: float) -> None:
            report_share(share * epochs / (epochs + 1))  # the evaluation below takes about as long as an epoch

        found = train([run for _, run in new], dataset, device(), progress=progress)
        for (key, run), trained in zip(new, found, strict=True):
            store.put("runs", key, *to_arrays(trained, {"run": run.spec(), "dataset": dataset.checksum}))
            diverged += trained.diverged
    _evaluate(store, runs, dataset, settings)
    return len(new), diverged


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
