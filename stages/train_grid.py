"""Stage `train_grid`: the runs of a suite -> data/runs/SUITE.json, data/training/SUITE/{runs,epochs}.csv.

The weights stay in the store; data/runs/SUITE.json lists the digest of each run's weights, so that DVC sees a change.
"""

from collections.abc import Sequence

from stages.command import main
from stages.config import Run
from stages.config.job import Job
from stages.datasets.splits import describe_dataset
from stages.shared.csv_files import write_csv
from stages.shared.errors import UserError
from stages.shared.files import replacing, write_json
from stages.shared.store import Store
from stages.training.keys import evaluation_key, run_key
from stages.training.outcomes import stored_outcome, tabulate_outcomes
from stages.training.stored_runs import StoredRuns
from stages.workers.fill import check_settings, fill
from stages.workers.task import Task, factories_of


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
    outcomes = [stored_outcome(store, key, run, evaluations[key]) for key, run in runs.items()]
    run_table, epoch_table = tabulate_outcomes(outcomes, suite.threshold)
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
