"""Weights and stored batch-norm statistics on the line between two endpoints."""

from collections.abc import Callable

import torch
from torch import Tensor

from stages.lines.jets import Jet, MovingTensor
from stages.networks.batch_norm import Statistics
from stages.networks.parameter_layout import Layout


# Shape letters: C = channels, D = parameters, P = alphas.
class WeightLine:
    """Points (1 - alpha) start + alpha end between endpoints of shape (D,), and progress of their evaluation."""

    def __init__(
        self,
        layout: Layout,
        start: Tensor,
        end: Tensor,
        progress: Callable[[float], None] = lambda share: None,
        evaluations: int = 1,
    ) -> None:
        """Set the endpoints.

        Args:
            layout: Names and shapes of the parameters.
            start: theta_0, shape (D,).
            end: theta_T, shape (D,).
            progress: Called with the share, from 0 to 1, of the evaluations that are finished.
            evaluations: Number of evaluations, alphas times examples, that there will be at most.
        """
        self.layout = layout
        self.progress = progress
        self.evaluations = evaluations
        self.evaluated = 0
        self.ends = start, end
        self.start, self.end, self.slope = (layout.split(theta) for theta in (start, end, end - start))

    def count(self, evaluations: int) -> None:
        """Add to the number of finished evaluations (alphas times examples) and report progress."""
        self.evaluated += evaluations
        self.progress(min(self.evaluated / self.evaluations, 1.0))

    def at(self, alphas_P: Tensor) -> Tensor:
        """Return the points at some alphas, shape (P, D)."""
        return torch.lerp(*self.ends, alphas_P[:, None])

    def moving(self, alpha: Tensor, theta: Tensor) -> dict[str, MovingTensor]:
        """Return the named parameters at one alpha, where the weights are theta, with their derivatives by alpha."""
        return {
            name: MovingTensor(value, self.slope[name], None, (self.start[name], self.end[name], alpha))
            for name, value in self.layout.split(theta).items()
        }


def interpolate_statistics(start: Statistics, end: Statistics, alphas_P: Tensor) -> dict[str, Jet]:
    """Return the statistics on the line between those at both ends, shape (P, C) each, by name."""
    found = {}
    for name, low in start.items():
        slope = (end[name] - low).expand(len(alphas_P), -1)
        found[name] = Jet(torch.lerp(low, end[name], alphas_P[:, None]), slope, torch.zeros_like(slope))
    return found
