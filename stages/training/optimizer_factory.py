"""From the name of a run's optimizer to its update rule, ready to step."""

from collections.abc import Sequence

from torch import Tensor

from stages.config import Run
from stages.config.discovery import import_named
from stages.config.run import OPTIMIZERS
from stages.training.curvature import LinearLayer
from stages.training.grafting import Grafted
from stages.training.optimizers import Factors, Optimizer


def optimizer_of(
    name: str,
    magnitude: str | None,
    runs: Sequence[Run],
    theta: Sequence[Tensor],
    lr_factors: Factors,
    layers: Sequence[LinearLayer],
) -> Optimizer:
    """Return an optimizer with zero state.

    Args:
        name: Name of the optimizer.
        magnitude: Name of the optimizer whose step length it takes; None for its own.
        runs: The runs.
        theta: Their parameters, each of shape (R, P).
        lr_factors: Factors of the learning rate of each parameter, shape (P,); None for 1.
        layers: The linear layers of the runs' network.

    Returns:
        The optimizer.
    """
    rule = import_named("stages.training", OPTIMIZERS[name].rule)
    if OPTIMIZERS[name].needs_curvature:
        return rule(runs, theta, layers)
    if magnitude is None:
        return rule(runs, theta, lr_factors)
    length = import_named("stages.training", OPTIMIZERS[magnitude].rule)
    return Grafted(rule, length, runs, theta, lr_factors)
