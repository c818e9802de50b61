"""Updates of optimizers as one kernel a parameter, by `torch.compile`.

Each formula is that of the optimizer's own `update`, but reads and writes memory once. A compiled kernel contracts
products and sums, so it rounds otherwise; the environment in a run's identity says whether updates were fused.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from stages.shared.compiler import configure, fuses_updates


class Updates(NamedTuple):
    """The update of each optimizer: it changes theta and the state in place and leaves the gradient as it is."""

    sgd: Callable[..., None]
    adam: Callable[..., None]
    rmsprop: Callable[..., None]


# Shape letters: R = runs, P = numbers of a parameter. Hyperparameters and rates have shape (R, 1), or (R, P).
def sgd(theta_RP: Tensor, gradient_RP: Tensor, velocity_RP: Tensor, momentum: Tensor, lr: Tensor) -> None:
    """Apply the update of `optimizers.Sgd` with momentum."""
    velocity = velocity_RP * momentum + gradient_RP
    velocity_RP.copy_(velocity)
    theta_RP.sub_(velocity * lr)


def adam(
    theta_RP: Tensor,
    gradient_RP: Tensor,
    first_RP: Tensor,
    second_RP: Tensor,
    betas: tuple[Tensor, Tensor],
    rests: tuple[Tensor, Tensor],
    epsilon: Tensor,
    rate: Tensor,
    unbias2: Tensor,
) -> None:
    """Apply the update of `optimizers.Adam`; `rests` are 1 - beta, `rate` and `unbias2` are those of `Adam.rates`."""
    first = first_RP * betas[0] + gradient_RP * rests[0]
    second = second_RP * betas[1] + gradient_RP * gradient_RP * rests[1]
    first_RP.copy_(first)
    second_RP.copy_(second)
    theta_RP.sub_(first / (second.sqrt() / unbias2 + epsilon) * rate)


def rmsprop(
    theta_RP: Tensor,
    gradient_RP: Tensor,
    second_RP: Tensor,
    smoothing: Tensor,
    rest: Tensor,
    epsilon: Tensor,
    lr: Tensor,
) -> None:
    """Apply the update of `optimizers.RmsProp`; `rest` is 1 - smoothing."""
    second = second_RP * smoothing + gradient_RP * gradient_RP * rest
    second_RP.copy_(second)
    theta_RP.sub_(gradient_RP / (second.sqrt() + epsilon) * lr)


FORMULAS = Updates(sgd, adam, rmsprop)


def fused_updates(device: torch.device) -> Updates | None:
    """Return the compiled updates for a device; None on a CPU, and where updates are not fused."""
    return _compiled() if device.type == "cuda" and fuses_updates() else None


@lru_cache
def _compiled() -> Updates:
    configure()
    return Updates(*(torch.compile(formula, dynamic=True) for formula in FORMULAS))
