"""The stable interface of the project for notebooks and scripts: docs/api.md explains each name of `__all__`.

from stages.api import evaluate_line

line = evaluate_line(network, before, after, (x, y))    # a network and two state dicts
line.curve, line.row, line.figure()
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from stages.config import Refinement
from stages.shared.errors import UserError
from stages.single_line.checkpoints import read_weights
from stages.single_line.examples import Examples, examples_of
from stages.single_line.line_evaluator import Detail, LineEvaluator
from stages.single_line.line_result import LineResult, Rise
from stages.single_line.options import check_numbers, find_device
from stages.single_line.prepared_network import Checkpoint, prepare_network

__all__ = ["Examples", "LineResult", "Rise", "UserError", "evaluate_line", "evaluate_lines", "read_checkpoint"]

Weights = Mapping[str, Any] | str | Path
"""A state dict, a training checkpoint that holds one, or the path of such a file or folder."""


def evaluate_line(
    network: nn.Module | Callable[[], nn.Module],
    before: Weights,
    after: Weights,
    data: Any,
    loss: str | Callable[[Tensor, Tensor], Tensor] = "cross_entropy",
    *,
    batch_norm: str = "reestimated",
    alphas: int = 50,
    examples: int | None = None,
    gauss_examples: int = 32,
    batch: int | None = None,
    device: str = "cpu",
    tolerance: float = 1e-3,
    entry: str | None = None,
) -> LineResult:
    """Evaluate the straight line from one checkpoint of a network to another.

    Args:
        network: The network, which is left as it is, or a function that builds it.
        before: The weights at alpha = 0.
        after: The weights at alpha = 1.
        data: A pair of tensors or arrays (inputs, targets), a map-style torch `Dataset` of such pairs, or a pair of
            these for a training and a test split.
        loss: `cross_entropy`, `squared_error`, or any function of outputs and targets that returns the mean or the sum
            over examples, or the loss of each example.
        batch_norm: `reestimated` at each alpha on the training split, `stored` for the interpolated statistics of the
            checkpoints, or `batch` for each batch's own.
        alphas: Number of equally spaced alphas from 0 to 1.
        examples: Largest number of training examples, drawn at random, always the same; None for all.
        gauss_examples: Number of examples with a Gauss length; 0 for none.
        batch: Largest number of examples at once; None for a number by the free memory.
        device: `cpu`, `cuda`, or `auto` for a GPU if there is one.
        tolerance: min Delta up to which a line counts as monotone, in the unit of the loss.
        entry: A word in the name of the entry that holds the weights, if several fit.

    Returns:
        The curve, the measures as a table row, and a figure.

    Raises:
        UserError: If data, loss, checkpoints and network do not go together, or a number is too small, in one
            sentence.
    """
    return evaluate_lines(
        network,
        [before, after],
        data,
        loss,
        batch_norm=batch_norm,
        alphas=alphas,
        examples=examples,
        gauss_examples=gauss_examples,
        batch=batch,
        device=device,
        tolerance=tolerance,
        entry=entry,
    )[0]


def evaluate_lines(
    network: nn.Module | Callable[[], nn.Module],
    checkpoints: Sequence[Weights],
    data: Any,
    loss: str | Callable[[Tensor, Tensor], Tensor] = "cross_entropy",
    *,
    batch_norm: str = "reestimated",
    alphas: int = 50,
    examples: int | None = None,
    gauss_examples: int = 32,
    batch: int | None = None,
    device: str = "cpu",
    tolerance: float = 1e-3,
    entry: str | None = None,
) -> list[LineResult]:
    """Evaluate the line from each of several checkpoints to the last of them.

    Args:
        network: As for `evaluate_line`.
        checkpoints: At least two checkpoints, in the order of training.
        data: As for `evaluate_line`.
        loss: As for `evaluate_line`.
        batch_norm: As for `evaluate_line`.
        alphas: As for `evaluate_line`.
        examples: As for `evaluate_line`.
        gauss_examples: As for `evaluate_line`.
        batch: As for `evaluate_line`.
        device: As for `evaluate_line`.
        tolerance: As for `evaluate_line`.
        entry: As for `evaluate_line`.

    Returns:
        The lines, in the order of the checkpoints.

    Raises:
        UserError: As from `evaluate_line`.
        ValueError: If there are fewer than two checkpoints.
    """
    if len(checkpoints) < 2:
        raise ValueError(f"want at least two checkpoints, got {len(checkpoints)}")
    check_numbers(
        {
            "alphas": alphas,
            "examples": examples,
            "gauss_examples": gauss_examples,
            "batch": batch,
            "tolerance": tolerance,
        }
    )
    place = find_device(device)
    found = examples_of(data)
    if examples is not None and examples < len(found.x):
        found = found.shuffled()
        found = replace(found, x=found.x[:examples], y=found.y[:examples])
    ends = {0: "before", len(checkpoints) - 1: "after"}
    named = [_checkpoint(one, ends.get(place, f"checkpoint {place}")) for place, one in enumerate(checkpoints)]
    prepared = prepare_network(network, named, found.x, entry)
    evaluator = LineEvaluator(prepared, found, loss, batch_norm, batch, place, tolerance)
    detail = Detail(len(found.x), alphas, min(gauss_examples, len(found.x)), Refinement())
    *starts, end = prepared.points
    return [evaluator.evaluate(start, end, detail) for start in starts]


def read_checkpoint(path: str | Path) -> dict[str, object]:
    """Read a checkpoint without running any code in it.

    Args:
        path: A file of safetensors or `torch.save`, an index of several files, or a folder with one of these.

    Returns:
        Its content, with tensors on the CPU.

    Raises:
        UserError: If it is missing, damaged, or holds something else than tensors and plain
            containers.
    """
    return read_weights(Path(path))


def _checkpoint(weights: Weights, name: str) -> Checkpoint:
    if isinstance(weights, str | Path):
        return Checkpoint(str(weights), read_weights(Path(weights)))
    return Checkpoint(name, weights)
