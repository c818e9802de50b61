"""K-FAC (Martens and Grosse 2015) for stacks of fully-connected networks."""

from collections.abc import Sequence

import torch
from torch import Tensor

from stages.config import Run
from stages.training.curvature import LinearLayer
from stages.training.optimizers import Optimizer
from stages.training.square_root import square_root


class Kfac(Optimizer):
    """Steps v = (A (x) G + damping I)^-1 g in each linear layer, clipped, with momentum.

    The factors are averaged over batches as in Martens and Grosse (2015) and inverted at intervals, by eigenvectors, so
    that damping is exact; the clip is that of Ba et al. (2017). Damping and learning rate are fixed. For parameters
    outside of linear layers, those of batch norm, v is the gradient.
    """

    def __init__(self, runs: Sequence[Run], theta: Sequence[Tensor], layers: Sequence[LinearLayer]) -> None:
        """Start without an estimate of the curvature.

        Args:
            runs: The runs, with equal intervals.
            theta: Their parameters, each of shape (R, P).
            layers: The linear layers of their network.
        """
        super().__init__(runs, theta)
        self.layers = tuple(layers)
        self.momentum = self.column(run.momentum for run in runs)
        self.damping = self.column(run.damping for run in runs)[..., None]
        self.decay = self.column(run.factor_decay for run in runs)[..., None]
        self.clip = self.column(torch.inf if run.kl_clip is None else run.kl_clip for run in runs)
        self.factor_interval, self.inverse_interval = runs[0].factor_interval, runs[0].inverse_interval
        self.velocity = torch.zeros_like(torch.cat(list(theta), 1))
        self.steps = 0
        self.estimates = 0
        self.factors: list[tuple[Tensor, Tensor]] = []
        self.inverses: list[tuple[Tensor, ...]] = []

    @property
    def wants_curvature(self) -> bool:
        """Whether `observe` must be called before the next step."""
        return self.steps % self.factor_interval == 0

    def observe(self, factors: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Average the curvature of a batch into the estimate.

        Args:
            factors: A, shape (R, I + 1, I + 1), and G, shape (R, O, O), of each linear layer.
        """
        self.estimates += 1
        old = torch.clamp(self.decay, max=1 - 1 / self.estimates)
        if not self.factors:
            self.factors = [(torch.zeros_like(a), torch.zeros_like(g)) for a, g in factors]
        self.factors = [
            (kept_a * old + a * (1 - old), kept_g * old + g * (1 - old))
            for (kept_a, kept_g), (a, g) in zip(self.factors, factors, strict=True)
        ]

    def step(self, gradients: Sequence[Tensor], rates_RK: Tensor) -> None:
        """Take one step in place, as `Optimizer.step` does, but it cannot be captured: it counts its steps."""
        lr_R1 = rates_RK
        if self.steps % self.inverse_interval == 0:
            self.inverses = [(*_eigen(a), *_eigen(g)) for a, g in self.factors]
        self.steps += 1
        if self.decays:
            for theta, gradient in zip(self.theta, gradients, strict=True):
                gradient.add_(theta * self.weight_decay)
        step_RD = torch.cat(list(gradients), 1)
        predicted = torch.zeros_like(lr_R1)
        preconditioned = []
        for layer, inverse in zip(self.layers, self.inverses, strict=True):
            weight = step_RD[:, layer.weight].unflatten(1, (layer.outputs, layer.inputs))
            gradient = torch.cat([weight, step_RD[:, layer.bias, None]], 2)
            v = self._precondition(gradient, *inverse)
            predicted += (v * gradient).flatten(1).sum(1, keepdim=True)
            preconditioned.append(v)
        scale = square_root(self.clip / (predicted * lr_R1.square())).clamp(max=1.0)[..., None]
        for layer, v in zip(self.layers, preconditioned, strict=True):
            v = v * scale
            step_RD[:, layer.weight] = v[..., :-1].flatten(1)
            step_RD[:, layer.bias] = v[..., -1]
        self.velocity.mul_(self.momentum).add_(step_RD)
        moves = (self.velocity * lr_R1).split([part.shape[1] for part in self.theta], 1)
        for theta, move in zip(self.theta, moves, strict=True):
            theta.sub_(move)

    def _precondition(self, gradient: Tensor, d_a: Tensor, q_a: Tensor, d_g: Tensor, q_g: Tensor) -> Tensor:
        """Return (A (x) G + damping I)^-1 of a gradient, shape (R, O, I + 1)."""
        curvature = d_g[:, :, None] * d_a[:, None] + self.damping
        return q_g @ ((q_g.mT @ gradient @ q_a) / curvature) @ q_a.mT

    def keep(self, rows: Tensor, theta: Sequence[Tensor]) -> None:
        """Continue with the given rows only, whose parameters are now `theta`."""
        super().keep(rows, theta)
        self.factors = [(a[rows], g[rows]) for a, g in self.factors]
        self.inverses = [tuple(part[rows] for part in parts) for parts in self.inverses]


def _eigen(factors: Tensor) -> tuple[Tensor, Tensor]:
    """Return eigenvalues, not below 0, and eigenvectors of each matrix; NaN for one that is not finite."""
    finite = torch.isfinite(factors).all(2).all(1)
    values, vectors = torch.linalg.eigh(torch.where(finite[:, None, None], factors, 0.0))
    return torch.where(finite[:, None], values.clamp(min=0.0), torch.nan), vectors
