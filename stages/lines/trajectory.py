"""Evaluating the points that a training passed, by its snapshots."""

import torch

from stages.config import BatchNormStatistics, Run
from stages.lines.passed import points_passed, trajectory_key
from stages.networks.evaluation import evaluate_points, task_of
from stages.shared.device import device
from stages.shared.store import Store
from stages.training.grid import cached_dataset
from stages.training.run_files import RunFolder
from stages.workers.tasks import Places


def trajectory_task(places: Places, run_id: str, run: Run, settings: BatchNormStatistics) -> int:
    """Evaluate what a run passed and keep it.

    Args:
        places: Where the suite's data and its runs are, and the store to keep it in.
        run_id: The run.
        run: Its configuration.
        settings: How batch-norm statistics are estimated at each point.

    Returns:
        1, the number of runs.
    """
    dataset, store = cached_dataset(places.dataset), Store(places.store)
    theta = torch.from_numpy(points_passed(run_id, run, RunFolder(places.runs))).to(device())
    train, test = evaluate_points(task_of(run, dataset, device()), theta, settings)
    arrays = {"loss_train": train.loss, "loss_test": test.loss}
    arrays |= {"accuracy_train": train.accuracy, "accuracy_test": test.accuracy}
    arrays = {name: values.cpu().numpy() for name, values in arrays.items()}
    store.put("trajectories", trajectory_key(run_id, run, settings), arrays, {"run": run_id})
    return 1
