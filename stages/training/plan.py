"""Which runs train together: stacks that are large enough to be fast and small enough to keep every worker busy."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from math import ceil

from stages.config import Run
from stages.training.stack import stack_key

LARGEST_STACK = {"cpu": 32, "cuda": 256}
STACK_NUMBERS = {"cpu": 2**22, "cuda": 2**28}
"""Numbers (weights, and activations of a step) of a stack, beyond which company gains nothing (16 MiB on a CPU)."""


def stacks(runs: Sequence[Run], inputs: int, workers: int, kind: str = "cpu") -> list[list[Run]]:
    """Divide runs into stacks, the longest work first.

    Args:
        runs: The runs to train.
        inputs: Numbers in one example.
        workers: Processes that share the work.
        kind: Of device that they use, `cpu` or `cuda`.

    Returns:
        Lists of runs with equal stack keys. How runs are divided changes how long training takes, not what it gives.
    """
    groups: dict[tuple, list[Run]] = defaultdict(list)
    for run in runs:
        groups[stack_key(run)].append(run)
    cost = _cost(inputs)
    # One worker alone, as on a GPU, has nobody to share with.
    fair = sum(cost(run) for run in runs) / (4 * workers if workers > 1 else 1)
    divided = []
    for group in groups.values():
        most = min(LARGEST_STACK[kind], STACK_NUMBERS[kind] // _numbers(group[0], inputs))
        size = min(most, int(fair / cost(group[0])))
        parts = ceil(len(group) / max(size, 2))
        bounds = [round(part * len(group) / parts) for part in range(parts + 1)]
        ordered = sorted(group, key=lambda run: run.optimizer)
        divided += [ordered[low:high] for low, high in zip(bounds, bounds[1:], strict=False)]
    return sorted(divided, key=lambda stack: -len(stack) * cost(stack[0]))


def _numbers(run: Run, inputs: int) -> int:
    """Return weights, and activations of a step, of one run."""
    widths = (inputs, *run.hidden)
    return sum(a * b for a, b in zip(widths, run.hidden, strict=False)) + run.batch_size * sum(widths)


def _cost(inputs: int) -> Callable[[Run], float]:
    return lambda run: float(_numbers(run, inputs) * run.epochs)
