"""Loss and accuracy of many networks of one architecture at once, batch-norm statistics re-estimated for each."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from stages.config import BatchNormStatistics, Run
from stages.datasets.dataset import Dataset
from stages.datasets.training_split import training_data
from stages.networks.batch_norm import Statistics, batch_norms, given_statistics, with_statistics
from stages.networks.build import build
from stages.networks.layout import Layout
from stages.networks.losses import correct, example_losses, targets

SMALLEST_NORMALISED = 2  # examples that batch norm needs: one alone has no variance
ACTIVATION_BYTES = 2**23  # of one layer at all points and examples of a chunk
WEIGHT_BYTES = 2**25  # of all points of a chunk
POINTS_OF_A_STACK = 16
FEWEST_ROWS = 128  # examples of a chunk: with fewer a product is slower


@dataclass(frozen=True)
class Split:
    """One split of a dataset as a network sees it."""

    x: Tensor
    """(N, ...)"""
    target: Tensor
    """(N, ...) what outputs are compared with."""
    labels: Tensor | None
    """(N,) classes; None where accuracy has no meaning."""

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.x)


@dataclass(frozen=True)
class Task:
    """What a stack of networks is evaluated on."""

    network: nn.Module
    layout: Layout
    loss: str
    train: Split
    test: Split

    @property
    def normalised(self) -> bool:
        """Whether the network has batch norm."""
        return bool(batch_norms(self.network))


def task_of(run: Run, dataset: Dataset, device: torch.device, dtype: torch.dtype = torch.float32) -> Task:
    """Return what the weights of a run are evaluated on: its own training examples, and the test split."""
    network = build(run, tuple(dataset.train_x.shape[1:]), dataset.classes)

    def split(x: Tensor, labels: Tensor) -> Split:
        x, labels = x.to(device, dtype), labels.to(device)
        target = targets(run, x, labels, dataset.classes)
        return Split(x, target, None if run.network == "autoencoder" else labels)

    train = split(*training_data(dataset, *run.data_key))
    return Task(network, Layout.of(network), run.loss, train, split(dataset.test_x, dataset.test_y))


# Shape letters: P = points in weight space, D = parameters, N = examples, O = outputs.
@dataclass(frozen=True)
class Evaluation:
    """Mean loss an example and accuracy at each point, shape (P,), in double precision; NaN without labels."""

    loss: Tensor
    accuracy: Tensor


class Points(Protocol):
    """Points in weight space, however they are given."""

    where: Tensor
    """(P, ...) what tells each point."""

    def call(self, where: Tensor, x: Tensor, function: Callable[[dict[str, Tensor]], Tensor]) -> Tensor:
        """Return a function of the named parameters at one point and of the examples x, under `vmap`."""


@dataclass(frozen=True)
class Vectors:
    """Points given as vectors theta, shape (P, D)."""

    layout: Layout
    where: Tensor

    def call(self, where: Tensor, x: Tensor, function: Callable[[dict[str, Tensor]], Tensor]) -> Tensor:
        """Return a function of the named parameters."""
        return function(self.layout.split(where))


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
        settings: How; not `batch`, which has no statistics of its own.

    Returns:
        Means and variances of shape (P, C); empty for a network without batch norm.
    """

    def observe(theta: Tensor, x: Tensor) -> Statistics:
        return with_statistics(task.network, task.layout.split(theta), x)[1]

    observed = ((len(x), vmap(observe, (0, None))(theta_PD, x)) for x in estimation_batches(task, settings))
    return combine(observed, settings)


def estimation_batches(task: Task, settings: BatchNormStatistics) -> Iterator[Tensor]:
    """Yield the batches of training examples that statistics are estimated from, none without batch norm."""
    if task.normalised:
        count = min(len(task.train), settings.examples or len(task.train))
        for batch in batches(count, settings.batch_size, least=SMALLEST_NORMALISED):
            yield task.train.x[batch]


