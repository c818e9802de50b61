"""Which class applies the rule of a run's optimizer."""

from collections.abc import Sequence

from torch import Tensor

from stages.config import Run
from stages.training.curvature import LinearLayer
from stages.training.grafting import Grafted
from stages.training.kfac import Kfac
from stages.training.optimizers import Adam, Factors, Optimizer, RmsProp, Sgd

SIMPLE: dict[str, type[Optimizer]] = {"sgd": Sgd, "adam": Adam, "rmsprop": RmsProp}


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
        name: Of the optimizer.
        magnitude: Whose step size it takes; None for its own.
        runs: The runs.
        theta: Their parameters, each of shape (R, P).
        lr_factors: What the learning rate of each parameter is multiplied by, shape (P,); None for 1.
        layers: The linear layers of their network.

    Returns:
        The optimizer.
    """
    if name == "kfac":
        return Kfac(runs, theta, layers)
    if magnitude is None:
        return SIMPLE[name](runs, theta, lr_factors)
    return Grafted(SIMPLE[name], SIMPLE[magnitude], runs, theta, lr_factors)
