"""How many runs are trained together at most."""

from stages.config import Run
from stages.networks.build import build
from stages.networks.sizes import sizes

LARGEST_STACK = {"cpu": 32, "cuda": 256}
STACK_NUMBERS = {"cpu": 2**22, "cuda": 2**28}
"""Numbers (weights, and activations of a step) of a stack, beyond which company gains nothing (16 MiB on a CPU)."""


def numbers(run: Run, image: tuple[int, ...], classes: int) -> int:
    """Return weights, and activations of a step, of one run.

    Args:
        run: The run.
        image: Shape (C, H, W) of one example.
        classes: Of the dataset.

    Returns:
        How many numbers.
    """
    found = sizes(build(run, image, classes), image)
    return found.weights + run.batch_size * found.activations


def capacity(run: Run, image: tuple[int, ...], classes: int, kind: str) -> int:
    """Return how many runs like this one a stack may hold on a kind of device, `cpu` or `cuda`.

    Where that is 1, runs are trained one after the other: two would be too large to gain from company.
    """
    return max(1, min(LARGEST_STACK[kind], STACK_NUMBERS[kind] // numbers(run, image, classes)))
