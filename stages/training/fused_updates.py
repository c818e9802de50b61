"""Optimizer updates fused into one kernel per parameter by `torch.compile`.

Each formula is that of the optimizer's own `update`, but reads and writes memory once. A compiled kernel uses fused
multiply-add, so it rounds differently; the environment in a run's key records whether updates were fused.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from stages.shared.compiler import configure, fuses_updates


class FusedUpdates(NamedTuple):
    """The fused update of each optimizer, which changes theta and the state in place but not the gradient."""

    sgd: Callable[..., None]
    adam: Callable[..., None]
    rmsprop: Callable[..., None]


# Shape letters: R = runs, P = elements of a parameter. Hyperparameters and rates have shape (R, 1), or (R, P).
def update_sgd(theta_RP: Tensor, gradient_RP: Tensor, velocity_RP: Tensor, momentum: Tensor, lr: Tensor) -> None:
    """Apply the update of `optimizers.Sgd` with momentum."""
    velocity = velocity_RP * momentum + gradient_RP
    velocity_RP.copy_(velocity)
    theta_RP.sub_(velocity * lr)


def update_adam(
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
    """Apply the update of `optimizers.Adam`; `rests` are 1 - beta, and `Adam.rates` returns `rate` and `unbias2`."""
    first = first_RP * betas[0] + gradient_RP * rests[0]
    second = second_RP * betas[1] + gradient_RP * gradient_RP * rests[1]
    first_RP.copy_(first)
    second_RP.copy_(second)
    theta_RP.sub_(first / (second.sqrt() / unbias2 + epsilon) * rate)


def update_rmsprop(
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


FORMULAS = FusedUpdates(update_sgd, update_adam, update_rmsprop)


def get_fused_updates(device: torch.device) -> FusedUpdates | None:
    """Return the compiled updates for a device; None on a CPU, and where updates are not fused."""
    return _compiled() if device.type == "cuda" and fuses_updates() else None


@lru_cache
def _compiled() -> FusedUpdates:
    """Return the compiled updates; kernels are compiled at the first call of each."""
    configure()
    return FusedUpdates(*(torch.compile(formula, dynamic=True) for formula in FORMULAS))
