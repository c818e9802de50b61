"""Evaluation of lines between prepared checkpoints, by the sweep and the measures of the pipeline."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from time import monotonic

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from stages.config import BatchNormStatistics, GaussRefinement, Interpolate, Refinement
from stages.config.params import Alphas
from stages.lines.evaluator import collect_curves
from stages.lines.line import Endpoint, Line
from stages.lines.line_evaluation import LineEvaluation
from stages.lines.sweep import EvaluationOptions, sweep_line
from stages.lines.sweep_result import SweepResult
from stages.measures.bias_gap import bias_gap
from stages.measures.distance import distance, norm
from stages.measures.table import measure_lines
from stages.networks.batch_norm import Statistics, batch_norms, given_statistics, statistics_of
from stages.networks.evaluation import Split, Task
from stages.networks.folded_network import fold_network
from stages.networks.last_layer import last_bias
from stages.networks.probe import difference
from stages.networks.user_network import logits
from stages.shared.errors import UserError
from stages.single_line.example_loss import Function
from stages.single_line.examples import Examples, make_splits
from stages.single_line.line_result import LineResult
from stages.single_line.memory import rows_that_fit, with_smaller_batches
from stages.single_line.prepared_network import SLOW, Point, PreparedNetwork

BATCH_NORM = ("reestimated", "stored", "batch")
"""Treatments of batch norm."""
BLOCKS = 10
"""Least number of blocks of examples over which the standard error of min Delta is estimated."""
FEW, FEWEST = 4, 2
"""Number of examples by which the network's outputs are looked at; that for networks that take long."""
PLATEAU_SHARE = 0.1
"""Proportion of a line's whole fall at which its plateau ends, as in the pipeline by default."""
FOLDING_TOLERANCE = 1e-5
"""Largest difference of outputs, relative to the largest, up to which batch norm is folded into convolutions."""
ONLY_LOSSES = Refinement(levels=0, points=1)
NO_ALPHAS = GaussRefinement(most_alphas=0)


@dataclass(frozen=True)
class Detail:
    """How closely a line is evaluated."""

    examples: int
    """Number of training examples, from the first."""
    alphas: int = 50
    """Number of alphas from 0 to 1."""
    gauss_examples: int = 0
    """Number of examples with a Gauss length."""
    refinement: Refinement = ONLY_LOSSES
    """Finer grid around the largest rise."""


def ignore(*_: object) -> None:
    """Do nothing."""


