"""The one training loop: many runs of one architecture, a leading dimension a run."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import groupby
from math import prod

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from stages.config import Run
from stages.config.run import OPTIMIZER_OPTIONS
from stages.datasets.dataset import Dataset
from stages.datasets.training_split import training_data
from stages.networks.batch_norm import batch_norms
from stages.networks.build import initial_parameters
from stages.networks.evaluation import SMALLEST_NORMALISED, batches
from stages.networks.layout import Layout
from stages.networks.losses import example_losses, targets
from stages.networks.masking import mask
from stages.networks.residual import scalar_names
from stages.shared.seeds import generator
from stages.training.augmentation import Draw, augment, draw
from stages.training.capacity import capacity
from stages.training.capture import CapturedStep, recorder_for
from stages.training.curvature import kronecker_factors, linear_layers
from stages.training.layers import StackLayers
from stages.training.optimizers import Optimizer
from stages.training.precision import training_products
from stages.training.root import square_root
from stages.training.rules import optimizer_of
from stages.training.schedule import learning_rate, rule, stack_order

OF_A_ROW = {"label_corruption", "data_seed", "optimizer", "lr", "milestones", "decay", "weight_decay", "magnitude"}
OF_A_ROW |= {"switch_optimizer", "switch_lr", "snapshots", "seed", "order_seed", "initialization"}
OF_A_ROW |= set().union(*OPTIMIZER_OPTIONS.values()) - {"factor_interval", "inverse_interval"}
"""What may differ in a stack. Of initialisations only Fixup's is another network."""

CLIP_EPSILON = 1e-6  # as in `torch.nn.utils.clip_grad_norm_`
UPDATE_NUMBERS = 2**17
"""Numbers that an optimizer updates at once: a call's overhead is small beside them, and they stay in the cache."""


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
    shared = (getattr(run, field) for field in Run.model_fields if field not in OF_A_ROW)
    return (*shared, run.initialization == "fixup")