def combine(
    observed: Iterable[tuple[int, Statistics]], settings: BatchNormStatistics, start: float = 1.0
) -> Statistics:
    """Combine the statistics of batches: their mean (`cumulative`), or a moving average from (0, 1) (`momentum`).

    The mean is weighted by the batches' sizes; with equal sizes it is what `torch.nn.BatchNorm1d` keeps with momentum
    None. The moving average is what it keeps with a number.

    Args:
        observed: Size and statistics of each batch, tensors of any shape.
        settings: Which rule.
        start: Variance before the first batch: 1, or 0 to combine derivatives of statistics by the same rule.

    Returns:
        The combined statistics.
    """
    total: Statistics = {}
    seen = 0
    for rows, batch in observed:
        seen += rows
        weight = rows / seen if settings.estimate == "cumulative" else settings.momentum
        for name, new in batch.items():
            if name not in total:
                total[name] = torch.full_like(new, start if name.endswith(".variance") else 0.0)
            total[name] = (1 - weight) * total[name] + weight * new
    return total


def evaluate(
    task: Task, split: Split, points: Points, statistics: Statistics, settings: BatchNormStatistics, rows: int
) -> Evaluation:
    """Evaluate each point on a split.

    Args:
        task: Network and loss.
        split: The examples.
        points: P points.
        statistics: As `estimate` gives them; not used where each batch has its own.
        settings: How batch norm is treated.
        rows: Examples at once; another number may round otherwise.

    Returns:
        Loss and accuracy of each point.
    """
    own = settings.estimate == "batch" and task.normalised
    size, least = (settings.batch_size, SMALLEST_NORMALISED) if own else (rows, 1)

    def measure(where: Tensor, known: Statistics, x: Tensor, target: Tensor, labels: Tensor | None) -> tuple:
        def forward(parameters: dict[str, Tensor]) -> Tensor:
            if own:
                return functional_call(task.network, parameters, (x,))
            return given_statistics(task.network, parameters, known, x)

        outputs = points.call(where, x, forward)
        losses = example_losses(task.loss, outputs, target)
        hits = torch.full_like(losses, torch.nan) if labels is None else correct(outputs, labels)
        return losses.double().sum(), hits.double().sum()

    loss = torch.zeros(len(points.where), dtype=torch.float64, device=split.x.device)
    hits = torch.zeros_like(loss)
    for batch in batches(len(split), size, least):
        labels = None if split.labels is None else split.labels[batch]
        examples = (split.x[batch], split.target[batch], labels)
        sums = vmap(measure, (0, 0, None, None, None))(points.where, statistics, *examples)
        loss += sums[0]
        hits += sums[1]
    return Evaluation(loss / len(split), hits / len(split))


def width(task: Task) -> int:
    """Return the largest number of units in a layer."""
    return max(shape[0] for shape in task.layout.shapes)


def chunk_points(task: Task, settings: BatchNormStatistics, points: int) -> int:
    """Return how many points to evaluate at once: as many as weights, and a batch to be normalised, leave room for."""
    size = task.train.x.element_size()
    rows = min(len(task.train), settings.batch_size if task.normalised else FEWEST_ROWS)
    room = min(WEIGHT_BYTES // (task.layout.size * size), ACTIVATION_BYTES // (rows * width(task) * size))
    return max(1, min(points, room))


def chunk_rows(task: Task, points: int) -> int:
    """Return how many examples to evaluate at once at that many points."""
    return max(FEWEST_ROWS, ACTIVATION_BYTES // (points * width(task) * task.train.x.element_size()))


def evaluate_points(task: Task, theta_PD: Tensor, settings: BatchNormStatistics) -> tuple[Evaluation, Evaluation]:
    """Evaluate points on both splits, a chunk at a time.

    Args:
        task: Network and data.
        theta_PD: Points, shape (P, D).
        settings: How batch norm is treated.

    Returns:
        The evaluation on the training and on the test split.
    """
    rows = chunk_rows(task, POINTS_OF_A_STACK)  # not of the points there are: none may depend on its company
    found: list[list[Evaluation]] = [[], []]
    for theta in theta_PD.split(chunk_points(task, settings, len(theta_PD))):
        statistics = estimate(task, theta, settings) if settings.estimate != "batch" else {}
        for split, evaluations in zip((task.train, task.test), found, strict=True):
            evaluations.append(evaluate(task, split, Vectors(task.layout, theta), statistics, settings, rows))
    train, test = (
        Evaluation(torch.cat([e.loss for e in parts]), torch.cat([e.accuracy for e in parts])) for parts in found
    )
    return train, test
