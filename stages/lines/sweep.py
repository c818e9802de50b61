"""The sweep along a line: loss, accuracy and derivatives of outputs at all alphas, in one pass over the data."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from stages.config import BatchNormStatistics, GaussRefinement, Refinement
from stages.lines.corners import corner_angles, corner_units
from stages.lines.gauss_lengths import GaussLengths, GaussPoints, resolve_gauss_lengths
from stages.lines.jets import FixedExamples, Jet, MovingTensor
from stages.lines.redrawn_statistics import estimate_redrawn
from stages.lines.sweep_result import SweepResult
from stages.lines.taylor import TaylorMode, differentiate
from stages.lines.weight_line import WeightLine, interpolate_statistics
from stages.measures.monotonicity import min_delta
from stages.measures.refinement import between
from stages.networks.batch_norm import given_statistics, statistics_of
from stages.networks.evaluation import (
    SMALLEST_NORMALISED,
    Combination,
    Split,
    Task,
    batches,
    chunk_points,
    chunk_rows,
    estimation_batches,
    sums,
)
from stages.networks.losses import example_losses
from stages.shared.seeds import generator
from stages.workers.gpu_memory import memory_factor

BLOCK_BYTES = {"cpu": 2**26, "cuda": 2**32}
"""Largest memory for the products of a block of examples with the weights at both ends, by kind of device."""
Observer = Callable[[slice, slice, Tensor], None]
"""A function of P places on the grid of alphas, the places of a batch of examples, and the sums of their losses, shape
(P,)."""


# Shape letters: A = alphas, D = parameters, G = examples of the Gauss lengths, K = of the paths, O = outputs.
@dataclass(frozen=True)
class EvaluationOptions:
    """Options of the evaluation of a line."""

    refinement: Refinement
    """Fine grids of alphas around the largest rise."""
    redraw: int | None = None
    """Number of an evaluation with batches drawn anew at each alpha; None for the same batches at each."""
    gauss_refinement: GaussRefinement = GaussRefinement(most_alphas=0)
    """Alphas that are added for Gauss lengths; none by default."""


EVALUATE_ONCE = EvaluationOptions(Refinement(levels=0, points=1))


def sweep_line(
    task: Task,
    start: Tensor,
    end: Tensor,
    alphas: Tensor,
    settings: BatchNormStatistics,
    gauss_examples: int,
    path_examples: int,
    options: EvaluationOptions = EVALUATE_ONCE,
    progress: Callable[[float], None] = lambda share: None,
    observe: Observer = lambda alphas, examples, losses: None,
) -> SweepResult:
    """Evaluate the line theta_alpha = (1 - alpha) start + alpha end.

    Args:
        task: Network and data.
        start: theta_0, shape (D,).
        end: theta_T, shape (D,).
        alphas: Positions along the line, shape (A,), of the same dtype and on the same device as the weights.
        settings: How batch-norm statistics are estimated at each alpha; their derivatives by alpha are part of the
            outputs' derivatives.
        gauss_examples: Number of training examples, from the first, with a Gauss length; all if there are fewer. With
            0, no derivatives are computed.
        path_examples: Number of training examples, from the first, whose outputs are kept.
        options: Further evaluations, and the batches that statistics are estimated from.
        progress: Called after each chunk of alphas with the share, from 0 to 1, of the work that is done; the last
            share may be below 1.
        observe: Called with each batch of the training split on the grid of alphas.

    Returns:
        Loss and accuracy on both splits, Gauss lengths, and outputs.

    Raises:
        ValueError: If batches are drawn anew at each alpha for a fine grid or for derivatives, which have none.
    """
    if options.redraw is not None and (gauss_examples or options.refinement.levels):
        raise ValueError("statistics of redrawn batches have no derivatives and no fine grid")
    line = WeightLine(task.layout, start, end, progress, _evaluations(task, len(alphas), settings, options))
    chunks = alphas.split(chunk_points(task, settings, len(alphas)))
    if options.redraw is None:
        statistics = _statistics(task, line, chunks, settings, derivatives=gauss_examples > 0)
    else:
        statistics = _redrawn_statistics(task, line, chunks, settings, options.redraw)
    most = max(gauss_examples, path_examples)
    train = _evaluate(task, task.train, line, chunks, statistics, settings, most, observe)
    test = _evaluate(task, task.test, line, chunks, statistics, settings, 0)
    known = GaussPoints(
        alphas,
        Jet(*(term[:, :gauss_examples] for term in train.outputs)),
        {name: torch.cat([some[name].value for some in statistics]) for name in statistics[0]},
    )
    lengths = _gauss_lengths(task, line, known, settings, options.gauss_refinement)
    outputs = train.outputs.value.cpu().numpy()
    loss = train.loss.cpu().numpy()
    refined = _refine(task, line, alphas, loss, settings, options.refinement)
    losses, distances = _by_example(task, torch.from_numpy(outputs[:, :gauss_examples]).double())
    return SweepResult(
        loss_train=loss,
        accuracy_train=train.accuracy.cpu().numpy(),
        loss_test=test.loss.cpu().numpy(),
        accuracy_test=test.accuracy.cpu().numpy(),
        gauss_smooth=lengths.smooth,
        gauss_turning=lengths.turning,
        gauss_smooth_grid=lengths.smooth_grid,
        gauss_turning_grid=lengths.turning_grid,
        gauss_alphas=np.array(lengths.alphas),
        gauss_change=np.array(lengths.change),
        example_start_loss=losses[:, 0],
        example_final_loss=losses[:, -1],
        example_rise=min_delta(losses),
        example_start_to_end=distances[:, 0],
        example_rise_to_end=min_delta(distances),
        paths=outputs[:, :path_examples],
        refined_alphas=refined[0],
        refined_loss=refined[1],
    )


def differentiate_outputs(
    task: Task, start: Tensor, end: Tensor, alphas: Tensor, settings: BatchNormStatistics, examples: int
) -> Jet:
    """Return the outputs along a line with their first two derivatives by alpha, as `sweep_line` computes them.

    Args:
        task: Network and data.
        start: theta_0, shape (D,).
        end: theta_T, shape (D,).
        alphas: Positions along the line, shape (A,).
        settings: How batch-norm statistics are estimated at each alpha.
        examples: Number of training examples, from the first.

    Returns:
        Value, first and second derivative, shape (A, examples, O) each.
    """
    line = WeightLine(task.layout, start, end)
    chunks = alphas.split(chunk_points(task, settings, len(alphas)))
    statistics = _statistics(task, line, chunks, settings, derivatives=True)
    return _evaluate(task, task.train, line, chunks, statistics, settings, examples).outputs


def _gauss_lengths(
    task: Task, line: WeightLine, known: GaussPoints, settings: BatchNormStatistics, wanted: GaussRefinement
) -> GaussLengths:
    """Return the Gauss lengths of a line, from what is known on its grid of alphas and from alphas that are added."""
    count = known.outputs.value.shape[1]
    split = task.train
    if task.by_batch(settings):  # whole batches, since each has its own statistics
        bounds = batches(len(split), settings.batch_size, SMALLEST_NORMALISED)
        count_needed = next((batch.stop for batch in bounds if batch.stop >= count), count)
    else:
        count_needed = count
    few = Split(split.x[:count_needed], split.target[:count_needed], None)

    def evaluate(new: Tensor) -> GaussPoints:
        chunks = new.split(chunk_points(task, settings, len(new)))
        statistics = _statistics(task, line, chunks, settings, derivatives=True)
        outputs = _evaluate(task, few, line, chunks, statistics, settings, count).outputs
        values = {name: torch.cat([some[name].value for some in statistics]) for name in statistics[0]}
        return GaussPoints(new, outputs, values)

    def corners(points: GaussPoints) -> tuple[Tensor, Tensor]:
        return corner_angles(task, settings, line.at, points.alphas, points.statistics, points.outputs.first)

    units = corner_units(task, settings) if count else None
    return resolve_gauss_lengths(known, evaluate, corners if units else None, units == 0, wanted)


def _evaluations(task: Task, alphas: int, settings: BatchNormStatistics, options: EvaluationOptions) -> int:
    """Return the largest number of evaluations of `sweep_line`: examples times alphas, summed over its passes."""
    estimation = sum(batch.stop - batch.start for batch in estimation_batches(task, settings))
    losses = estimation + len(task.train)
    refined = options.refinement.levels * 4 * options.refinement.points
    return (losses + len(task.test)) * alphas + losses * refined


def shuffle_training_split(task: Task, number: int) -> Task:
    """Return the task with the N-th random permutation of its training examples."""
    train = task.train
    order = torch.randperm(len(train), generator=generator("order of training examples", number)).to(train.x.device)
    labels = None if train.labels is None else train.labels[order]
    return replace(task, train=Split(train.x[order], train.target[order], labels))


def _losses(task: Task, line: WeightLine, alphas: Tensor, settings: BatchNormStatistics) -> np.ndarray:
    """Return the training loss at some alphas, shape (A,)."""
    chunks = alphas.split(chunk_points(task, settings, len(alphas)))
    statistics = _statistics(task, line, chunks, settings, derivatives=False)
    return _evaluate(task, task.train, line, chunks, statistics, settings, 0).loss.cpu().numpy()


def _refine(
    task: Task, line: WeightLine, alphas: Tensor, loss: np.ndarray, settings: BatchNormStatistics, wanted: Refinement
) -> tuple[np.ndarray, np.ndarray]:
    """Return a fine grid of alphas around the largest rise, and the training loss there; empty if not finite."""
    first = alphas.double().cpu().numpy()
    where, values = first, loss
    for _ in range(wanted.levels if np.isfinite(loss).all() else 0):
        new = torch.from_numpy(between(values, where, wanted.points)).to(alphas)
        where = np.concatenate([where, new.double().cpu().numpy()])
        values = np.concatenate([values, _losses(task, line, new, settings)])
        order = np.argsort(where, kind="stable")
        where, values = where[order], values[order]
        if not np.isfinite(values).all():
            break
    further = ~np.isin(where, first)
    return where[further], values[further]


def _by_example(task: Task, outputs_AGO: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return each example's loss, and the squared distance of its outputs from the last ones, shape (G, A) each."""
    if not outputs_AGO.shape[1]:
        return np.zeros((0, len(outputs_AGO))), np.zeros((0, len(outputs_AGO)))
    target = task.train.target[: outputs_AGO.shape[1]].cpu()
    losses = [example_losses(task.loss, outputs, target) for outputs in outputs_AGO]
    distances = (outputs_AGO - outputs_AGO[-1]).square().sum(2)
    return torch.stack(losses, 1).double().numpy(), distances.mT.numpy()