# Shape letters: R = runs in the stack, D = parameters, B = examples of a step, N = training examples, V = views of the
# data, S = steps of an epoch, K = columns of an optimizer's `rates`.
class Stack:
    """Runs that are trained together. A run's row holds its weights; its numbers depend on no other row."""

    def __init__(self, runs: Sequence[Run], dataset: Dataset, device: torch.device, dtype: torch.dtype) -> None:
        """Draw the initial weights of all runs.

        Args:
            runs: Runs with equal `stack_key`, in the order of `schedule.stack_order`.
            dataset: Their data.
            device: Where to train.
            dtype: Of weights and data.

        Raises:
            ValueError: If the runs cannot be stacked.
        """
        if len({stack_key(run) for run in runs}) != 1:
            raise ValueError("runs that are trained together agree in their stack key")
        self.runs = list(runs)
        built = [initial_parameters(run, dataset.shape, dataset.classes) for run in runs]
        self.network, self.layout, _ = built[0]
        self.network.to(device)  # for what it holds beside parameters
        self.theta = torch.stack([theta for _, _, theta in built]).to(device, dtype)
        self.start = self.theta.clone()
        self.groups = _groups([len(runs) * prod(shape) for shape in self.layout.shapes])
        of_kfac = any("kfac" in run.optimizers for run in runs)
        self.layers = linear_layers(self.network, self.layout) if of_kfac else ()
        self.optimizers = self._optimizers(0)
        one_of_each = {run.data_key: run for run in runs}
        self.data = {key: _prepare(run, dataset, device, dtype) for key, run in one_of_each.items()}
        self.orders = {run.order: generator("order", run.order) for run in runs}
        self.augmented = runs[0].crop_padding > 0 or runs[0].flip
        self.crops = {run.order: generator("augmentation", run.order) for run in runs}
        self.black = dataset.train_x.amin((0, 2, 3)).to(device, dtype) if self.augmented else None
        self.vocabulary = dataset.classes if dataset.evaluation is not None else None
        self.masks = {run.order: generator("masks", run.order) for run in runs}
        self.custom = runs[0].network == "custom"
        if self.custom:
            from stages.networks.custom import training_mode  # torchvision takes seconds to import

            training_mode(self.network)
        elif runs[0].dropout:
            self.network.train()
        self.step_seeds = generator("dropout", runs[0].order)
        least = SMALLEST_NORMALISED if batch_norms(self.network) else 1
        count = len(next(iter(self.data.values()))[0])
        self.batches = list(batches(count, runs[0].batch_size, least))
        self.steps = min(runs[0].steps or len(self.batches) * runs[0].epochs, len(self.batches) * runs[0].epochs)
        self.done = 0
        self.recorder = recorder_for(runs, device)
        self._outputs = vmap(self._output) if len(runs) > 1 else self._alone
        self._share()

    def _optimizers(self, epoch: int) -> list[tuple[slice, Optimizer]]:
        """Return the optimizers of an epoch, new, each with its rows: adjacent ones of one rule."""
        started = []
        for (optimizer, magnitude), group in groupby(range(len(self.runs)), lambda row: rule(self.runs[row], epoch)):
            rows = list(group)
            span = slice(rows[0], rows[-1] + 1)
            new = optimizer_of(
                optimizer, magnitude, self.runs[span], self._parameters(span), self._lr_factors(), self.layers
            )
            started.append((span, new))
        return started

    def _share(self) -> None:
        """Set up what follows from the rows: leaves that are views of theta, and views of the data.

        Runs with the same data in the same order share a view: its batches are gathered once. Adjacent views of the
        same data form a span, whose batches are gathered by one call.
        """
        self.leaves = [view.detach().requires_grad_() for view in self.layout.split(self.theta).values()]
        keys = [(run.data_key, run.order) for run in self.runs]
        distinct = list(dict.fromkeys(keys))
        self.views = [(self.data[data_key], order) for data_key, order in distinct]
        self.view_R = torch.tensor([distinct.index(key) for key in keys], device=self.theta.device)
        places = range(len(distinct))
        adjacent = [list(some) for _, some in groupby(places, lambda place: distinct[place][0])]
        self.spans = [(self.views[some[0]][0], slice(some[0], some[-1] + 1)) for some in adjacent]
        self.captured: dict[int, CapturedStep] = {}  # by the size of the batch
        self.total = torch.zeros(len(self.runs), dtype=torch.float64, device=self.theta.device)

    def _parameters(self, rows: slice) -> list[Tensor]:
        """Return views of the parameters of adjacent rows, a group of parameters each, shape (R, P)."""
        sizes = [sum(prod(shape) for shape in self.layout.shapes[group]) for group in self.groups]
        return list(self.theta[rows].split(sizes, dim=1))

    def _lr_factors(self) -> list[Tensor | None]:
        """Return the factors of the learning rate in each group of parameters; None for 1."""
        factor, scalars = self.runs[0].scalar_lr_factor, scalar_names(self.network)
        if factor == 1 or not scalars:
            return [None] * len(self.groups)
        factors = [
            self.theta.new_tensor(factor if name in scalars else 1.0).expand(prod(shape))
            for name, shape in zip(self.layout.names, self.layout.shapes, strict=True)
        ]
        grouped = [torch.cat(factors[group]) for group in self.groups]
        return [None if bool((values == 1).all()) else values for values in grouped]

    def _group(self, gradients: tuple[Tensor, ...]) -> list[Tensor]:
        """Return the gradients by each group of parameters, shape (R, P), in memory of their own."""
        if len({gradient.data_ptr() for gradient in gradients}) < len(gradients):
            gradients = tuple(gradient.clone() for gradient in gradients)  # as of a sum of two parameters
        flat = [[gradient.flatten(1) for gradient in gradients[group]] for group in self.groups]
        return [parts[0].contiguous() if len(parts) == 1 else torch.cat(parts, 1) for parts in flat]

    def _clip(self, gradients: list[Tensor]) -> list[Tensor]:
        """Return the gradients of each group, shape (R, P), shortened where a run's is longer than it may be."""
        limit = self.runs[0].clip_norm
        if limit is None:
            return gradients
        norm_R = square_root(torch.stack([gradient.square().sum(1) for gradient in gradients]).sum(0))
        factor_R1 = (limit / (norm_R + CLIP_EPSILON)).clamp(max=1)[:, None]
        return [gradient * factor_R1 for gradient in gradients]

    def keep(self, rows: list[int]) -> None:
        """Go on with the given rows only, in increasing order."""
        chosen = torch.tensor(rows, device=self.theta.device)
        self.theta, self.start = self.theta[chosen], self.start[chosen]
        self.runs = [self.runs[row] for row in rows]
        kept: list[tuple[slice, Optimizer]] = []
        for span, optimizer in self.optimizers:
            inside = [row - span.start for row in rows if span.start <= row < span.stop]
            if inside:
                first = kept[-1][0].stop if kept else 0
                new_span = slice(first, first + len(inside))
                optimizer.keep(torch.tensor(inside, device=self.theta.device), self._parameters(new_span))
                kept.append((new_span, optimizer))
        self.optimizers = kept
        self._share()

    def epoch(self, number: int) -> Tensor:
        """Train one epoch.

        Args:
            number: Of the epoch, from 0.

        Returns:
            Mean of the minibatch losses, weighted by their sizes, shape (R,), in double precision.
        """
        if number == self.runs[0].switch_after:
            self.optimizers = self._optimizers(number)
            self.captured.clear()
        batches = self.batches if self.runs[0].steps is None else self.batches[: self.steps - self.done]
        order_VN, crops_V3N = self._examples(batches)
        rates_SRK = self._rates(number, len(batches))
        self.total.zero_()
        with training_products(self.theta.device):
            for batch, rates_RK in zip(batches, rates_SRK, strict=True):
                self._advance(order_VN[:, batch], crops_V3N[..., batch], rates_RK)
        self.done += len(batches)
        return (self.total / sum(batch.stop - batch.start for batch in batches)).cpu()

    def _examples(self, batches: Sequence[slice]) -> tuple[Tensor, Tensor]:
        """Draw the order of the examples in an epoch, and how they are augmented.

        Args:
            batches: The batches of the epoch.

        Returns:
            Indices into the data of each view, shape (V, N), and the fields of `Draw`, shape (V, 3, N); the latter are
            empty, (V, 3, 0), without augmentation.
        """
        count = len(self.views[0][0][0])
        permutations = {seed: torch.randperm(count, generator=order) for seed, order in self.orders.items()}
        crops = {seed: torch.empty(3, 0, dtype=torch.int64) for seed in self.orders}
        if self.augmented:
            padding, flip = self.runs[0].crop_padding, self.runs[0].flip
            for seed, source in self.crops.items():
                draws = [draw(batch.stop - batch.start, padding, flip, source) for batch in batches]
                crops[seed] = torch.cat([torch.stack([one.top, one.left, one.mirrored.long()]) for one in draws], 1)
        pairs = [(permutations[order], crops[order]) for _, order in self.views]
        order_VN, crops_V3N = (torch.stack(parts).to(self.theta.device) for parts in zip(*pairs, strict=True))
        return order_VN, crops_V3N

    def _rates(self, epoch: int, steps: int) -> Tensor:
        """Return the rates of all optimizers in the steps of an epoch, shape (S, R, K); an optimizer's come first."""
        rates_R = torch.tensor([learning_rate(run, epoch) for run in self.runs], dtype=torch.float64)
        factors = [1.0] * steps
        if self.runs[0].schedule == "linear":
            factors = [1 - (self.done + step) / self.steps for step in range(steps)]
        lr_SR1 = torch.stack([rates_R * factor for factor in factors])[..., None].to(self.theta.dtype)
        columns = max(optimizer.rate_columns for _, optimizer in self.optimizers)
        rates_SRK = lr_SR1.new_zeros(steps, len(self.runs), columns)
        for rows, optimizer in self.optimizers:
            rates_SRK[:, rows, : optimizer.rate_columns] = optimizer.rates(lr_SR1[:, rows])
        return rates_SRK.to(self.theta.device)

    def _advance(self, *examples_and_rates: Tensor) -> None:
        """Take one step as `_add_step` does, captured where that is possible."""
        if self.recorder is None:
            self._add_step(*examples_and_rates)
            return
        size = examples_and_rates[0].shape[1]
        if size not in self.captured:
            self.captured[size] = CapturedStep(self._add_step, examples_and_rates, self.recorder)
        self.captured[size](*examples_and_rates)

    def _add_step(self, index_VB: Tensor, crops_V3B: Tensor, rates_RK: Tensor) -> None:
        """Take one step and add its losses, summed over the examples, to `total`."""
        self.total += self._step(*self._batch(index_VB, crops_V3B), rates_RK).double() * index_VB.shape[1]

    def _batch(self, index_VB: Tensor, crops_V3B: Tensor) -> list[Tensor]:
        """Return the examples and targets of a step, shape (R, B, ...), from what `_examples` says of them."""
        if self.vocabulary is not None:
            return self._blocks(index_VB)
        found = []
        for part in (0, 1):
            first = self.views[0][0][part]
            chosen = first.new_empty((*index_VB.shape, *first.shape[1:]))
            for data, span in self.spans:
                torch.index_select(data[part], 0, index_VB[span].flatten(), out=chosen[span].flatten(0, 1))
            if part == 0 and self.augmented:
                for place, (top, left, mirrored) in zip(chosen, crops_V3B, strict=True):
                    crop = Draw(top, left, mirrored.bool())
                    place.copy_(augment(place, self.runs[0].crop_padding, self.black, crop))
            if len(self.views) < len(self.runs):
                chosen = chosen.expand(len(self.runs), *chosen.shape[1:]) if len(chosen) == 1 else chosen[self.view_R]
            found.append(chosen)
        return found

    def _blocks(self, index_VB: Tensor) -> list[Tensor]:
        """As `_batch`, of text: with tokens to predict that are drawn anew each step."""
        views = [
            mask(data[0][index], self.vocabulary, self.masks[order])
            for (data, order), index in zip(self.views, index_VB, strict=True)
        ]
        return [torch.stack(parts)[self.view_R] for parts in zip(*views, strict=True)]

    def _output(self, leaves: list[Tensor], x: Tensor) -> Tensor:
        return functional_call(self.network, dict(zip(self.layout.names, leaves, strict=True)), (x,))

    def _alone(self, leaves: list[Tensor], x: Tensor) -> Tensor:
        """Return the outputs of a stack of one."""
        leaves, x = [leaf[0] for leaf in leaves], x[0]
        if x.dim() == 4 and not self.custom:  # faster, but a network of the user's may want another layout of memory
            x = x.contiguous(memory_format=torch.channels_last)
        if not self.network.training:
            return self._output(leaves, x)[None]
        with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
            torch.manual_seed(int(torch.randint(2**62, (), generator=self.step_seeds)))
            return self._output(leaves, x)[None]

    def _step(self, x: Tensor, target: Tensor, rates_RK: Tensor) -> Tensor:
        with nullcontext() if self.custom else StackLayers():
            outputs = self._outputs(self.leaves, x)
        losses = example_losses(self.runs[0].loss, outputs.flatten(0, 1), target.flatten(0, 1))
        losses_R = losses.view(len(self.runs), -1).mean(1)
        gradients = self._clip(self._group(torch.autograd.grad(losses_R.sum(), self.leaves)))
        for rows, optimizer in self.optimizers:
            if optimizer.wants_curvature:
                optimizer.observe(self._curvature(rows, x[rows]))
            rates = rates_RK[rows, : optimizer.rate_columns]
            optimizer.step([gradient[rows] for gradient in gradients], rates)
        return losses_R.detach()

    def _curvature(self, rows: slice, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        leaves = {name: leaf.detach()[rows] for name, leaf in zip(self.layout.names, self.leaves, strict=True)}
        with StackLayers():
            return kronecker_factors(self.network, self.layers, self.runs[0].loss, leaves, x)

    def distances(self) -> Tensor:
        """Return |theta_t - theta_0| of each run, shape (R,), in double precision."""
        return (self.theta - self.start).double().norm(dim=1).cpu()


def train(
    runs: Sequence[Run],
    dataset: Dataset,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    progress: Callable[[float], None] = lambda share: None,
) -> list[Trained]:
    """Train runs of one stack key: together, or one after the other where they are too large to gain from that.

    A run whose loss or weights are not finite at the end of an epoch is stopped there and leaves the stack.

    Args:
        runs: Runs with equal `stack_key`.
        dataset: Their data.
        device: Where to train.
        dtype: Of weights and data.
        progress: Called after each epoch with the share, from 0 to 1, of the work that is done.

    Returns:
        Each run, trained, in the order given.

    Raises:
        ValueError: If the runs cannot be stacked.
    """
    if capacity(runs[0], dataset.shape, dataset.classes, device.type) == 1:
        return [
            _train([run], dataset, device, dtype, lambda share, done=done: progress((done + share) / len(runs)))[0]
            for done, run in enumerate(runs)
        ]
    order = sorted(range(len(runs)), key=lambda i: stack_order(runs[i]))
    members = [runs[i] for i in order]
    # One network alone is rounded otherwise than in company, so it gets company, whose results nobody reads.
    trained = _train(members * 2 if len(members) == 1 else members, dataset, device, dtype, progress)
    finished = dict(zip(order, trained, strict=False))
    return [finished[i] for i in range(len(runs))]


def _train(
    runs: Sequence[Run],
    dataset: Dataset,
    device: torch.device,
    dtype: torch.dtype,
    progress: Callable[[float], None],
) -> list[Trained]:
    """Train a stack; it keeps company throughout, or never has any."""
    stack = Stack(runs, dataset, device, dtype)
    records = [_Record(run, theta) for run, theta in zip(stack.runs, stack.theta, strict=True)]
    rows = list(records)
    for epoch in range(runs[0].epochs):
        losses, distances = stack.epoch(epoch), stack.distances()
        progress(stack.done / stack.steps)
        last = stack.done == stack.steps
        for record, loss, distance, theta in zip(rows, losses, distances, stack.theta, strict=True):
            if not record.diverged:
                record.add(epoch + 1, loss, distance, theta, last)
        alive = [row for row, record in enumerate(rows) if not record.diverged]
        if not alive or last:
            break
        if len(alive) == 1 < len(runs):
            alive = [alive[0] - 1, alive[0]] if alive[0] else [0, 1]
        if len(alive) < len(rows):
            stack.keep(alive)
            rows = [rows[row] for row in alive]
    return [record.finish(stack.layout) for record in records]


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

    def add(self, done: int, loss: Tensor, distance: Tensor, theta: Tensor, last: bool) -> None:
        """Note the state after `done` epochs, the last or not."""
        self.losses.append(loss)
        self.distances.append(distance)
        self.diverged = not bool(torch.isfinite(loss) & torch.isfinite(distance))
        if done in self.run.snapshots:
            self.snapshots[done] = theta.cpu().clone()
        if self.diverged or last:
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


def _groups(sizes: Sequence[int]) -> list[slice]:
    """Return which adjacent parameters an optimizer updates at once: many small ones, or a large one."""
    groups, start, numbers = [], 0, 0
    for place, size in enumerate(sizes):
        if numbers and numbers + size > UPDATE_NUMBERS:
            groups.append(slice(start, place))
            start, numbers = place, 0
        numbers += size
    return [*groups, slice(start, len(sizes))]


def _prepare(run: Run, dataset: Dataset, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    x, labels = training_data(dataset, run.train_size, run.label_corruption, run.data_seed)
    if dataset.evaluation is not None:
        return x.to(device), labels.to(device)  # what is predicted is drawn step by step
    x = x.to(device, dtype)
    return x, targets(run, x, labels.to(device), dataset.classes)
