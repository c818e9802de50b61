"""Division of runs into stacks that are large enough to be fast and small enough to keep every worker busy."""

from collections import defaultdict
from collections.abc import Sequence
from heapq import heapreplace
from math import ceil

from stages.config import Run
from stages.training.schedule import stacking_order
from stages.training.stack_capacity import count_floats, largest_stack
from stages.training.stack_key import stack_key
from stages.workers.task import Workload

OVERHEAD = 2**19
"""Fixed cost of a step, whatever the size of its stack, in floats (see `count_floats`)."""
SHARES = (1, 2, 3, 4)
"""Numbers of stacks per worker that are tried."""


def plan_stacks(
    runs: Sequence[Run], image: tuple[int, ...], classes: int, workers: int, kind: str = "cpu"
) -> list[list[Run]]:
    """Divide runs into stacks; see `plan_stacks_with_workloads`."""
    return [stack for _, stack in _divide_runs(runs, image, classes, workers, kind)]


def plan_stacks_with_workloads(
    runs: Sequence[Run], examples: int, image: tuple[int, ...], classes: int, workers: int, kind: str = "cpu"
) -> list[tuple[Workload, list[Run]]]:
    """Divide runs into stacks, each with the amount of work that it takes.

    Args:
        runs: The runs to train.
        examples: Training examples of the dataset.
        image: Shape (C, H, W) of one example.
        classes: Number of classes.
        workers: Number of processes that share the work.
        kind: Kind of device that they use, `cpu` or `cuda`.

    Returns:
        Stacks, the longest work first, each with its workload; stacks of one stack key have one kind of workload.
    """
    return [
        (Workload(len(stack), cost * (stack[0].train_size or examples), stack_key(stack[0])), stack)
        for cost, stack in _divide_runs(runs, image, classes, workers, kind)
    ]


def _divide_runs(
    runs: Sequence[Run], image: tuple[int, ...], classes: int, workers: int, kind: str
) -> list[tuple[float, list[Run]]]:
    """Divide runs into stacks, the longest work first.

    Args:
        runs: The runs to train.
        image: Shape (C, H, W) of one example.
        classes: Number of classes.
        workers: Number of processes that share the work.
        kind: Kind of device that they use, `cpu` or `cuda`.

    Returns:
        Lists of runs with equal stack keys, each with its cost: floats computed per training example. The division
        changes how long training takes, but not its results.
    """
    groups: dict[tuple, list[Run]] = defaultdict(list)
    for run in runs:
        groups[stack_key(run)].append(run)
    size = {key: count_floats(group[0], image, classes) for key, group in groups.items()}
    most = {key: largest_stack(group[0], image, classes, kind) for key, group in groups.items()}

    def cost(key: tuple, count: int) -> float:
        """Return the cost of a stack of `count` runs: floats computed per training example."""
        run = groups[key][0]
        return (OVERHEAD + count * size[key]) * run.epochs / run.batch_size

    def divide(share: int) -> list[tuple[float, list[Run]]]:
        """Return stacks with their costs; none takes longer than a worker's share if that is possible."""
        fair = sum(cost(key, len(group)) for key, group in groups.items()) / (share * workers)
        divided = []
        for key, group in groups.items():
            pairs = max(1, len(group) // 2)  # a single run is trained beside a copy, at the cost of two
            parts = max(ceil(len(group) / most[key]), min(ceil(cost(key, len(group)) / fair), pairs))
            bounds = [round(part * len(group) / parts) for part in range(parts + 1)]
            ordered = sorted(group, key=stacking_order)
            some = (ordered[low:high] for low, high in zip(bounds, bounds[1:], strict=False))
            divided += [(cost(key, len(stack)), stack) for stack in some]
        return sorted(divided, key=lambda pair: -pair[0])

    return min((divide(share) for share in SHARES), key=lambda pairs: _duration([time for time, _ in pairs], workers))


def _duration(times: Sequence[float], workers: int) -> float:
    """Return the time at which the last task ends, if tasks start in order as soon as a worker is free."""
    free = [0.0] * workers
    for time in times:
        heapreplace(free, free[0] + time)
    return max(free)
