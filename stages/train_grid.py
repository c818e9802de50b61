"""Stage `train_grid`: the runs of a suite -> data/runs/SUITE.json, data/training/SUITE/{runs,epochs}.csv.

The weights stay in the store; data/runs/SUITE.json lists the digest of each run's weights, so that DVC sees a change.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stages.command import main
from stages.config import Run
from stages.config.job import Job
from stages.datasets.splits import describe_dataset
from stages.shared.csv_files import write_csv
from stages.shared.errors import UserError
from stages.shared.files import replacing, write_json
from stages.shared.store import Store
from stages.training.keys import evaluation_key, run_key
from stages.training.stored_runs import StoredRuns
from stages.workers.fill import check_settings, fill
from stages.workers.task import Task, factories_of

EVALUATED = ("final_train_loss", "train_accuracy", "final_test_loss", "test_accuracy")


def status(diverged: bool, final_train_loss: float, threshold: float) -> str:
    """Return the status of a run: `diverged` (not finite), `above threshold`, or `converged`."""
    if diverged or not np.isfinite(final_train_loss):
        return "diverged"
    return "converged" if final_train_loss <= threshold else "above threshold"


def tables(
    store: Store, runs: dict[str, Run], evaluations: dict[str, str], threshold: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of a suite's training, both in the order of `runs`.

    Args:
        store: The store, which has all runs and evaluations.
        runs: The runs by their identity.
        evaluations: Keys of the evaluations of final weights, by run.
        threshold: Largest final training loss of a converged run.

    Returns:
        A table with a row a run, and a table with a row a run and epoch.
    """
    rows, curves = [], []
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
        curves.append((arrays["epoch_loss"], arrays["epoch_distance"]))
    done = [len(loss) for loss, _ in curves]
    epochs = {
        "run_id": np.repeat(list(runs), done),
        "epoch": np.concatenate([np.arange(1, count + 1) for count in done]),
        "loss": np.concatenate([loss for loss, _ in curves]),
        "distance": np.concatenate([distance for _, distance in curves]),
    }
    return pd.DataFrame(rows), pd.DataFrame(epochs)


def check_sizes(name: str, runs: Sequence[Run], examples: int) -> None:
    """Refuse runs that ask for more training examples than the dataset has, before any is trained.

    Args:
        name: The suite's name.
        runs: Its runs.
        examples: The number of training examples.

    Raises:
        UserError: If a run asks for more.
    """
    for run in runs:
        if (run.train_size or 0) > examples:
            raise UserError(
                f"suites.{name}: train_size: got {run.train_size}, expected at most {examples}, "
                f"the training examples of {run.dataset}"
            )


def train_grid(job: Job) -> None:
    """Train the runs of a suite that the store lacks, and write the suite's outputs from the store.

    Args:
        job: The job, with the name of the suite.

    Raises:
        UserError: If a setting, the dataset or a file of weights is faulty, or a run cannot be trained.
    """
    check_settings()
    suite, settings = job.params.suite(job.name), job.params.interpolate.batch_norm
    dataset_file = job.dataset_file(suite.dataset).resolve()
    dataset = describe_dataset(dataset_file)
    check_sizes(job.name, job.params.runs(job.name), dataset.examples)
    store = Store.default()
    runs = {run_key(run, dataset.checksum): run for run in job.params.runs(job.name)}
    evaluations = {key: evaluation_key(key, settings) for key in runs}
    read = 0
    if factories_of(runs.values()):
        from stages.training.training_tasks import read_weights, verify_networks  # imports PyTorch

        verify_networks(store, runs, dataset_file)
        read = read_weights(store, runs, dataset_file)

    def plan(missing: list[int]) -> list[Task]:
        from stages.training.training_tasks import training_tasks  # imports PyTorch, which takes seconds

        items = list(runs.items())
        return training_tasks(dict(items[position] for position in missing), store, dataset_file, settings)

    entries = {"runs": list(runs), "evaluations": list(evaluations.values())}
    title = f"train_grid {job.name}"
    trained = len(fill(store, entries, plan, title, "run", "stages.training.train_task", dataset_file)["runs"])
    run_table, epoch_table = tables(store, runs, evaluations, suite.threshold)
    write_json(job.runs_file(job.name), StoredRuns(store).digests(runs))
    with replacing(job.training_folder(job.name)) as folder:
        folder.mkdir()
        write_csv(folder / "runs.csv", run_table)
        write_csv(folder / "epochs.csv", epoch_table)
    counts = run_table["status"].value_counts()
    from_files = f"{read} read from files, " if any(run.weights for run in runs.values()) else ""
    print(
        f"{title}: {len(runs)} runs, {len(runs) - trained - read} reused, {from_files}{trained} trained; "
        + ", ".join(f"{counts.get(name, 0)} {name}" for name in ("converged", "above threshold", "diverged"))
    )


if __name__ == "__main__":
    main(train_grid, __doc__, per="suite")
