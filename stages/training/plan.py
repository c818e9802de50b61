"""Which runs train together: stacks that are large enough to be fast and small enough to keep every worker busy."""

from collections import defaultdict
from collections.abc import Sequence
from heapq import heapreplace
from math import ceil

from stages.config import Run
from stages.training.capacity import capacity, numbers
from stages.training.schedule import stack_order
from stages.training.stack import stack_key
from stages.workers.task_queue import Effort

OVERHEAD = 2**19
"""Numbers (see `capacity.numbers`) that are computed with in the time that a step takes whatever its stack's size."""
SHARES = (1, 2, 3, 4)  # stacks for each worker that are tried


def stacks(
    runs: Sequence[Run], image: tuple[int, ...], classes: int, workers: int, kind: str = "cpu"
) -> list[list[Run]]:
    """Divide runs into stacks, as `_divide` does, the longest work first."""
    return [stack for _, stack in _divide(runs, image, classes, workers, kind)]


def stacks_with_efforts(
    runs: Sequence[Run], examples: int, image: tuple[int, ...], classes: int, workers: int, kind: str = "cpu"
) -> list[tuple[Effort, list[Run]]]:
    """Divide runs into stacks as `_divide` does, and say how much work each is beside the others.

    Args:
        runs: The runs to train.
        examples: Training examples of the dataset.
        image: Shape (C, H, W) of one example.
        classes: Of the dataset.
        workers: Processes that share the work.
        kind: Of device that they use, `cpu` or `cuda`.

    Returns:
        Stacks, the longest work first, each with its effort. Stacks of one stack key are of one kind.
    """
    return [
        (Effort(len(stack), cost * (stack[0].train_size or examples), stack_key(stack[0])), stack)
        for cost, stack in _divide(runs, image, classes, workers, kind)
    ]


def _divide(
    runs: Sequence[Run], image: tuple[int, ...], classes: int, workers: int, kind: str
) -> list[tuple[float, list[Run]]]:
    """Divide runs into stacks, the longest work first.

    Args:
        runs: The runs to train.
        image: Shape (C, H, W) of one example.
        classes: Of the dataset.
        workers: Processes that share the work.
        kind: Of device that they use, `cpu` or `cuda`.

    Returns:
        Lists of runs with equal stack keys, each with the time that it takes for each training example, in numbers. How
        runs are divided changes how long training takes, not what it gives.
    """
    groups: dict[tuple, list[Run]] = defaultdict(list)
    for run in runs:
        groups[stack_key(run)].append(run)
    size = {key: numbers(group[0], image, classes) for key, group in groups.items()}
    most = {key: capacity(group[0], image, classes, kind) for key, group in groups.items()}

    def cost(key: tuple, count: int) -> float:
        """Return how long a stack takes for each training example, in numbers."""
        run = groups[key][0]
        return (OVERHEAD + count * size[key]) * run.epochs / run.batch_size

    def divide(share: int) -> list[tuple[float, list[Run]]]:
        """Return stacks with their costs, of which none takes longer than a worker's share if that can be."""
        fair = sum(cost(key, len(group)) for key, group in groups.items()) / (share * workers)
        divided = []
        for key, group in groups.items():
            pairs = max(1, len(group) // 2)  # a run alone is trained in company that nobody reads
            parts = max(ceil(len(group) / most[key]), min(ceil(cost(key, len(group)) / fair), pairs))
            bounds = [round(part * len(group) / parts) for part in range(parts + 1)]
            ordered = sorted(group, key=stack_order)
            some = (ordered[low:high] for low, high in zip(bounds, bounds[1:], strict=False))
            divided += [(cost(key, len(stack)), stack) for stack in some]
        return sorted(divided, key=lambda pair: -pair[0])

    return min((divide(share) for share in SHARES), key=lambda pairs: _duration([time for time, _ in pairs], workers))


def _duration(times: Sequence[float], workers: int) -> float:
    """Return when the last of some tasks ends, each begun in their order as soon as a worker is free."""
    free = [0.0] * workers
    for time in times:
        heapreplace(free, free[0] + time)
    return max(free)
