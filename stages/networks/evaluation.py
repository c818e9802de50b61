"""Loss and accuracy of many networks of one architecture at once, batch-norm statistics re-estimated for each."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.func import vmap
from torch.utils._pytree import tree_leaves, tree_map

from stages.config import BatchNormStatistics, Run
from stages.datasets.dataset import Dataset
from stages.datasets.training_split import training_data
from stages.networks.batch_norm import Statistics, batch_norms, given_statistics, statistics_of
from stages.networks.build import build
from stages.networks.functional import call_with
from stages.networks.losses import Loss, correct, example_losses, targets
from stages.networks.masking import mask
from stages.networks.network_sizes import sizes
from stages.networks.parameter_layout import Layout
from stages.shared.seeds import generator
from stages.workers.gpu_memory import memory_factor

SMALLEST_NORMALISED = 2  # examples of a batch with batch norm: a single one has no variance
# Sizes of a chunk, by kind of device: small for a CPU's caches, large to occupy a GPU's cores. Where a process has
# little of a GPU's memory, they are multiplied by `memory_factor`.
ACTIVATION_BYTES = {"cpu": 2**23, "cuda": 2**29}  # outputs of one layer for all points and examples of a chunk
WEIGHT_BYTES = {"cpu": 2**25, "cuda": 2**30}  # weights of all points of a chunk
POINTS_OF_A_STACK = 16
FEWEST_ROWS = 128  # examples of a chunk; products of fewer are slower


@dataclass(frozen=True)
class Split:
    """One split of a dataset as a network sees it."""

    x: Tensor
    """Examples, shape (N, ...)."""
    target: Tensor
    """Targets of the loss, shape (N, ...)."""
    labels: Tensor | None
    """Classes, shape (N,); None where accuracy has no meaning."""

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.x)


@dataclass(frozen=True)
class Task:
    """A network with the data that stacks of its weights are evaluated on."""

    network: nn.Module
    layout: Layout
    loss: Loss
    train: Split
    test: Split
    may_loop: bool = False
    """Whether to evaluate point by point where `torch.vmap` refuses, as it may for networks of the user's."""
    one_by_one: bool = False
    """Whether to evaluate point by point in any case, as is faster for convolutions: grouped ones of several points are
    slow on a processor, and lose the layout of images with channels last."""
    most_rows: int | None = None
    """Largest number of examples at once; None for no limit but that of `chunk_rows`."""
    folded: nn.Module | None = None
    """The network as `stages.networks.folded_network` makes it, by which losses on a line are computed; None for the
    network itself."""
    stored: tuple[Statistics, Statistics] | None = None
    """Batch-norm statistics at both ends of a line, which are interpolated; None to estimate them at each point."""

    def over_points(self, function: Callable, in_dims: tuple) -> Callable:
        """Return a function that is called at many points at once.

        Args:
            function: The function of one point, as `over_points` takes it.
            in_dims: Which of its arguments have a leading dimension of points, as `over_points` takes it.

        Returns:
            The function of many points.
        """
        if self.one_by_one:
            return lambda *given: _one_by_one(function, in_dims, given)
        return over_points(function, in_dims, self.may_loop)

    @cached_property
    def width(self) -> int:
        """Largest number of outputs of a layer for one example."""
        return sizes(self.network, tuple(self.train.x.shape[1:])).largest

    @property
    def normalised(self) -> bool:
        """Whether the network has batch norm."""
        return bool(batch_norms(self.network))

    def by_batch(self, settings: BatchNormStatistics) -> bool:
        """Return whether each batch is normalised by its own statistics, so that batches may not be divided."""
        return self.normalised and self.stored is None and settings.estimate == "batch"

    def outputs(
        self, settings: BatchNormStatistics, parameters: dict[str, Tensor], statistics: Statistics, x: Tensor
    ) -> Tensor:
        """Return the network's outputs for the examples x, normalised as the settings say. Pure."""
        if self.by_batch(settings):
            return call_with(self.network, parameters, x)
        return given_statistics(self.network, parameters, statistics, x)


def task_of(run: Run, dataset: Dataset, device: torch.device, dtype: torch.dtype = torch.float32) -> Task:
    """Return a run's network with the data to evaluate its weights on: its own training examples, and the test split.

    For text, each split is represented by a fixed batch of its blocks, with fixed tokens to predict.
    """
    network = build(run, dataset.shape, dataset.classes).to(device, dtype)
    if dataset.evaluation is not None:
        blocks = {"training": training_data(dataset, *run.data_key)[0], "test": dataset.test_x}
        fixed = [_fixed_batch(some, name, dataset, device) for name, some in blocks.items()]
        return Task(network, Layout.of(network), run.loss, *fixed)

    def split(x: Tensor, labels: Tensor) -> Split:
        x, labels = x.to(device, dtype), labels.to(device)
        target = targets(run, x, labels, dataset.classes)
        return Split(x, target, None if run.architecture.reconstructs else labels)

    train = split(*training_data(dataset, *run.data_key))
    test = split(dataset.test_x, dataset.test_y)
    return Task(network, Layout.of(network), run.loss, train, test, may_loop=run.architecture.user_defined)


