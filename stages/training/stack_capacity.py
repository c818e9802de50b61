"""The largest number of runs in a stack."""

from stages.config import Run
from stages.config.run import OPTIMIZERS
from stages.networks.build import build
from stages.networks.network_sizes import sizes
from stages.networks.parameter_layout import Layout
from stages.training.curvature import linear_layers
from stages.workers.gpu_memory import memory_factor

MOST_RUNS = {"cpu": 32, "cuda": 256}
"""Largest number of runs in a stack, by kind of device."""
MOST_FLOATS = {"cpu": 2**22, "cuda": 2**28}
"""Largest number of floats (weights, and activations of a step) in a stack, by kind of device.

Larger stacks are not faster: on a CPU 16 MiB fill its cache. A GPU with little memory per process holds fewer, see
`memory_factor`."""


def count_floats(run: Run, image: tuple[int, ...], classes: int) -> int:
    """Return the number of floats that training one run keeps in memory.

    Args:
        run: The run.
        image: Shape (C, H, W) of one example.
        classes: Number of classes.

    Returns:
        Number of weights, of activations in a step, and of elements of K-FAC's factors and their eigenvectors.
    """
    network = build(run, image, classes)
    found = sizes(network, image)
    kept = 0
    if any(OPTIMIZERS[name].needs_curvature for name in run.optimizers):
        layers = linear_layers(network, Layout.of(network))
        kept = 2 * sum((layer.inputs + 1) ** 2 + layer.outputs**2 for layer in layers)
    return found.weights + run.batch_size * found.activations + kept


def largest_stack(run: Run, image: tuple[int, ...], classes: int, kind: str) -> int:
    """Return the largest number of runs like this one in a stack.

    It is 1 for runs so large that two gain nothing from a stack, and for networks that cannot be stacked.

    Args:
        run: The run.
        image: Shape (C, H, W) of one example.
        classes: Number of classes.
        kind: Kind of device, `cpu` or `cuda`.

    Returns:
        Number of runs, at least 1; with 1, runs are trained one after the other.
    """
    if not run.architecture.stackable:
        return 1
    most_floats = int(MOST_FLOATS[kind] * memory_factor(kind))
    return max(1, min(MOST_RUNS[kind], most_floats // count_floats(run, image, classes)))