class LineEvaluator:
    """Evaluates lines between the points of one prepared network, on one set of examples."""

    def __init__(
        self,
        prepared: PreparedNetwork,
        data: Examples,
        loss: str | Function = "cross_entropy",
        batch_norm: str = "reestimated",
        batch: int | None = None,
        device: torch.device | str = "cpu",
        tolerance: float = 1e-3,
        say: Callable[[str], None] = ignore,
    ) -> None:
        """Look at the network's outputs for a few examples, and choose the sizes of batches.

        Args:
            prepared: The network with its points.
            data: The examples.
            loss: `cross_entropy`, `squared_error`, or a function of outputs and targets.
            batch_norm: One of `BATCH_NORM`.
            batch: Largest number of examples at once; None for as many as fit into a share of the memory.
            device: Where to compute.
            tolerance: min Delta up to which a line counts as monotone.
            say: Called with sentences about the computation.

        Raises:
            UserError: If the loss cannot be computed, or stored statistics are asked for and there are none.
        """
        if batch_norm not in BATCH_NORM:
            raise UserError(f"batch norm: got {batch_norm!r}, expected one of {', '.join(BATCH_NORM)}")
        self.prepared, self.device, self.tolerance, self.say = prepared, torch.device(device), tolerance, say
        self.batch_norm = batch_norm if prepared.normalised else "none"
        if self.batch_norm == "stored" and (lacks := [one.name for one in prepared.points if one.statistics is None]):
            raise UserError(f"{lacks[0]} stores no batch-norm statistics; use --batch-norm reestimated")
        network = prepared.network.to(self.device)
        few = data.x[: FEW if prepared.seconds <= SLOW else FEWEST]
        clock = monotonic()
        with torch.no_grad():
            self.outputs = logits(network(few.to(self.device)), type(network).__name__).cpu()
        self.seconds = (monotonic() - clock) / len(self.outputs)
        if self.outputs.dim() < 2 or not self.outputs.is_floating_point():
            raise UserError(
                f"network: got outputs of shape {tuple(self.outputs.shape)}, type {self.outputs.dtype}, for {len(few)} "
                "examples, expected real numbers of shape (examples, outputs)"
            )
        kind, train, test = make_splits(data, loss, self.outputs, self.device)
        convolutional = any(isinstance(module, nn.Conv2d) for module in network.modules()) and train.x.dim() == 4
        if convolutional:
            train, test = (replace(split, x=_channels_last(split.x)) for split in (train, test))
        folded = self._folded(few[:FEWEST]) if convolutional and self.device.type == "cpu" else None
        self.task = Task(
            network, prepared.layout, kind, train, test, may_loop=True, one_by_one=convolutional, folded=folded
        )
        fits = rows_that_fit(self.task.width, self.device)
        self.rows = min(batch or fits, fits)

    def _folded(self, few: Tensor) -> nn.Module | None:
        """Return the network with batch norm folded into convolutions, if its outputs are the same at both ends."""
        network = self.prepared.network
        folded = fold_network(network)
        if folded is None:
            return None
        with torch.no_grad():
            for point in (self.prepared.points[0], self.prepared.points[-1]):
                weights = self.prepared.layout.split(point.theta)
                statistics = point.statistics
                if statistics is None:
                    statistics = statistics_of(network, weights, few) if batch_norms(network) else {}
                one, other = (given_statistics(net, weights, statistics, few.clone()) for net in (folded, network))
                if difference(one, other) > FOLDING_TOLERANCE:
                    return None
        return folded

    @property
    def examples(self) -> int:
        """Number of training examples that there are."""
        return len(self.task.train)

    @property
    def has_gauss_lengths(self) -> bool:
        """Whether the outputs for an example are a vector, so that its path has a Gauss length."""
        return self.outputs.dim() == 2

    def evaluate(
        self, start: Point, end: Point, detail: Detail, progress: Callable[[float], None] = ignore
    ) -> LineResult:
        """Evaluate the line between two points.

        Args:
            start: The point at alpha = 0.
            end: The point at alpha = 1.
            detail: How closely.
            progress: Called with the share, from 0 to 1, of the work that is done.

        Returns:
            The curve and the measures.

        Raises:
            UserError: If memory is too little for a single example.
        """
        gauss = detail.gauss_examples if self.has_gauss_lengths else 0
        places = np.linspace(0, 1, detail.alphas)
        found, noise = self.sweep(start, end, places, detail.examples, gauss, detail.refinement, progress)
        ends = [point.theta[: self.prepared.trainable].numpy() for point in (start, end)]
        final, bias = self.prepared.layout.split(end.theta), self._last_bias
        arrays = dict(vars(found)) | {
            "path_labels": np.zeros(0, np.int64),
            "bias_gap": np.array(np.nan if bias not in final else bias_gap(final[bias].numpy())),
            "distance": np.array(distance(*ends)),
            "start_norm": np.array(norm(ends[0])),
        }
        line = Line("line", Endpoint(start.name, "initial"), Endpoint(end.name, "final"))
        request = self._request(detail)
        table = measure_lines(collect_curves([line], [arrays], request), self.tolerance, PLATEAU_SHARE)
        names = ("loss_train", "accuracy_train", "loss_test", "accuracy_test")
        columns = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
        curve = pd.DataFrame(
            {"alpha": request.alphas()} | dict(zip(columns, (arrays[name] for name in names), strict=True))
        )
        facts = {
            "start": start.name,
            "end": end.name,
            "examples": min(detail.examples, self.examples),
            "test_examples": len(self.task.test),
            "alphas": detail.alphas,
            "batch_norm": self.batch_norm,
            "tolerance": self.tolerance,
            "parameters": self.prepared.trainable,
            "min_delta_standard_error": noise,
        }
        row = pd.concat([pd.DataFrame([facts]), table], axis=1)
        return LineResult(start.name, end.name, curve, row, self.prepared.remarks)

    def _request(self, detail: Detail) -> LineEvaluation:
        settings = Interpolate(
            alphas=Alphas(start=0.0, stop=1.0, points=detail.alphas),
            batch_norm=self._settings(self.rows),
            refinement=detail.refinement,
        )
        return LineEvaluation(settings, detail.gauss_examples, 0)

    def _settings(self, rows: int) -> BatchNormStatistics:
        """Return how batch-norm statistics are estimated, in batches of at most so many examples."""
        own = BatchNormStatistics()
        estimate = "batch" if self.batch_norm == "batch" else own.estimate
        return own.model_copy(update={"estimate": estimate, "batch_size": max(2, min(own.batch_size, rows))})

    def sweep(
        self,
        start: Point,
        end: Point,
        alphas: np.ndarray,
        examples: int,
        gauss_examples: int = 0,
        refinement: Refinement = ONLY_LOSSES,
        progress: Callable[[float], None] = ignore,
    ) -> tuple[SweepResult, float]:
        """Return the values along a line, and the standard error of min Delta.

        Args:
            start: The point at alpha = 0.
            end: The point at alpha = 1.
            alphas: Increasing positions on the line, shape (A,).
            examples: Number of training examples, from the first.
            gauss_examples: Number of them with a Gauss length.
            refinement: Finer grid around the largest rise.
            progress: Called with the share, from 0 to 1, of the work that is done.

        Returns:
            The values, as `stages.lines.sweep` gives them, and the standard error over blocks of examples.

        Raises:
            UserError: If memory is too little for a single example.
        """
        count = min(examples, self.examples)
        train = self.task.train
        some = Split(train.x[:count], train.target[:count], None if train.labels is None else train.labels[:count])
        width = self.task.width  # which is found by a call of the network, and is that of all that follow
        task = replace(self.task, train=some)
        if self.batch_norm == "stored" and start.statistics is not None and end.statistics is not None:
            task = replace(task, stored=(self._placed(start.statistics), self._placed(end.statistics)))
        first, last = (point.theta.to(self.device) for point in (start, end))
        places = torch.from_numpy(alphas).float().to(self.device)

        def compute(rows: int) -> tuple[SweepResult, float]:
            blocks = _BlockLosses(len(alphas))
            limited = replace(task, most_rows=min(rows, max(1, -(-count // BLOCKS))))
            vars(limited)["width"] = width
            with torch.no_grad():
                found = sweep_line(
                    limited,
                    first,
                    last,
                    places,
                    self._settings(rows),
                    gauss_examples,
                    0,
                    EvaluationOptions(refinement, gauss_refinement=GaussRefinement() if gauss_examples else NO_ALPHAS),
                    progress,
                    blocks.add,
                )
            return found, blocks.standard_error()

        try:
            result, self.rows = with_smaller_batches(compute, self.rows, self.say)
        except (MemoryError, torch.OutOfMemoryError) as error:
            raise UserError("memory is too little for a single example; use a machine with more") from error
        return result

    def _placed(self, statistics: Statistics) -> Statistics:
        return {name: value.to(self.device) for name, value in statistics.items()}

    @cached_property
    def _last_bias(self) -> str | None:
        return last_bias(self.task.network, tuple(self.task.train.x.shape[1:]))


def _channels_last(x: Tensor) -> Tensor:
    """Return images in the layout in which convolutions and what follows them are fastest."""
    return x.contiguous(memory_format=torch.channels_last)


def _largest_change(values_LA: np.ndarray) -> np.ndarray:
    """Return max over i < j of L(alpha_j) - L(alpha_i), shape (L,)."""
    return (values_LA[:, 1:] - np.minimum.accumulate(values_LA, axis=1)[:, :-1]).max(axis=1)


class _BlockLosses:
    """Losses of blocks of examples along a line."""

    def __init__(self, alphas: int) -> None:
        self.alphas = alphas
        self.sums: dict[int, np.ndarray] = {}
        self.rows: dict[int, int] = {}

    def add(self, alphas: slice, examples: slice, losses: Tensor) -> None:
        """Add the sums of the losses of a batch at some alphas."""
        block = self.sums.setdefault(examples.start, np.zeros(self.alphas))
        block[alphas] = losses.cpu().numpy()
        self.rows[examples.start] = examples.stop - examples.start

    def standard_error(self) -> float:
        """Return the standard error of min Delta by the jackknife over blocks; NaN with fewer than two.

        It is that of max over i < j of L(alpha_j) - L(alpha_i), which is below zero for a line that only falls: after
        the largest of it and zero is taken, a line on few examples would seem to be monotone without any doubt.
        """
        if len(self.sums) < 2:
            return float("nan")
        sums_BA = np.stack(list(self.sums.values()))
        rows_B = np.array(list(self.rows.values()))
        without_BA = (sums_BA.sum(0) - sums_BA) / (rows_B.sum() - rows_B)[:, None]
        values_B = _largest_change(without_BA)
        count = len(values_B)
        return float(np.sqrt((count - 1) / count * np.square(values_B - values_B.mean()).sum()))
