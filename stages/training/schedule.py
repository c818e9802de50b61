"""Learning rate by epoch."""

from stages.config import Run


def learning_rate(run: Run, epoch: int) -> float:
    """Return the rate of an epoch, counted from 0: `lr` times `decay` for each milestone passed."""
    return run.lr * run.decay ** sum(milestone <= epoch for milestone in run.milestones)
