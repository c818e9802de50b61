"""The optimizers of `torch.optim` for stacks of runs: a row a run, each with its own hyperparameters.

Each update consists of single products, sums and roots, which round alike in vector and in scalar code. Fused
operations may not: a run's bytes would then depend on its row in the stack.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from stages.config import Run
from stages.training.fused_updates import get_fused_updates
from stages.training.square_root import square_root

Factors = Sequence[Tensor | None] | None


# Shape letters: R = runs of one optimizer in the stack, P = numbers of one parameter, such as a layer's weight.
class Optimizer:
    """State and hyperparameters of R runs; `step` updates their parameters in place.

    It updates one parameter after the other, so that the next pass of an update finds it in the cache.
    """

    state_names: tuple[str, ...] = ()
    rate_columns = 1
    """Number of values a run that differ between steps but not between parameters: K of `rates`."""

    def __init__(self, runs: Sequence[Run], theta: Sequence[Tensor], lr_factors: Factors = None) -> None:
        """Start with zero state.

        Args:
            runs: The runs.
            theta: Their parameters, each of shape (R, P).
            lr_factors: Factors of the learning rate of each parameter, shape (P,); None for 1.
        """
        self.theta = list(theta)
        self.fused = get_fused_updates(self.theta[0].device)
        self.lr_factors = list(lr_factors or [None] * len(self.theta))
        self.weight_decay = self.column(run.weight_decay for run in runs)
        self.decays = any(run.weight_decay for run in runs)
        self.state = [tuple(torch.zeros_like(part) for _ in self.state_names) for part in theta]

    def column(self, values: Iterable[float]) -> Tensor:
        """Return one value a run as a column, shape (R, 1)."""
        return torch.tensor(list(values), dtype=self.theta[0].dtype, device=self.theta[0].device)[:, None]

    @property
    def wants_curvature(self) -> bool:
        """Whether `observe` must be called before the next step."""
        return False

    def step(self, gradients: Sequence[Tensor], rates_RK: Tensor) -> None:
        """Take one step in place.

        It reads only tensors at fixed addresses, so that it can be captured as a CUDA graph.

        Args:
            gradients: The gradient of each parameter, shape (R, P); they are overwritten.
            rates_RK: The row of `rates` that belongs to this step, on the device of the parameters.
        """
        rates = rates_RK.split(1, dim=1)
        each = zip(self.theta, gradients, self.state, self.lr_factors, strict=True)
        for theta, gradient, state, factor in each:
            if self.decays:
                gradient.add_(theta * self.weight_decay)
            self.update(theta, gradient, state, rates if factor is None else (rates[0] * factor, *rates[1:]))

    def observe(self, factors: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Average the curvature of a batch, from `kronecker_factors`, into an estimate, for optimizers that use it."""
        raise NotImplementedError

    def rates(self, lr_SR1: Tensor) -> Tensor:
        """Return the values of the next S steps that all parameters share, and count these steps as taken.

        Args:
            lr_SR1: The learning rates of the next S steps, on the CPU.

        Returns:
            The values, shape (S, R, K), on the CPU; the learning rate is the first of the K.
        """
        return lr_SR1

    def update(self, theta: Tensor, gradient: Tensor, state: tuple[Tensor, ...], rates: tuple[Tensor, ...]) -> None:
        """Apply the optimizer's update to one parameter, in place."""
        raise NotImplementedError

    def keep(self, rows: Tensor, theta: Sequence[Tensor]) -> None:
        """Continue with the given rows only, whose parameters are now `theta`."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value[rows.to(value.device)])
        self.state = [tuple(part[rows] for part in parts) for parts in self.state]
        self.theta = list(theta)


class Sgd(Optimizer):
    """Stochastic gradient descent with (heavy-ball) momentum."""

    def __init__(self, runs: Sequence[Run], theta: Sequence[Tensor], lr_factors: Factors = None) -> None:
        """Start with zero velocity; where no run has momentum there is no state."""
        self.state_names = ("velocity",) if any(run.momentum for run in runs) else ()
        super().__init__(runs, theta, lr_factors)
        self.momentum = self.column(run.momentum for run in runs)

    def update(self, theta: Tensor, gradient: Tensor, state: tuple[Tensor, ...], rates: tuple[Tensor, ...]) -> None:
        """Apply v <- mu v + g; theta <- theta - lr v."""
        (lr_R1,) = rates
        if not state:
            theta.sub_(gradient.mul_(lr_R1))
            return
        if self.fused:
            self.fused.sgd(theta, gradient, state[0], self.momentum, lr_R1)
            return
        velocity = state[0].mul_(self.momentum).add_(gradient)
        theta.sub_(torch.mul(velocity, lr_R1, out=gradient))


class Adam(Optimizer):
    """Adam (Kingma and Ba 2014) with bias correction."""

    state_names = ("first", "second")
    rate_columns = 2

    def __init__(self, runs: Sequence[Run], theta: Sequence[Tensor], lr_factors: Factors = None) -> None:
        """Start with zero averages."""
        super().__init__(runs, theta, lr_factors)
        self.beta1 = self.column(run.betas[0] for run in runs)
        self.beta2 = self.column(run.betas[1] for run in runs)
        self.exact_betas = torch.tensor([run.betas for run in runs], dtype=torch.float64)
        self.steps = 0
        self.rest1 = self.column(1 - run.betas[0] for run in runs)
        self.rest2 = self.column(1 - run.betas[1] for run in runs)
        self.epsilon = self.column(run.epsilon for run in runs)

    def rates(self, lr_SR1: Tensor) -> Tensor:
        """Return lr / (1 - b1^t) and sqrt(1 - b2^t) of the next S steps, shape (S, R, 2)."""
        steps = range(self.steps + 1, self.steps + len(lr_SR1) + 1)
        self.steps += len(lr_SR1)
        # Single precision would round a beta near 1 too much.
        unbias = 1 - torch.stack([self.exact_betas**step for step in steps])
        return torch.cat([lr_SR1 / unbias[..., :1], square_root(unbias[..., 1:])], 2).to(lr_SR1.dtype)

    def update(self, theta: Tensor, gradient: Tensor, state: tuple[Tensor, ...], rates: tuple[Tensor, ...]) -> None:
        """Apply m <- b1 m + (1-b1) g; s <- b2 s + (1-b2) g^2; theta <- theta - lr m^ / (sqrt(s^) + eps)."""
        first, second = state
        rate, unbias2 = rates
        if self.fused:
            betas, rests = (self.beta1, self.beta2), (self.rest1, self.rest2)
            self.fused.adam(theta, gradient, first, second, betas, rests, self.epsilon, rate, unbias2)
            return
        first.mul_(self.beta1).add_(gradient * self.rest1)
        second.mul_(self.beta2).add_(gradient.square_().mul_(self.rest2))
        scale = square_root(second, out=gradient).div_(unbias2).add_(self.epsilon)
        theta.sub_(torch.div(first, scale, out=scale).mul_(rate))


class RmsProp(Optimizer):
    """RMSProp (Hinton et al. 2012) without momentum."""

    state_names = ("second",)

    def __init__(self, runs: Sequence[Run], theta: Sequence[Tensor], lr_factors: Factors = None) -> None:
        """Start with a zero average."""
        super().__init__(runs, theta, lr_factors)
        self.smoothing = self.column(run.smoothing for run in runs)
        self.rest = self.column(1 - run.smoothing for run in runs)
        self.epsilon = self.column(run.epsilon for run in runs)

    def update(self, theta: Tensor, gradient: Tensor, state: tuple[Tensor, ...], rates: tuple[Tensor, ...]) -> None:
        """Apply s <- a s + (1-a) g^2; theta <- theta - lr g / (sqrt(s) + eps)."""
        (second,), (lr_R1,) = state, rates
        if self.fused:
            self.fused.rmsprop(theta, gradient, second, self.smoothing, self.rest, self.epsilon, lr_R1)
            return
        second.mul_(self.smoothing).add_(gradient.square().mul_(self.rest))
        theta.sub_(gradient.div_(square_root(second).add_(self.epsilon)).mul_(lr_R1))
