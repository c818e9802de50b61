"""The points that a training passed, by its snapshots, and what identifies their evaluation."""

import numpy as np

from stages.config import BatchNormStatistics, Run
from stages.shared.environment import identity
from stages.training.keys import EVALUATION_NUMERICS
from stages.training.run_files import RunFolder


def passed(run: Run) -> tuple[int, ...]:
    """Return the epochs after which a run's weights are known: 0, its snapshots, and the last."""
    return tuple(sorted({0, *run.snapshots, run.epochs}))


def point(run: Run, epoch: int) -> str:
    """Return the name of the point after an epoch of `passed`, as a run's file has it."""
    return {0: "initial", run.epochs: "final"}.get(epoch, f"epoch_{epoch}")


def points_passed(run_id: str, run: Run, stored: RunFolder) -> np.ndarray:
    """Return the weights after each epoch of `passed`, shape (P, D)."""
    return np.stack([stored.weights(run_id, point(run, epoch)) for epoch in passed(run)])


def trajectory_key(run_id: str, run: Run, settings: BatchNormStatistics) -> str:
    """Return the identity of the evaluation of what a run passed."""
    content = {"run": run_id, "epochs": passed(run), "batch_norm": settings.model_dump(mode="json")}
    return identity(content | {"numerics": EVALUATION_NUMERICS})
