"""The one sweep: everything that is measured along a line, in one pass over its alphas."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.func import vmap

from stages.config import BatchNormStatistics
from stages.lines.taylor import Jet, Moving, Taylor, expand
from stages.measures.gauss_length import smooth, turning
from stages.networks.batch_norm import Statistics, given_statistics, with_statistics
from stages.networks.evaluation import (
    SMALLEST_NORMALISED,
    Task,
    batches,
    chunk_points,
    chunk_rows,
    combine,
    estimation_batches,
    evaluate,
)
from stages.networks.layout import Layout

NUMERICS = 4
"""Version of what a sweep computes: raise it with any change that moves a curve, so that no old line is reused."""

GAUSS_NUMBERS = 2**20  # of tangents that become Gauss lengths at once, in double precision and several copies


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
    for chunk in alphas.split(chunk_points(task, settings, len(alphas))):
        points, rows = OnLine(task.layout, start, end, chunk), chunk_rows(task, len(chunk))
        jets = _statistics(task, points, settings)
        statistics = {name: jet.value for name, jet in jets.items()}
        train = evaluate(task, task.train, points, statistics, settings, rows)
        test = evaluate(task, task.test, points, statistics, settings, rows)
        outputs = _outputs(task, points, jets, settings, max(gauss_examples, path_examples))
        found = (train.loss, train.accuracy, test.loss, test.accuracy)
        found += (outputs.first[:, :gauss_examples], outputs.second[:, :gauss_examples])
        found += (outputs.value[:, :path_examples].clone(),)  # a view would keep all outputs in memory
        for name, value in zip(parts, found, strict=True):
            parts[name].append(value)
    joined = {name: torch.cat(values).cpu().numpy() for name, values in parts.items()}
    v, a = joined["v"], joined["a"]
    few = max(1, GAUSS_NUMBERS // v[:, 0].size)
    some = [(v[:, part], a[:, part]) for part in batches(v.shape[1], few)]
    return Walk(
        loss_train=joined["loss"],
        accuracy_train=joined["hits"],
        loss_test=joined["test_loss"],
        accuracy_test=joined["test_hits"],
        gauss_smooth=np.concatenate([smooth(v, a, alphas.double().cpu().numpy()) for v, a in some]),
        gauss_turning=np.concatenate([turning(v) for v, _ in some]),
        paths=joined["z"],
    )


@dataclass(frozen=True)
class OnLine:
    """Points (1 - alpha) start + alpha end, for endpoints of shape (D,) and alphas `where`, shape (P,)."""

    layout: Layout
    start: Tensor
    end: Tensor
    where: Tensor

    def moving(self, alpha: Tensor) -> dict[str, Moving]:
        """Return the named parameters at alpha and how they move."""
        value = self.layout.split((1 - alpha) * self.start + alpha * self.end)
        first = self.layout.split(self.end - self.start)
        start, end = self.layout.split(self.start), self.layout.split(self.end)
        return {name: Moving(value[name], first[name], None, (start[name], end[name], alpha)) for name in value}

    def call(self, where: Tensor, x: Tensor, function: Callable[[dict[str, Tensor]], Tensor]) -> Tensor:
        """Return a function of the named parameters at one alpha and of the examples x."""
        with Taylor(x, derivatives=False) as mode:
            return function({name: mode.track(*move) for name, move in self.moving(where).items()})


def _statistics(task: Task, points: OnLine, settings: BatchNormStatistics) -> dict[str, Jet]:
    """Return the jets of batch-norm statistics, shape (A, C) each; none where no statistics are estimated."""
    if settings.estimate == "batch":
        return {}

    def jets(alpha: Tensor, x: Tensor) -> dict[str, Jet]:
        def observe(parameters: dict[str, Tensor]) -> Statistics:
            return with_statistics(task.network, parameters, x)[1]

        return expand(observe, points.moving(alpha), x)

    observed = [(len(x), vmap(jets, (0, None))(points.where, x)) for x in estimation_batches(task, settings)]
    orders = [
        [(rows, {name: jet[order] for name, jet in batch.items()}) for rows, batch in observed] for order in range(3)
    ]
    value, first, second = (
        combine(batches, settings, start) for batches, start in zip(orders, (1.0, 0.0, 0.0), strict=True)
    )
    return {name: Jet(value[name], first[name], second[name]) for name in value}


def _outputs(
    task: Task, points: OnLine, statistics: dict[str, Jet], settings: BatchNormStatistics, examples: int
) -> Jet:
    """Return the jet of the outputs for the first training examples, shape (A, examples, O) each."""
    own = settings.estimate == "batch" and task.normalised
    examples = min(examples, len(task.train))
    rows = chunk_rows(task, len(points.where))
    size, least = (settings.batch_size, SMALLEST_NORMALISED) if own else (rows, 1)

    def jet(alpha: Tensor, known: dict[str, Jet], x: Tensor) -> Jet:
        parameters = points.moving(alpha)

        def outputs(moving: dict[str, Tensor]) -> dict[str, Tensor]:
            weights = {name: moving[name] for name in parameters}
            if own:
                return {"outputs": with_statistics(task.network, weights, x)[0]}
            return {"outputs": given_statistics(task.network, weights, {name: moving[name] for name in known}, x)}

        return expand(outputs, parameters | {name: Moving(*jet) for name, jet in known.items()}, x)["outputs"]

    parts = []
    for batch in batches(len(task.train) if own else examples, size, least):
        if batch.start < examples:
            parts.append(vmap(jet, (0, 0, None))(points.where, statistics, task.train.x[batch]))
    return Jet(*(torch.cat(terms, dim=1)[:, :examples] for terms in zip(*parts, strict=True)))