def over_points(function: Callable, in_dims: tuple, may_loop: bool) -> Callable:
    """Return a function that is called at many points at once.

    Args:
        function: The function of one point; its arguments and results are tensors, however nested.
        in_dims: For each argument 0 where it has a leading dimension of points, None where it is the same for all.
        may_loop: Whether to call the function at one point after the other where `torch.vmap` refuses.

    Returns:
        The function of many points, whose results have a leading dimension of points.
    """
    together = vmap(function, in_dims)
    if not may_loop:
        return together

    def call(*given: object) -> object:
        try:
            return together(*given)
        except Exception:  # `vmap` refuses in many ways: no batching rule, writes in place, control flow by values
            return _one_by_one(function, in_dims, given)

    return call


def _one_by_one(function: Callable, in_dims: tuple, given: tuple) -> object:
    """Call a function at each point and stack what it returns, as `vmap` does."""
    points = len(next(leaf for dim, one in zip(in_dims, given, strict=True) if dim == 0 for leaf in tree_leaves(one)))
    found = [
        function(
            *(
                tree_map(lambda leaf: leaf[point], one) if dim == 0 else one  # noqa: B023 (called at once)
                for dim, one in zip(in_dims, given, strict=True)
            )
        )
        for point in range(points)
    ]
    return tree_map(lambda *leaves: torch.stack(leaves), *found)


def _fixed_batch(blocks: Tensor, split: str, dataset: Dataset, device: torch.device) -> Split:
    """Return a fixed sample of the blocks of a text, with fixed tokens to predict."""
    source = generator(f"evaluation, {split}", dataset.evaluation.seed)
    chosen = torch.randperm(len(blocks), generator=source)[: dataset.evaluation.examples].sort().values
    x, target = mask(blocks[chosen], dataset.classes, source)
    return Split(x.to(device), target.to(device), target.to(device))


# Shape letters: P = points in weight space, D = parameters, N = examples, O = outputs.
@dataclass(frozen=True)
class Evaluation:
    """Mean loss and accuracy at each point, shape (P,), in double precision; the accuracy is NaN without labels."""

    loss: Tensor
    accuracy: Tensor

    def __getitem__(self, points: slice) -> "Evaluation":
        """Return the evaluation of some of the points."""
        return Evaluation(self.loss[points], self.accuracy[points])


def batches(count: int, size: int, least: int = 1) -> Iterator[slice]:
    """Yield slices over `count` examples in steps of `size`; a rest of fewer than `least` joins the batch before it."""
    bounds = [*range(0, count, size), count]
    if len(bounds) > 2 and bounds[-1] - bounds[-2] < least:
        del bounds[-2]
    for low, high in pairwise(bounds):
        yield slice(low, high)


def estimate(task: Task, theta_PD: Tensor, settings: BatchNormStatistics) -> Statistics:
    """Estimate the batch-norm statistics of each point on the training split.

    Args:
        task: Network and data.
        theta_PD: Points, shape (P, D).
        settings: How statistics are estimated.

    Returns:
        Means and variances of shape (P, C); empty without batch norm, and where each batch has its own.
    """

    def observe(theta: Tensor, x: Tensor) -> Statistics:
        return statistics_of(task.network, task.layout.split(theta), x)

    batches_x = (task.train.x[batch] for batch in estimation_batches(task, settings))
    return combine(((len(x), task.over_points(observe, (0, None))(theta_PD, x)) for x in batches_x), settings)


def estimation_batches(task: Task, settings: BatchNormStatistics) -> Iterator[slice]:
    """Yield the batches of training examples that statistics are estimated from, none if none are."""
    if task.normalised and task.stored is None and not task.by_batch(settings):
        count = min(len(task.train), settings.examples or len(task.train))
        yield from batches(count, settings.batch_size, least=SMALLEST_NORMALISED)


class Combination:
    """The statistics of batches: their mean (`cumulative`), or a moving average from (0, 1) (`momentum`).

    The mean is weighted by the batches' sizes; with equal sizes it is what `torch.nn.BatchNorm1d` keeps with momentum
    None. The moving average is what it keeps with a number.
    """

    def __init__(self, settings: BatchNormStatistics, start: float = 1.0) -> None:
        """Start without batches.

        Args:
            settings: The rule of combination.
            start: Variance before the first batch: 1, or 0 to combine derivatives of statistics by the same rule.
        """
        self.settings, self.start = settings, start
        self.total: Statistics = {}
        self.seen = 0

    def add(self, rows: int, batch: Statistics) -> None:
        """Take in a batch of so many rows, whose statistics are tensors of any shape."""
        self.seen += rows
        weight = rows / self.seen if self.settings.estimate == "cumulative" else self.settings.momentum
        for name, new in batch.items():
            if name not in self.total:
                self.total[name] = torch.full_like(new, self.start if name.endswith(".variance") else 0.0)
            self.total[name] = (1 - weight) * self.total[name] + weight * new


