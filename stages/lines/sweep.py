"""The one sweep: everything that is measured along a line, in one pass over its alphas."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.func import jvp, vmap

from stages.config import BatchNormStatistics
from stages.measures.gauss_length import smooth, turning
from stages.networks.batch_norm import Statistics, given_statistics, with_statistics
from stages.networks.evaluation import (
    Task,
    chunk_points,
    chunk_rows,
    combine,
    estimation_batches,
    evaluate,
)

NUMERICS = 1
"""Version of what a sweep computes: raise it with any change that moves a curve, so that no old line is reused."""


# Shape letters: A = alphas, D = parameters, G = examples of the Gauss lengths, K = of the paths, O = outputs.
@dataclass(frozen=True)
class Walk:
    """What a sweep finds along one line."""

    loss_train: np.ndarray
    """(A,)"""
    loss_test: np.ndarray
    """(A,)"""
    accuracy_train: np.ndarray
    """(A,)"""
    accuracy_test: np.ndarray
    """(A,)"""
    gauss_smooth: np.ndarray
    """(G,) radians"""
    gauss_turning: np.ndarray
    """(G,) radians"""
    paths: np.ndarray
    """(A, K, O)"""


@dataclass(frozen=True)
class Jet:
    """A function of alpha with its first two derivatives, along the first dimension one alpha each."""

    value: Tensor
    first: Tensor
    second: Tensor


def walk(
    task: Task,
    start: Tensor,
    end: Tensor,
    alphas: Tensor,
    settings: BatchNormStatistics,
    gauss_examples: int,
    path_examples: int,
) -> Walk:
    """Evaluate the line theta_alpha = (1 - alpha) start + alpha end.

    Args:
        task: Network and data.
        start: theta_0, shape (D,).
        end: theta_T, shape (D,).
        alphas: Shape (A,), of the same type and device as the weights.
        settings: How batch-norm statistics are estimated at each alpha; their change along the line is part of the
            outputs' derivatives.
        gauss_examples: Number of training examples, from the first, of the Gauss lengths; all if there are fewer.
        path_examples: Number of training examples, from the first, whose outputs are kept.

    Returns:
        Loss and accuracy on both splits, Gauss lengths, and paths.
    """
    parts: dict[str, list[Tensor]] = {name: [] for name in ("loss", "hits", "test_loss", "test_hits", "v", "a", "z")}
    for chunk in alphas.split(_alphas_at_once(task, settings, len(alphas))):
        theta = _point(start, end, chunk[:, None])
        jets = _statistics(task, start, end, chunk, settings)
        statistics = {name: (mean.value, variance.value) for name, (mean, variance) in jets.items()}
        train = evaluate(task, task.train, theta, statistics, settings)
        test = evaluate(task, task.test, theta, statistics, settings)
        outputs = _outputs(task, start, end, chunk, jets, settings, max(gauss_examples, path_examples))
        found = (train.loss, train.accuracy, test.loss, test.accuracy)
        found += (outputs.first[:, :gauss_examples], outputs.second[:, :gauss_examples])
        found += (outputs.value[:, :path_examples],)
        for name, value in zip(parts, found, strict=True):
            parts[name].append(value)
    joined = {name: torch.cat(values).cpu().numpy() for name, values in parts.items()}
    return Walk(
        loss_train=joined["loss"],
        accuracy_train=joined["hits"],
        loss_test=joined["test_loss"],
        accuracy_test=joined["test_hits"],
        gauss_smooth=smooth(joined["v"], joined["a"], alphas.double().cpu().numpy()),
        gauss_turning=turning(joined["v"]),
        paths=joined["z"],
    )


def second_order(function: Callable[[Tensor], object], alpha: Tensor) -> tuple:
    """Return the value of a function of one number, its derivative, and its second derivative, by forward mode.

    Args:
        function: From a tensor without dimensions to nested tensors.
        alpha: Where, without dimensions.

    Returns:
        Three structures as the function gives.
    """
    one = torch.ones_like(alpha)

    def with_first(t: Tensor) -> tuple:
        return jvp(function, (t,), (one,))

    (value, first), (_, second) = jvp(with_first, (alpha,), (one,))
    return value, first, second


def _point(start: Tensor, end: Tensor, alpha: Tensor) -> Tensor:
    return (1 - alpha) * start + alpha * end


def _statistics(task: Task, start: Tensor, end: Tensor, alphas: Tensor, settings: BatchNormStatistics) -> dict:
    """Return, by layer, the jets of mean and variance along the line; empty where no statistics are estimated."""
    if settings.estimate == "batch":
        return {}

    def jets(alpha: Tensor, x: Tensor) -> tuple[Statistics, Statistics, Statistics]:
        def observe(t: Tensor) -> Statistics:
            return with_statistics(task.network, task.layout.split(_point(start, end, t)), x)[1]

        return second_order(observe, alpha)

    observed = [vmap(jets, (0, None))(alphas, x) for x in estimation_batches(task, settings)]
    value = combine((batch[0] for batch in observed), settings)
    first = combine((batch[1] for batch in observed), settings, start=0.0)
    second = combine((batch[2] for batch in observed), settings, start=0.0)
    terms = {name: zip(value[name], first[name], second[name], strict=True) for name in value}
    return {name: tuple(Jet(*orders) for orders in pair) for name, pair in terms.items()}


def _outputs(
    task: Task, start: Tensor, end: Tensor, alphas: Tensor, jets: dict, settings: BatchNormStatistics, examples: int
) -> Jet:
    """Return the jet of the outputs for the first training examples, shape (A, examples, O) each."""
    own = settings.estimate == "batch" and task.normalised
    examples = min(examples, len(task.train))
    size = settings.batch_size if own else chunk_rows(task, task.train)
    known = {name: [(jet.value, jet.first, jet.second) for jet in pair] for name, pair in jets.items()}

    def jet(alpha: Tensor, around: dict, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        def outputs(t: Tensor) -> Tensor:
            parameters = task.layout.split(_point(start, end, t))
            if own:
                return with_statistics(task.network, parameters, x)[0]
            step = t - alpha  # zero, but not its derivatives: the statistics' own course along the line
            statistics = {
                name: tuple(value + step * first + step * step / 2 * second for value, first, second in pair)
                for name, pair in around.items()
            }
            return given_statistics(task.network, parameters, statistics, x)

        return second_order(outputs, alpha)

    parts = []
    for low in range(0, examples, size):
        high = min(low + size, len(task.train)) if own else min(low + size, examples)
        parts.append(vmap(jet, (0, 0, None))(alphas, known, task.train.x[low:high]))
    return Jet(*(torch.cat(terms, dim=1)[:, :examples] for terms in zip(*parts, strict=True)))


def _alphas_at_once(task: Task, settings: BatchNormStatistics, alphas: int) -> int:
    rows = min(len(task.train), settings.batch_size) if task.normalised else chunk_rows(task, task.train)
    return chunk_points(task, rows, alphas)
