"""Which runs train together: stacks that are large enough to be fast and small enough to keep every worker busy."""

from collections import defaultdict
from collections.abc import Sequence
from math import ceil

from stages.config import Run
from stages.training.capacity import capacity, numbers
from stages.training.schedule import stack_order
from stages.training.stack import stack_key


def stacks(
    runs: Sequence[Run], image: tuple[int, ...], classes: int, workers: int, kind: str = "cpu"
) -> list[list[Run]]:
    """Divide runs into stacks, the longest work first.

    Args:
        runs: The runs to train.
        image: Shape (C, H, W) of one example.
        classes: Of the dataset.
        workers: Processes that share the work.
        kind: Of device that they use, `cpu` or `cuda`.

    Returns:
        Lists of runs with equal stack keys. How runs are divided changes how long training takes, not what it gives.
    """
    groups: dict[tuple, list[Run]] = defaultdict(list)
    for run in runs:
        groups[stack_key(run)].append(run)
    cost = {}  # of a run, in the numbers of all its steps, for each example
    for key, (run, *_) in groups.items():
        cost[key] = numbers(run, image, classes) * run.epochs / run.batch_size
    # One worker alone, as on a GPU, has nobody to share with.
    fair = sum(cost[key] * len(group) for key, group in groups.items()) / (4 * workers if workers > 1 else 1)
    divided = []
    for key, group in groups.items():
        most = capacity(group[0], image, classes, kind)
        size = min(most, max(2, int(fair / cost[key])))
        parts = ceil(len(group) / size)
        bounds = [round(part * len(group) / parts) for part in range(parts + 1)]
        ordered = sorted(group, key=stack_order)
        divided += [ordered[low:high] for low, high in zip(bounds, bounds[1:], strict=False)]
    return sorted(divided, key=lambda stack: -len(stack) * cost[stack_key(stack[0])])
