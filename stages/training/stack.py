"""The one training loop: many runs of one architecture, a leading dimension a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from stages.config import Run
from stages.datasets.dataset import Dataset
from stages.datasets.training_split import training_data
from stages.networks.build import initial_parameters
from stages.networks.evaluation import SMALLEST_NORMALISED, batches
from stages.networks.layout import Layout
from stages.networks.losses import example_losses, targets
from stages.seeds import generator
from stages.training.optimizers import OPTIMIZERS
from stages.training.schedule import learning_rate

NUMERICS = 1
"""Version of what training computes: raise it with any change that moves a weight, so that no old run is reused."""


@dataclass(frozen=True)
class Trained:
    """A finished run: its weights as vectors of D parameters on the CPU, and its course."""

    run: Run
    layout: Layout
    initial: Tensor
    final: Tensor
    snapshots: dict[int, Tensor]
    """Weights after the epochs of `run.snapshots`."""
    epoch_loss: Tensor
    """(epochs done,) mean of the minibatch losses during each epoch, in double precision."""
    epoch_distance: Tensor
    """(epochs done,) |theta_t - theta_0| after each epoch."""
    diverged: bool
    """Whether a loss or a weight was not finite at the end of an epoch; the run was stopped there."""


def stack_key(run: Run) -> tuple:
    """Return what runs must have in common to be trained together."""
    return (
        run.dataset,
        run.train_size,
        run.network,
        run.hidden,
        run.activation,
        run.batch_norm,
        run.loss,
        run.epochs,
        run.batch_size,
    )


# Shape letters: R = runs in the stack, D = parameters, B = examples of a step, N = training examples.
class Stack:
    """Runs that are trained together. A run's row holds its weights; its numbers depend on no other row."""

    def __init__(self, runs: Sequence[Run], dataset: Dataset, device: torch.device, dtype: torch.dtype) -> None:
        """Draw the initial weights of all runs.

        Args:
            runs: At least two runs with equal `stack_key`, those of one optimizer side by side.
            dataset: Their data.
            device: Where to train.
            dtype: Of weights and data.

        Raises:
            ValueError: If the runs cannot be stacked.
        """
        if len({stack_key(run) for run in runs}) != 1 or len(runs) < 2:
            raise ValueError("a stack is at least two runs that agree in their stack key")
        self.runs = list(runs)
        built = [initial_parameters(run, tuple(dataset.train_x.shape[1:]), dataset.classes) for run in runs]
        self.network, self.layout, _ = built[0]
        self.theta = torch.stack([theta for _, _, theta in built]).to(device, dtype)
        self.start = self.theta.clone()
        self.optimizers = [
            OPTIMIZERS[name]([self.runs[row] for row in rows], self.theta[rows[0] : rows[-1] + 1])
            for name, rows in _by_optimizer(self.runs)
        ]
        prepared: dict[tuple, tuple[Tensor, Tensor]] = {}
        for run in runs:
            if run.data_key not in prepared:
                prepared[run.data_key] = _prepare(run, dataset, device, dtype)
        self.data = [prepared[run.data_key] for run in runs]
        self.orders = {run.order: generator("order", run.order) for run in runs}
        self._losses = vmap(self._loss)
        self._share()

    def _share(self) -> None:
        """Set up what follows from the rows: gradient buffer, and leaves that are views of theta."""
        self.gradient = torch.empty_like(self.theta)
        self.leaves = [view.detach().requires_grad_() for view in self.layout.split(self.theta).values()]
        spans = [slice(rows[0], rows[-1] + 1) for _, rows in _by_optimizer(self.runs)]
        self.updates = [
            (optimizer, self.theta[span], self.gradient[span], span)
            for optimizer, span in zip(self.optimizers, spans, strict=True)
        ]

    def keep(self, rows: list[int]) -> None:
        """Go on with the given rows only, in increasing order."""
        kept = []
        for optimizer, (_, group) in zip(self.optimizers, _by_optimizer(self.runs), strict=True):
            inside = [row - group[0] for row in rows if row in group]
            if inside:
                optimizer.keep(torch.tensor(inside, device=self.theta.device))
                kept.append(optimizer)
        self.optimizers = kept
        chosen = torch.tensor(rows, device=self.theta.device)
        self.theta, self.start = self.theta[chosen], self.start[chosen]
        self.runs = [self.runs[row] for row in rows]
        self.data = [self.data[row] for row in rows]
        self._share()

    def epoch(self, number: int) -> Tensor:
        """Train one epoch.

        Args:
            number: Of the epoch, from 0.

        Returns:
            Mean of the minibatch losses, weighted by their sizes, shape (R,), in double precision.
        """
        rates = torch.tensor([learning_rate(run, number) for run in self.runs], dtype=torch.float64)
        lr_R1 = rates[:, None].to(self.theta.device, self.theta.dtype)
        count, size = len(self.data[0][0]), self.runs[0].batch_size
        permutations = {seed: torch.randperm(count, generator=order) for seed, order in self.orders.items()}
        order_RN = torch.stack([permutations[run.order] for run in self.runs]).to(self.theta.device)
        total = torch.zeros(len(self.runs), dtype=torch.float64, device=self.theta.device)
        least = SMALLEST_NORMALISED if self.runs[0].batch_norm else 1
        for batch in batches(count, size, least):
            index_RB = order_RN[:, batch]
            total += self._step(*self._batch(index_RB), lr_R1).double() * index_RB.shape[1]
        return (total / count).cpu()

    def _batch(self, index_RB: Tensor) -> tuple[Tensor, Tensor]:
        """Return the examples and targets of a step, shape (R, B, ...)."""
        x, target = self.data[0]
        if all(data[0] is x and data[1] is target for data in self.data):
            return x[index_RB], target[index_RB]
        x = torch.stack([data[0][index] for data, index in zip(self.data, index_RB, strict=True)])
        return x, torch.stack([data[1][index] for data, index in zip(self.data, index_RB, strict=True)])

    def _loss(self, leaves: list[Tensor], x: Tensor, target: Tensor) -> Tensor:
        parameters = dict(zip(self.layout.names, leaves, strict=True))
        outputs = functional_call(self.network, parameters, (x,))
        return example_losses(self.runs[0].loss, outputs, target).mean()

    def _step(self, x: Tensor, target: Tensor, lr_R1: Tensor) -> Tensor:
        losses_R = self._losses(self.leaves, x, target)
        gradients = torch.autograd.grad(losses_R.sum(), self.leaves)
        torch.cat([gradient.flatten(1) for gradient in gradients], dim=1, out=self.gradient)
        for optimizer, theta, gradient, rows in self.updates:
            optimizer.step(theta, gradient, lr_R1[rows])
        return losses_R.detach()

    def distances(self) -> Tensor:
        """Return |theta_t - theta_0| of each run, shape (R,), in double precision."""
        return (self.theta - self.start).double().norm(dim=1).cpu()


