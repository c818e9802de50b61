"""The task that evaluates the points of a run's training trajectory."""

import torch

from stages.config import BatchNormStatistics, Run
from stages.datasets.dataset import cached_dataset
from stages.lines.trajectory_points import load_trajectory, trajectory_key
from stages.networks.evaluation import evaluate_points, task_of
from stages.shared.device import device
from stages.shared.store import Store
from stages.training.stored_runs import StoredRuns
from stages.workers.task import TaskPaths


def trajectory_task(paths: TaskPaths, run_id: str, run: Run, settings: BatchNormStatistics) -> None:
    """Evaluate the points of a run's trajectory and put their losses and accuracies into the store.

    Args:
        paths: Paths of the dataset, and of the store with the suite's runs.
        run_id: The run.
        run: Its configuration.
        settings: How batch-norm statistics are estimated at each point.
    """
    dataset, store = cached_dataset(paths.dataset), Store(paths.store)
    theta = torch.from_numpy(load_trajectory(run_id, run, StoredRuns(Store(paths.store)))).to(device())
    train, test = evaluate_points(task_of(run, dataset, device()), theta, settings)
    values = {"loss_train": train.loss, "loss_test": test.loss}
    values |= {"accuracy_train": train.accuracy, "accuracy_test": test.accuracy}
    arrays = {name: tensor.cpu().numpy() for name, tensor in values.items()}
    store.put("trajectories", trajectory_key(run_id, run, settings), arrays, {"run": run_id})
