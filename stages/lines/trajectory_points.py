"""The points of a training trajectory: the epochs whose weights are known, and the key of their evaluation."""

import numpy as np

from stages.config import BatchNormStatistics, Run
from stages.shared.environment import identity
from stages.training.keys import EVALUATION_NUMERICS
from stages.training.stored_runs import StoredRuns


def trajectory_epochs(run: Run) -> tuple[int, ...]:
    """Return the epochs after which the weights of a run are known: 0, its snapshots, and the last."""
    return tuple(sorted({0, *run.snapshots, run.epochs}))


def point_name(run: Run, epoch: int) -> str:
    """Return the name that the weights after an epoch of `trajectory_epochs` have in the run's file."""
    return {0: "initial", run.epochs: "final"}.get(epoch, f"epoch_{epoch}")


def load_trajectory(run_id: str, run: Run, stored: StoredRuns) -> np.ndarray:
    """Return the weights of a run after each epoch of `trajectory_epochs`, shape (P, D)."""
    return np.stack([stored.weights(run_id, point_name(run, epoch)) for epoch in trajectory_epochs(run)])


def trajectory_key(run_id: str, run: Run, settings: BatchNormStatistics) -> str:
    """Return the key under which the store keeps the evaluation of a run's trajectory."""
    content = {"run": run_id, "epochs": trajectory_epochs(run), "batch_norm": settings.model_dump(mode="json")}
    return identity(content | {"numerics": EVALUATION_NUMERICS})
