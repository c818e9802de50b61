"""Grafting: the direction of one optimizer's steps, the length of another's (Agarwal et al. 2020)."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from stages.config import Run
from stages.training.optimizers import Factors, Optimizer
from stages.training.square_root import square_root


class Grafted(Optimizer):
    """Two optimizers that step from the same point, each with a state of its own: theta <- theta + d |m| / |d|.

    Here d is the step of the first and m that of the second; norms are over all parameters of a network.
    """

    def __init__(
        self,
        direction: Callable[..., Optimizer],
        magnitude: Callable[..., Optimizer],
        runs: Sequence[Run],
        theta: Sequence[Tensor],
        lr_factors: Factors = None,
    ) -> None:
        """Start both with zero state; each takes its steps from 0, in memory of its own."""
        super().__init__(runs, theta, lr_factors)
        plain = [run.model_copy(update={"weight_decay": 0.0}) for run in runs]  # `step` adds it to the gradient
        self.both = [
            optimizer(plain, [torch.zeros_like(part) for part in theta], lr_factors)
            for optimizer in (direction, magnitude)
        ]
        self.rate_columns = sum(optimizer.rate_columns for optimizer in self.both)

    def rates(self, lr_SR1: Tensor) -> Tensor:
        """Return the values of both optimizers for the next S steps, shape (S, R, K), those of the direction first."""
        return torch.cat([optimizer.rates(lr_SR1) for optimizer in self.both], 2)

    def step(self, gradients: Sequence[Tensor], rates_RK: Tensor) -> None:
        """Take one step in place, as `Optimizer.step` does."""
        if self.decays:
            for theta, gradient in zip(self.theta, gradients, strict=True):
                gradient.add_(theta * self.weight_decay)
        copies = [gradient.clone() for gradient in gradients]
        rates = rates_RK.split([optimizer.rate_columns for optimizer in self.both], dim=1)
        for optimizer, given, own_rates in zip(self.both, (copies, gradients), rates, strict=True):
            for part in optimizer.theta:
                part.zero_()
            optimizer.step(given, own_rates)
        direction, magnitude = (_norm(optimizer.theta) for optimizer in self.both)
        # A zero direction, as from a zero gradient, gives no step.
        scale = torch.where(direction > 0, magnitude / direction, 0.0).to(rates_RK.dtype)
        for theta, step in zip(self.theta, self.both[0].theta, strict=True):
            theta.add_(step.mul_(scale))

    def keep(self, rows: Tensor, theta: Sequence[Tensor]) -> None:
        """Continue with the given rows only, whose parameters are now `theta`."""
        super().keep(rows, theta)
        for optimizer in self.both:
            optimizer.keep(rows, [part[rows] for part in optimizer.theta])


def _norm(parts: Sequence[Tensor]) -> Tensor:
    """Return the norm over all parts of each row, shape (R, 1), in double precision: squares may be tiny."""
    squares: Any = sum(part.double().square().sum(1, keepdim=True) for part in parts)
    return square_root(squares)
