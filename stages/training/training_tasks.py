"""Dividing the runs of a suite into tasks, and runs with user-defined networks: imported only if there is work."""

from collections.abc import Mapping
from pathlib import Path

from stages.config import BatchNormStatistics, Run
from stages.datasets.dataset import cached_dataset
from stages.shared.device_type import device_type
from stages.shared.environment import identity
from stages.shared.store import Store
from stages.training.pretrained import load_pretrained, load_state_dicts
from stages.training.stack_plan import plan_stacks_with_workloads
from stages.training.train_task import train_task
from stages.training.trained_run import to_arrays
from stages.workers.fill import worker_count
from stages.workers.task import Task, factories_of


def training_tasks(
    runs: Mapping[str, Run], store: Store, dataset_file: Path, settings: BatchNormStatistics
) -> list[Task]:
    """Divide runs into tasks of `train_task`, a stack of runs each.

    Args:
        runs: Runs to train or to evaluate, by their identity.
        store: The store; of runs whose weights it has, only the evaluation is missing.
        dataset_file: Their data.
        settings: How final weights are evaluated.

    Returns:
        The tasks, the longest first.
    """
    dataset = cached_dataset(dataset_file)
    key_of = {run: key for key, run in runs.items()}
    size = (len(dataset.train_x), dataset.shape, dataset.classes)
    return [
        Task(
            train_task,
            ([(key_of[run], run) for run in stack], settings),
            tuple(store.path("runs", key_of[run]) for run in stack),
            factories_of(stack),
            workload,
        )
        for workload, stack in plan_stacks_with_workloads(list(key_of), *size, worker_count(), device_type())
    ]


def verify_networks(store: Store, runs: Mapping[str, Run], dataset_file: Path) -> None:
    """Compare each user-defined network, as it is computed here, with PyTorch; once for each factory.

    The network is that of the factory's first run, with the weights of its files if it has some.

    Args:
        store: The store, in which it is noted which networks have passed.
        runs: The runs of a suite by their identity.
        dataset_file: Their data.

    Raises:
        UserError: If a network is computed differently here.
    """
    for factory in factories_of(runs.values()):
        from stages.networks.verification import VERSION, verify  # torchvision takes seconds to import

        own = [(key, run) for key, run in runs.items() if run.factory == factory]
        key, run = next(((key, run) for key, run in own if run.weights), own[0])
        trains = any(not run.weights for _, run in own)
        several_seeds = len({run.seed for _, run in own if not run.weights}) > 1
        passed = identity({"run": key, "trains": trains, "several_seeds": several_seeds, "version": VERSION})
        if not store.has("verifications", passed):
            dataset = cached_dataset(dataset_file)
            verify(run, dataset, load_state_dicts(run, dataset) if run.weights else [], trains, several_seeds)
            store.put("verifications", passed, {}, {"factory": factory})


def read_weights(store: Store, runs: Mapping[str, Run], dataset_file: Path) -> int:
    """Put runs that were trained elsewhere into the store, with the weights of the user's files.

    Args:
        store: The store.
        runs: The runs of a suite by their identity; those without files, or in the store already, are skipped.
        dataset_file: Their data.

    Returns:
        The number of runs that were read.

    Raises:
        UserError: If a file is no state dict of its network.
    """
    absent = {key: run for key, run in runs.items() if run.weights and not store.has("runs", key)}
    for key, run in absent.items():
        dataset = cached_dataset(dataset_file)
        store.put(
            "runs", key, *to_arrays(load_pretrained(run, dataset), {"run": run.spec(), "dataset": dataset.checksum})
        )
    return len(absent)