def combine(observed: Iterable[tuple[int, Statistics]], settings: BatchNormStatistics) -> Statistics:
    """Return the `Combination` of batches, given with their rows."""
    combination = Combination(settings)
    for rows, batch in observed:
        combination.add(rows, batch)
    return combination.total


def sums(task: Task, split: Split, batch: slice, outputs_PBO: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum of a batch's losses and its number of correct examples (NaN without labels), shape (P,) each."""
    labels = None if split.labels is None else split.labels[batch]
    target = split.target[batch]
    losses = task.over_points(lambda outputs: example_losses(task.loss, outputs, target), (0,))(outputs_PBO)
    hits = torch.full_like(losses, torch.nan) if labels is None else vmap(correct, (0, None))(outputs_PBO, labels)
    return losses.double().sum(1), hits.double().sum(1)


def evaluate(
    task: Task, split: Split, theta_PD: Tensor, statistics: Statistics, settings: BatchNormStatistics, rows: int
) -> Evaluation:
    """Evaluate each point on a split.

    Args:
        task: Network and loss.
        split: The examples.
        theta_PD: Points, shape (P, D).
        statistics: As `estimate` gives them; not used where each batch has its own.
        settings: How batch norm is treated.
        rows: Examples at once; another number may round otherwise.

    Returns:
        Loss and accuracy of each point.
    """
    size, least = (settings.batch_size, SMALLEST_NORMALISED) if task.by_batch(settings) else (rows, 1)

    def forward(theta: Tensor, known: Statistics, x: Tensor) -> Tensor:
        return task.outputs(settings, task.layout.split(theta), known, x)

    loss = torch.zeros(len(theta_PD), dtype=torch.float64, device=split.x.device)
    hits = torch.zeros_like(loss)
    for batch in batches(len(split), size, least):
        outputs = task.over_points(forward, (0, 0, None))(theta_PD, statistics, split.x[batch])
        losses, right = sums(task, split, batch, outputs)
        loss += losses
        hits += right
    return Evaluation(loss / len(split), hits / len(split))


def chunk_points(task: Task, settings: BatchNormStatistics, points: int) -> int:
    """Return how many points to evaluate at once, by the size of the weights and of a batch's activations."""
    size, kind = task.train.x.element_size(), task.train.x.device.type
    rows = min(len(task.train), settings.batch_size if task.normalised else FEWEST_ROWS)
    rows = min(rows, task.most_rows or rows)
    weights, activations = task.layout.size * size, rows * task.width * size
    factor = memory_factor(kind)
    room = min(int(WEIGHT_BYTES[kind] * factor) // weights, int(ACTIVATION_BYTES[kind] * factor) // activations)
    return max(1, min(points, room))


def chunk_rows(task: Task, points: int) -> int:
    """Return how many examples to evaluate at once at that many points."""
    x = task.train.x
    activation_bytes = int(ACTIVATION_BYTES[x.device.type] * memory_factor(x.device.type))
    rows = max(FEWEST_ROWS, activation_bytes // (points * task.width * x.element_size()))
    return min(rows, task.most_rows or rows)


def evaluate_points(task: Task, theta_PD: Tensor, settings: BatchNormStatistics) -> tuple[Evaluation, Evaluation]:
    """Evaluate points on both splits, a chunk at a time.

    Args:
        task: Network and data.
        theta_PD: Points, shape (P, D).
        settings: How batch norm is treated.

    Returns:
        The evaluation on the training and on the test split.
    """
    rows = chunk_rows(task, POINTS_OF_A_STACK)  # constant, since no point may depend on the others
    found: list[list[Evaluation]] = [[], []]
    always_alone = chunk_points(task, settings, 2) == 1
    for theta in theta_PD.split(chunk_points(task, settings, len(theta_PD))):
        # A stack of one rounds differently, so a single point is evaluated beside a copy that is discarded.
        company = theta.repeat(2, 1) if len(theta) == 1 and not always_alone else theta
        statistics = estimate(task, company, settings)
        for split, evaluations in zip((task.train, task.test), found, strict=True):
            evaluations.append(evaluate(task, split, company, statistics, settings, rows)[: len(theta)])
    train, test = (
        Evaluation(torch.cat([e.loss for e in parts]), torch.cat([e.accuracy for e in parts])) for parts in found
    )
    return train, test