@dataclass(frozen=True)
class _SplitValues:
    """Values along a line on one split."""

    loss: Tensor
    """Mean loss, shape (A,)."""
    accuracy: Tensor
    """Accuracy, shape (A,)."""
    outputs: Jet
    """Outputs for the first examples with their derivatives, shape (A, examples, O) each."""


def _statistics(
    task: Task, line: WeightLine, chunks: Sequence[Tensor], settings: BatchNormStatistics, derivatives: bool
) -> list[dict[str, Jet]]:
    """Return batch-norm statistics with their derivatives for each chunk of P alphas, shape (P, C) each, by name."""
    if task.stored is not None:
        return [interpolate_statistics(*task.stored, chunk) for chunk in chunks]

    def statistics_jets(alpha: Tensor, theta: Tensor, held: FixedExamples) -> dict[str, Jet]:
        moving = line.moving(alpha, theta)
        if derivatives:
            return differentiate(lambda weights: statistics_of(task.network, weights, held.x), moving, held)
        with TaylorMode(held, derivatives=False) as mode:
            weights = {name: mode.track(*move) for name, move in moving.items()}
            found = statistics_of(task.network, weights, held.x)
        return {name: mode.jet(value) for name, value in found.items()}

    orders = [tuple(Combination(settings, start) for start in (1.0, 0.0, 0.0)) for _ in chunks]
    for block in _blocks(task, list(estimation_batches(task, settings))):
        examples = [FixedExamples(task.train.x[batch]) for batch in block]
        for chunk, combinations in zip(chunks, orders, strict=True):
            theta = line.at(chunk)
            for held in examples:
                found = task.over_points(statistics_jets, (0, 0, None))(chunk, theta, held)
                for order, combination in enumerate(combinations):
                    combination.add(len(held.x), {name: jet[order] for name, jet in found.items()})
            line.count(len(chunk) * (block[-1].stop - block[0].start))
    return [
        {name: Jet(*(combination.total[name] for combination in combinations)) for name in combinations[0].total}
        for combinations in orders
    ]


