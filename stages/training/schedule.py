"""Learning-rate schedule and choice of optimizer by epoch."""

from stages.config import Run


def learning_rate(run: Run, epoch: int) -> float:
    """Return the learning rate of an epoch, counted from 0.

    It is the learning rate of the epoch's optimizer, times `decay` for each milestone since that optimizer began.
    """
    lr, since = run.lr, 0
    if run.switch_after is not None and run.switch_lr is not None and epoch >= run.switch_after:
        lr, since = run.switch_lr, run.switch_after
    return lr * run.decay ** sum(since < milestone <= epoch for milestone in run.milestones)


def warmup_factor(run: Run, step: int, epoch_steps: int) -> float:
    """Return the factor of the learning rate at a step, by the run's warm-up.

    Args:
        run: The run.
        step: Number of steps that are done.
        epoch_steps: Number of steps in an epoch.

    Returns:
        1/n, 2/n, ... at the n steps of the warm-up, and 1 afterwards.
    """
    return min(1.0, (step + 1) / (run.warmup * epoch_steps)) if run.warmup else 1.0


def optimizer_names(run: Run, epoch: int) -> tuple[str, str | None]:
    """Return the optimizer of an epoch, and the one whose step size is grafted onto it (None for its own)."""
    if run.switch_after is not None and run.switch_optimizer is not None and epoch >= run.switch_after:
        return run.switch_optimizer, None
    return run.optimizer, run.magnitude


def stacking_order(run: Run) -> tuple[str, ...]:
    """Return a sort key for the runs of a stack that makes runs with the same optimizers adjacent."""
    return run.optimizer, run.magnitude or "", run.switch_optimizer or ""
