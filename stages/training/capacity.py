"""How many runs are trained together at most."""

from stages.config import Run
from stages.config.run import OF_TEXT
from stages.networks.build import build
from stages.networks.layout import Layout
from stages.networks.sizes import sizes
from stages.training.curvature import linear_layers
from stages.workers.memory import memory_factor

LARGEST_STACK = {"cpu": 32, "cuda": 256}
STACK_NUMBERS = {"cpu": 2**22, "cuda": 2**28}
"""Numbers (weights, and activations of a step) of a stack, beyond which company gains nothing (16 MiB on a CPU).

A GPU with little memory for a process holds fewer, see `memory_factor`."""


def numbers(run: Run, image: tuple[int, ...], classes: int) -> int:
    """Return weights, activations of a step, and what K-FAC keeps, of one run.

    Args:
        run: The run.
        image: Shape (C, H, W) of one example.
        classes: Of the dataset.

    Returns:
        How many numbers.
    """
    network = build(run, image, classes)
    found = sizes(network, image)
    kept = 0
    if "kfac" in run.optimizers:  # the factors and their eigenvectors
        layers = linear_layers(network, Layout.of(network))
        kept = 2 * sum((layer.inputs + 1) ** 2 + layer.outputs**2 for layer in layers)
    return found.weights + run.batch_size * found.activations + kept


def capacity(run: Run, image: tuple[int, ...], classes: int, kind: str) -> int:
    """Return how many runs like this one a stack may hold on a kind of device, `cpu` or `cuda`.

    Where that is 1, runs are trained one after the other: two would be too large to gain from company. So are language
    models, whose products are large and whose dropout draws from one source of random numbers, and networks of the
    user's, whose bits may depend on their company.
    """
    if run.network in OF_TEXT or run.network == "custom":
        return 1
    room = int(STACK_NUMBERS[kind] * memory_factor(kind))
    return max(1, min(LARGEST_STACK[kind], room // numbers(run, image, classes)))
