"""Learning rate and optimizer by epoch."""

from stages.config import Run


def switched(run: Run, epoch: int) -> bool:
    """Return whether an epoch, counted from 0, is trained with the optimizer that the run switches to."""
    return run.switch_after is not None and epoch >= run.switch_after


def learning_rate(run: Run, epoch: int) -> float:
    """Return the rate of an epoch, counted from 0: its optimizer's times `decay` for each milestone passed with it."""
    rate, since = (run.switch_lr, run.switch_after) if switched(run, epoch) else (run.lr, 0)
    return rate * run.decay ** sum(since < milestone <= epoch for milestone in run.milestones)


def rule(run: Run, epoch: int) -> tuple[str, str | None]:
    """Return the optimizer of an epoch, and whose step size it takes; None for its own."""
    return (run.switch_optimizer, None) if switched(run, epoch) else (run.optimizer, run.magnitude)


def stack_order(run: Run) -> tuple[str, ...]:
    """Return by what to sort the runs of a stack, so that runs of one rule stand side by side."""
    return run.optimizer, run.magnitude or "", run.switch_optimizer or ""