def train(
    runs: Sequence[Run], dataset: Dataset, device: torch.device, dtype: torch.dtype = torch.float32
) -> list[Trained]:
    """Train runs of one stack key together.

    A run whose loss or weights are not finite at the end of an epoch is stopped there and leaves the stack.

    Args:
        runs: Runs with equal `stack_key`.
        dataset: Their data.
        device: Where to train.
        dtype: Of weights and data.

    Returns:
        Each run, trained, in the order given.

    Raises:
        ValueError: If the runs cannot be stacked.
    """
    order = sorted(range(len(runs)), key=lambda i: runs[i].optimizer)
    members = [runs[i] for i in order]
    # One network alone is rounded otherwise than in company, so it gets company, whose results nobody reads.
    stack = Stack(members * 2 if len(members) == 1 else members, dataset, device, dtype)
    records = [_Record(run, theta) for run, theta in zip(stack.runs, stack.theta, strict=True)]
    rows = list(records)
    for epoch in range(runs[0].epochs):
        losses, distances = stack.epoch(epoch), stack.distances()
        for record, loss, distance, theta in zip(rows, losses, distances, stack.theta, strict=True):
            if not record.diverged:
                record.add(epoch + 1, loss, distance, theta)
        alive = [row for row, record in enumerate(rows) if not record.diverged]
        if not alive:
            break
        if len(alive) == 1:
            alive = [alive[0] - 1, alive[0]] if alive[0] else [0, 1]
        if len(alive) < len(rows):
            stack.keep(alive)
            rows = [rows[row] for row in alive]
    finished = {i: record.finish(stack.layout) for i, record in zip(order, records, strict=False)}
    return [finished[i] for i in range(len(runs))]


class _Record:
    """What is kept of a run while it trains."""

    def __init__(self, run: Run, theta: Tensor) -> None:
        self.run = run
        self.initial = theta.cpu().clone()
        self.final = self.initial
        self.snapshots: dict[int, Tensor] = {}
        self.losses: list[Tensor] = []
        self.distances: list[Tensor] = []
        self.diverged = False
        if 0 in run.snapshots:
            self.snapshots[0] = self.initial

    def add(self, done: int, loss: Tensor, distance: Tensor, theta: Tensor) -> None:
        """Note the state after `done` epochs."""
        self.losses.append(loss)
        self.distances.append(distance)
        self.diverged = not bool(torch.isfinite(loss) & torch.isfinite(distance))
        if done in self.run.snapshots:
            self.snapshots[done] = theta.cpu().clone()
        if self.diverged or done == self.run.epochs:
            self.final = theta.cpu().clone()

    def finish(self, layout: Layout) -> Trained:
        """Return the run as it ended."""
        return Trained(
            self.run,
            layout,
            self.initial,
            self.final,
            self.snapshots,
            torch.stack(self.losses),
            torch.stack(self.distances),
            self.diverged,
        )


def _by_optimizer(runs: Sequence[Run]) -> list[tuple[str, list[int]]]:
    """Return the rows of each optimizer, in the order of the stack."""
    rows = groupby(range(len(runs)), key=lambda row: runs[row].optimizer)
    return [(name, list(group)) for name, group in rows]


def _prepare(run: Run, dataset: Dataset, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    x, labels = training_data(dataset, run.train_size, run.label_corruption, run.data_seed)
    x = x.to(device, dtype)
    return x, targets(run, x, labels.to(device), dataset.classes)
