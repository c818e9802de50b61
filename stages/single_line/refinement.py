"""A line in steps: a coarse answer at once, then more examples until the noise of min Delta is below the rise."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from time import monotonic

from stages.config import Refinement
from stages.single_line.line_evaluator import Detail, LineEvaluator, ignore
from stages.single_line.line_result import LineResult
from stages.single_line.prepared_network import Point

OVERHEAD = 2.0
"""Time of an example at one alpha as a multiple of that of a plain call, with batch-norm statistics."""
COARSE_ALPHAS = 11
"""Number of alphas of the first curve."""
FIRST_SECONDS = 6.0
"""Time in which the first curve is to be there, at the speed that was measured."""
FEWEST_EXAMPLES, FEWEST_ALPHAS = 2, 3
"""Numbers below which the first curve does not go, however slow the network is."""
GROWTH = 4
"""Factor by which the number of examples grows from step to step."""
FEWEST_DECIDING = 256
"""Number of examples below which nothing is decided."""
DECIDED = 2.0
"""Number of standard errors between min Delta and what it is compared with, for a decision."""
PATIENCE = 60.0
"""Seconds up to which all examples are evaluated, even if fewer have decided."""


def refine_line(
    evaluator: LineEvaluator,
    start: Point,
    end: Point,
    most: int | None,
    alphas: int,
    gauss_examples: int,
    progress: Callable[[str, float], None] = ignore,
) -> Iterator[tuple[LineResult, bool]]:
    """Yield a line more and more closely; the last is on the full grid of alphas and with Gauss lengths.

    Examples are added until min Delta is `DECIDED` standard errors above zero, or below the tolerance, or all are used.
    All are used in any case if that takes less than `PATIENCE`.

    Args:
        evaluator: The evaluator.
        start: The point at alpha = 0.
        end: The point at alpha = 1.
        most: Largest number of training examples; None for as many as are needed.
        alphas: Number of alphas of the grid.
        gauss_examples: Number of examples with a Gauss length.
        progress: Called with the name of a step, and the share of it that is done.

    Yields:
        What was found so far, and whether it is final.
    """
    limit = min(most or evaluator.examples, evaluator.examples)
    step = Detail(*_first_step(OVERHEAD * evaluator.seconds, limit))
    last = Detail(limit, alphas, min(gauss_examples, limit), Refinement())
    while True:
        clock = monotonic()

        def report(share: float, step: Detail = step) -> None:
            progress(f"{step.examples} examples, {step.alphas} α", share)

        found = evaluator.evaluate(start, end, step, report)
        each = (monotonic() - clock) / (step.alphas * step.examples)
        if step == last:
            yield found, True
            return
        yield found, False
        count = min(limit, GROWTH * step.examples)
        if step.alphas == alphas and most is None and _decided(found, evaluator.tolerance):
            count = step.examples
        if each * alphas * limit < PATIENCE:
            count = limit
        if count in (limit, step.examples):
            last = replace(last, examples=count, gauss_examples=min(gauss_examples, count))
            step = last
        else:
            step = Detail(count, alphas)


def _first_step(each: float, limit: int) -> tuple[int, int]:
    """Return the numbers of examples and of alphas of the first curve, by the seconds for one of each."""
    grid = COARSE_ALPHAS
    count = int(FIRST_SECONDS / (each * grid))
    if count < FEWEST_EXAMPLES:
        grid = max(FEWEST_ALPHAS, int(FIRST_SECONDS / (each * FEWEST_EXAMPLES)))
        grid = min(grid, COARSE_ALPHAS)
    return max(FEWEST_EXAMPLES, min(limit, count)) if limit >= FEWEST_EXAMPLES else limit, grid


def _decided(found: LineResult, tolerance: float) -> bool:
    """Return whether min Delta is clearly above zero, or clearly within the tolerance."""
    error = DECIDED * found.noise
    if int(found.row["examples"].iloc[0]) < FEWEST_DECIDING:
        return False
    return found.min_delta > error or found.min_delta + error < tolerance
