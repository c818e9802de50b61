"""What stage `train_grid` computes: imported only where the store lacks something, or a network is the user's."""

from collections.abc import Mapping, Sequence

from stages.config import BatchNormStatistics, Run
from stages.datasets.dataset import Dataset
from stages.shared.device_type import device_type
from stages.shared.environment import identity
from stages.shared.store import Store
from stages.training.given import given, states_of
from stages.training.grid import train_task
from stages.training.plan import stacks_with_efforts
from stages.training.trained_arrays import to_arrays
from stages.workers.tasks import Task, factories_of, room

__all__ = ["keep_given", "tasks_of", "train_task", "verify_networks"]


def verify_networks(store: Store, runs: Mapping[str, Run], dataset: Dataset) -> None:
    """Hold each network of the user's to the untouched one, once for each factory and the files of its first run.

    Args:
        store: Where it is noted which networks have passed.
        runs: The runs of a suite by their identity.
        dataset: Their data.

    Raises:
        UserError: If a network would be computed otherwise here than by PyTorch.
    """
    for factory in factories_of(runs.values()):
        from stages.networks.verification import VERSION, verify  # torchvision takes seconds to import

        own = [(key, run) for key, run in runs.items() if run.factory == factory]
        key, run = next(((key, run) for key, run in own if run.weights), own[0])
        trains = any(not run.weights for _, run in own)
        several_seeds = len({run.seed for _, run in own if not run.weights}) > 1
        passed = identity({"run": key, "trains": trains, "several_seeds": several_seeds, "version": VERSION})
        if not store.has("verifications", passed):
            verify(run, dataset, states_of(run, dataset) if run.weights else [], trains, several_seeds)
            store.put("verifications", passed, {}, {"factory": factory})


def keep_given(store: Store, runs: Mapping[str, Run], dataset: Dataset) -> None:
    """Keep runs that were trained elsewhere: their weights are read from the user's files.

    Args:
        store: Where to keep them.
        runs: The runs by their identity.
        dataset: Their data.

    Raises:
        UserError: If a file is no state dict of its network.
    """
    for key, run in runs.items():
        store.put("runs", key, *to_arrays(given(run, dataset), {"run": run.spec(), "dataset": dataset.checksum}))


def tasks_of(
    todo: Sequence[tuple[str, Run]], trained: set[str], store: Store, dataset: Dataset, settings: BatchNormStatistics
) -> list[Task]:
    """Divide runs into tasks of `train_task`.

    Args:
        todo: Runs to train or to evaluate, each with its identity.
        trained: Identities of those whose weights the store has.
        store: The store.
        dataset: Their data.
        settings: How final weights are evaluated.

    Returns:
        A task a stack.
    """
    key_of = {run: key for key, run in todo}
    runs, examples = list(key_of), len(dataset.train_x)
    divided = stacks_with_efforts(runs, examples, dataset.shape, dataset.classes, room(), device_type()) if todo else []
    return [
        Task(
            ([(key_of[run], run) for run in stack], settings),
            tuple(store.path("runs", key_of[run]) for run in stack if key_of[run] in trained),
            factories_of(stack),
            effort,
        )
        for effort, stack in divided
    ]
