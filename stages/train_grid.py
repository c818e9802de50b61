"""Stage `train_grid`: the runs of a suite -> data/runs/SUITE/*.safetensors, data/training/SUITE/{runs,epochs}.csv."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stages.command import main
from stages.config import Run
from stages.config.job import Job
from stages.datasets.splits import describe_dataset
from stages.shared.csv_files import write_csv
from stages.shared.errors import UserError
from stages.shared.files import replacing
from stages.shared.progress import bar
from stages.shared.store import Store
from stages.training.keys import evaluation_key, run_key
from stages.workers import server
from stages.workers.local import jobs
from stages.workers.task_queue import time_limit
from stages.workers.tasks import Places, factories_of, run_tasks

EVALUATED = ("final_train_loss", "train_accuracy", "final_test_loss", "test_accuracy")


def status(diverged: bool, final_train_loss: float, threshold: float) -> str:
    """Return how a run ended: `diverged` (not finite), `above threshold`, or `converged`."""
    if diverged or not np.isfinite(final_train_loss):
        return "diverged"
    return "converged" if final_train_loss <= threshold else "above threshold"


def tables(store: Store, runs: dict[str, Run], evaluations: dict[str, str], threshold: float) -> tuple:
    """Return the table of runs (one row each) and that of epochs (one row a run and epoch), in the order of `runs`."""
    rows, courses = [], []
    for key in runs:
        arrays, about = store.get("runs", key)
        numbers = store.get("evaluations", evaluations[key])[0]["numbers"]
        ended = status(about["diverged"], numbers[0], threshold)
        numbers = np.where(ended == "diverged", np.nan, numbers)
        rows.append(
            {
                "run_id": key,
                "configuration": Store.key(runs[key].spec()),
                "status": ended,
                "epochs_done": len(arrays["epoch_loss"]),
            }
            | {"final_epoch_loss": arrays["epoch_loss"][-1] if len(arrays["epoch_loss"]) else np.nan}
            | dict(zip(EVALUATED, numbers, strict=True))
        )
        courses.append((arrays["epoch_loss"], arrays["epoch_distance"]))
    done = [len(loss) for loss, _ in courses]
    epochs = {
        "run_id": np.repeat(list(runs), done),
        "epoch": np.concatenate([np.arange(1, count + 1) for count in done]),
        "loss": np.concatenate([loss for loss, _ in courses]),
        "distance": np.concatenate([distance for _, distance in courses]),
    }
    return pd.DataFrame(rows), pd.DataFrame(epochs)


def check_sizes(name: str, runs: Sequence[Run], examples: int) -> None:
    """Refuse runs that ask for more training examples than there are, before any is trained.

    Args:
        name: The suite's name.
        runs: Its runs.
        examples: How many there are.

    Raises:
        UserError: If there is one.
    """
    for run in runs:
        if (run.train_size or 0) > examples:
            raise UserError(
                f"suites.{name}: train_size: got {run.train_size}, expected at most {examples}, "
                f"the training examples of {run.dataset}"
            )


def train_grid(job: Job) -> None:
    """Train what the store lacks of a suite, and rebuild the suite's outputs from the store."""
    suite = job.params.suite(job.name)
    jobs(), time_limit()  # what is wrong in the environment is refused before anything is written
    dataset_path = job.dataset_file(suite.dataset).resolve()
    description = describe_dataset(dataset_path)
    settings = job.params.interpolate.batch_norm
    check_sizes(job.name, job.params.runs(job.name), description.examples)
    store = Store.default()
    runs = {run_key(run, description.checksum): run for run in job.params.runs(job.name)}
    evaluations = {key: evaluation_key(key, settings) for key in runs}
    absent = {key for key in runs if not store.has("runs", key)}
    elsewhere = {key: run for key, run in runs.items() if run.weights and key in absent}
    missing = absent - elsewhere.keys()
    todo = [(key, run) for key, run in runs.items() if key in absent or not store.has("evaluations", evaluations[key])]
    work, train_task = [], None
    if todo or factories_of(runs.values()):
        server.start("stages.training.grid")  # while this process imports the same
        from stages.datasets.dataset import load_dataset
        from stages.training.work import keep_given, tasks_of, train_task, verify_networks

        dataset = load_dataset(dataset_path, verify=False)
        verify_networks(store, runs, dataset)
        keep_given(store, elsewhere, dataset)
        work = tasks_of(todo, runs.keys() - missing, store, dataset, settings)
    with bar(f"train_grid {job.name}", "run", len(runs), len(runs) - len(todo)) as progress:
        trained, diverged = 0, sum(store.about("runs", key)["diverged"] for key in runs if key not in missing)
        progress.set_postfix(reused=len(runs) - len(missing), trained=trained, diverged=diverged)
        for new, lost in run_tasks(train_task, Places(dataset_path, store.folder), work, progress):
            trained, diverged = trained + new, diverged + lost
            progress.set_postfix(reused=len(runs) - len(missing), trained=trained, diverged=diverged, refresh=False)
    run_table, epoch_table = tables(store, runs, evaluations, suite.threshold)
    collect(store, list(runs), job.runs_folder(job.name))
    with replacing(job.training_folder(job.name)) as folder:
        folder.mkdir()
        write_csv(folder / "runs.csv", run_table)
        write_csv(folder / "epochs.csv", epoch_table)
    counts = run_table["status"].value_counts()
    read = f"{len(elsewhere)} read from files, " if any(run.weights for run in runs.values()) else ""
    reused = len(runs) - len(missing) - len(elsewhere)
    print(
        f"train_grid {job.name}: {len(runs)} runs, {reused} reused, {read}{len(missing)} trained; "
        + ", ".join(f"{counts.get(name, 0)} {name}" for name in ("converged", "above threshold", "diverged"))
    )


def collect(store: Store, keys: list[str], target: Path) -> None:
    """Make `target` a folder of exactly these runs: links where the disk allows, so that they are not kept twice."""
    with replacing(target) as folder:
        folder.mkdir()
        for key in keys:
            try:
                os.link(store.path("runs", key), folder / f"{key}.safetensors")
            except OSError:
                shutil.copyfile(store.path("runs", key), folder / f"{key}.safetensors")


if __name__ == "__main__":
    main(train_grid, __doc__, per="suite")