def _redrawn_statistics(
    task: Task, line: WeightLine, chunks: Sequence[Tensor], settings: BatchNormStatistics, draw: int
) -> list[dict[str, Jet]]:
    """Return batch-norm statistics for each chunk as `_statistics`, from batches that are drawn anew at each alpha."""
    found = []
    place = 0
    for chunk in chunks:
        values = estimate_redrawn(task, line.at(chunk), settings, draw, place)
        found.append({name: Jet(value, *[torch.zeros_like(value)] * 2) for name, value in values.items()})
        place += len(chunk)
        line.count(len(chunk) * sum(batch.stop - batch.start for batch in estimation_batches(task, settings)))
    return found


def _evaluate(
    task: Task,
    split: Split,
    line: WeightLine,
    chunks: Sequence[Tensor],
    statistics: Sequence[dict[str, Jet]],
    settings: BatchNormStatistics,
    examples: int,
    observe: Observer = lambda alphas, examples, losses: None,
) -> _SplitValues:
    """Evaluate the line on a split, with derivatives of the outputs for the first examples."""
    examples = min(examples, len(split))

    def value(alpha: Tensor, theta: Tensor, known: dict[str, Jet], held: FixedExamples) -> Tensor:
        if task.folded is not None and not task.by_batch(settings):
            given = {name: jet.value for name, jet in known.items()}
            return given_statistics(task.folded, task.layout.split(theta), given, held.x)
        with TaylorMode(held, derivatives=False) as mode:
            weights = {name: mode.track(*move) for name, move in line.moving(alpha, theta).items()}
            return task.outputs(settings, weights, {name: jet.value for name, jet in known.items()}, held.x)

    def jet(alpha: Tensor, theta: Tensor, known: dict[str, Jet], held: FixedExamples) -> Jet:
        parameters = line.moving(alpha, theta)

        def outputs(moving: dict[str, Tensor]) -> dict[str, Tensor]:
            weights = {name: moving[name] for name in parameters}
            return {"outputs": task.outputs(settings, weights, {name: moving[name] for name in known}, held.x)}

        return differentiate(outputs, parameters | {name: MovingTensor(*terms) for name, terms in known.items()}, held)[
            "outputs"
        ]

    if task.by_batch(settings):
        whole = list(batches(len(split), settings.batch_size, SMALLEST_NORMALISED))
    else:
        rows = chunk_rows(task, len(chunks[0]))
        rest = batches(len(split) - examples, rows)
        whole = [*batches(examples, rows), *(slice(b.start + examples, b.stop + examples) for b in rest)]
    points = sum(len(chunk) for chunk in chunks)
    loss = torch.zeros(points, dtype=torch.float64, device=split.x.device)
    hits = torch.zeros_like(loss)
    terms: list[Tensor] = []
    for block in _blocks(task, [batch for batch in whole if batch.stop > batch.start]):
        parts = [(batch, FixedExamples(split.x[batch])) for batch in block]
        done = 0
        for chunk, known in zip(chunks, statistics, strict=True):
            theta, where = line.at(chunk), slice(done, done + len(chunk))
            done += len(chunk)
            for batch, held in parts:
                if batch.start < examples:
                    found = task.over_points(jet, (0, 0, 0, None))(chunk, theta, known, held)
                    if not terms:
                        terms = [found.value.new_empty(points, examples, *found.value.shape[2:]) for _ in Jet._fields]
                    for kept, term in zip(terms, found, strict=True):
                        kept[where, batch] = term[:, : examples - batch.start]
                    outputs = found.value
                else:
                    outputs = task.over_points(value, (0, 0, 0, None))(chunk, theta, known, held)
                losses, right = sums(task, split, batch, outputs)
                observe(where, batch, losses)
                loss[where] += losses
                hits[where] += right
            line.count(len(chunk) * (block[-1].stop - block[0].start))
    if not terms:
        terms = [loss.new_empty(points, 0, 0) for _ in Jet._fields]
    return _SplitValues(loss / len(split), hits / len(split), Jet(*terms))


def _blocks(task: Task, parts: Sequence[slice]) -> Iterator[list[slice]]:
    """Yield adjacent batches in blocks, for which products with the weights at both ends of the line fit into memory.

    The weights at an alpha are then computed once per block, not once per batch.
    """
    x = task.train.x
    block_bytes = int(BLOCK_BYTES[x.device.type] * memory_factor(x.device.type))
    rows = block_bytes // (2 * task.width * x.element_size())
    block: list[slice] = []
    for part in parts:
        if block and part.stop - block[0].start > rows:
            yield block
            block = []
        block.append(part)
    if block:
        yield block
