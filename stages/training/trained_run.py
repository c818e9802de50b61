"""A trained run: its weights and training curve, as recorded while it trains and as arrays of its file."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stages.config import Run
from stages.networks.parameter_layout import Layout


@dataclass(frozen=True)
class TrainedRun:
    """A finished run: its weights as vectors of D parameters on the CPU, and its training curve."""

    run: Run
    """Configuration of the run."""
    layout: Layout
    """Names and shapes of the parameters in a weight vector."""
    initial: Tensor
    """Weights before the first step, shape (D,)."""
    final: Tensor
    """Weights after the last step, or their mean over the last epochs by `run.average_from`, shape (D,)."""
    snapshots: dict[int, Tensor]
    """Weights after the epochs of `run.snapshots`, shape (D,) each."""
    epoch_loss: Tensor
    """Mean of the minibatch losses during each epoch, shape (epochs done,), in double precision."""
    epoch_distance: Tensor
    """Distance |theta_t - theta_0| after each epoch, shape (epochs done,)."""
    diverged: bool
    """Whether a loss or a weight was not finite at the end of an epoch; the run was stopped there."""


class RunRecord:
    """Collects the weights and the training curve of one run while it trains."""

    def __init__(self, run: Run, theta: Tensor) -> None:
        """Copy the initial weights.

        Args:
            run: Configuration of the run.
            theta: Initial weights, shape (D,).
        """
        self.run = run
        self.initial = theta.cpu().clone()
        self.final = self.initial
        self.snapshots: dict[int, Tensor] = {}
        self.losses: list[Tensor] = []
        self.distances: list[Tensor] = []
        self.total = torch.zeros_like(self.initial, dtype=torch.float64)
        self.diverged = False
        if 0 in run.snapshots:
            self.snapshots[0] = self.initial

    def add_epoch(self, done: int, loss: Tensor, distance: Tensor, theta: Tensor, last: bool) -> None:
        """Record the state at the end of an epoch.

        Args:
            done: Number of epochs done.
            loss: Mean of the minibatch losses during the epoch, a scalar.
            distance: Distance from the initial weights, a scalar.
            theta: Weights, shape (D,).
            last: Whether this was the last epoch.
        """
        self.losses.append(loss)
        self.distances.append(distance)
        self.diverged = not bool(torch.isfinite(loss) & torch.isfinite(distance))
        if done in self.run.snapshots:
            self.snapshots[done] = theta.cpu().clone()
        averaged = 0 if self.run.average_from is None else max(0, done - self.run.average_from + 1)
        if averaged:
            self.total += theta.cpu().double()
        if self.diverged or last:
            self.final = theta.cpu().clone()
        if averaged and last and not self.diverged:
            self.final = (self.total / averaged).to(theta.dtype)

    def finish(self, layout: Layout) -> TrainedRun:
        """Return the finished run, whose weights have the given layout."""
        return TrainedRun(
            run=self.run,
            layout=layout,
            initial=self.initial,
            final=self.final,
            snapshots=self.snapshots,
            epoch_loss=torch.stack(self.losses),
            epoch_distance=torch.stack(self.distances),
            diverged=self.diverged,
        )


def to_arrays(trained: TrainedRun, about: dict) -> tuple[dict[str, np.ndarray], dict]:
    """Convert a run to the named arrays and the header of its file.

    Args:
        trained: The run.
        about: Further entries of the header.

    Returns:
        Arrays named `initial.NAME`, `final.NAME` and `epoch_N.NAME` for each parameter, with the training curve; and
        the header.
    """
    points = {"initial": trained.initial, "final": trained.final}
    points |= {f"epoch_{done}": theta for done, theta in trained.snapshots.items()}
    arrays = {
        f"{point}.{name}": value.numpy()
        for point, theta in points.items()
        for name, value in trained.layout.split(theta).items()
    }
    arrays |= {"epoch_loss": trained.epoch_loss.numpy(), "epoch_distance": trained.epoch_distance.numpy()}
    return arrays, about | {"parameters": list(trained.layout.names), "diverged": trained.diverged}
