"""The optimizers of `torch.optim`, for stacks: a row a run, each run with its own hyperparameters.

Each update is written as single products, sums and roots, which round the same in vector and in scalar code. Fused
operations may not, and then a run's bytes would depend on which row of the stack it is.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from stages.config import Run


# Shape letters: R = runs of one optimizer in the stack, D = parameters.
class Optimizer:
    """State and hyperparameters of R runs; `step` updates their parameters in place."""

    state_names: tuple[str, ...] = ()

    def __init__(self, runs: Sequence[Run], theta_RD: Tensor) -> None:
        """Start with zero state."""
        self.steps = 0
        self.like = theta_RD
        self.weight_decay = self.column(run.weight_decay for run in runs)
        self.decays = any(run.weight_decay for run in runs)
        self.state = {name: torch.zeros_like(theta_RD) for name in self.state_names}

    def column(self, values) -> Tensor:
        """Return one number a run as a column, shape (R, 1)."""
        return torch.tensor(list(values), dtype=self.like.dtype, device=self.like.device)[:, None]

    def step(self, theta_RD: Tensor, gradient_RD: Tensor, lr_R1: Tensor) -> None:
        """Take one step in place; `gradient_RD` may be overwritten."""
        self.steps += 1
        if self.decays:
            gradient_RD.add_(theta_RD * self.weight_decay)
        self.update(theta_RD, gradient_RD, lr_R1)

    def update(self, theta_RD: Tensor, gradient_RD: Tensor, lr_R1: Tensor) -> None:
        """Apply the rule of the optimizer."""
        raise NotImplementedError

    def keep(self, rows: Tensor) -> None:
        """Go on with the given rows only."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value[rows])
        self.state = {name: value[rows] for name, value in self.state.items()}


class Sgd(Optimizer):
    """Stochastic gradient descent with (heavy-ball) momentum."""

    state_names = ("velocity",)

    def __init__(self, runs: Sequence[Run], theta_RD: Tensor) -> None:
        """Read each run's momentum."""
        super().__init__(runs, theta_RD)
        self.momentum = self.column(run.momentum for run in runs)

    def update(self, theta_RD: Tensor, gradient_RD: Tensor, lr_R1: Tensor) -> None:
        """Apply v <- mu v + g; theta <- theta - lr v."""
        velocity = self.state["velocity"].mul_(self.momentum).add_(gradient_RD)
        theta_RD.sub_(torch.mul(velocity, lr_R1, out=gradient_RD))


class Adam(Optimizer):
    """Adam (Kingma and Ba 2014) with bias correction."""

    state_names = ("first", "second")

    def __init__(self, runs: Sequence[Run], theta_RD: Tensor) -> None:
        """Read each run's betas and epsilon."""
        super().__init__(runs, theta_RD)
        self.beta1 = self.column(run.betas[0] for run in runs)
        self.beta2 = self.column(run.betas[1] for run in runs)
        self.exact_betas = torch.tensor([run.betas for run in runs], dtype=torch.float64, device=theta_RD.device)
        self.rest1 = self.column(1 - run.betas[0] for run in runs)
        self.rest2 = self.column(1 - run.betas[1] for run in runs)
        self.epsilon = self.column(run.epsilon for run in runs)

    def update(self, theta_RD: Tensor, gradient_RD: Tensor, lr_R1: Tensor) -> None:
        """Apply m <- b1 m + (1-b1) g; s <- b2 s + (1-b2) g^2; theta <- theta - lr m^ / (sqrt(s^) + eps)."""
        first = self.state["first"].mul_(self.beta1).add_(gradient_RD * self.rest1)
        second = self.state["second"].mul_(self.beta2).add_(gradient_RD.square_().mul_(self.rest2))
        unbias = 1 - self.exact_betas**self.steps  # in double precision: near 1 the rounding of a beta shows
        unbias1, unbias2 = unbias[:, :1], unbias[:, 1:].sqrt()
        scale = torch.sqrt(second, out=gradient_RD).div_(unbias2.to(second.dtype)).add_(self.epsilon)
        theta_RD.sub_(torch.div(first, scale, out=scale).mul_((lr_R1 / unbias1).to(second.dtype)))


class RmsProp(Optimizer):
    """RMSProp (Hinton et al. 2012) without momentum."""

    state_names = ("second",)

    def __init__(self, runs: Sequence[Run], theta_RD: Tensor) -> None:
        """Read each run's smoothing and epsilon."""
        super().__init__(runs, theta_RD)
        self.smoothing = self.column(run.smoothing for run in runs)
        self.rest = self.column(1 - run.smoothing for run in runs)
        self.epsilon = self.column(run.epsilon for run in runs)

    def update(self, theta_RD: Tensor, gradient_RD: Tensor, lr_R1: Tensor) -> None:
        """Apply s <- a s + (1-a) g^2; theta <- theta - lr g / (sqrt(s) + eps)."""
        second = self.state["second"].mul_(self.smoothing).add_(gradient_RD.square().mul_(self.rest))
        theta_RD.sub_(gradient_RD.div_(second.sqrt().add_(self.epsilon)).mul_(lr_R1))


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": Sgd, "adam": Adam, "rmsprop": RmsProp}
