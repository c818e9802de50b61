"""Corners of the outputs' paths along a line: where units of ReLU networks switch, and by how much the tangent turns.

A path has about as many corners as the network has units, far more than there are alphas, so angles between tangents
lose most of their turning. Here each switch between two adjacent alphas is found by the sign of its input, and its
angle follows from the derivative of the outputs by the unit.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import vmap
from torch.overrides import TorchFunctionMode

from stages.config import BatchNormStatistics
from stages.networks.batch_norm import Statistics
from stages.networks.evaluation import Task, batches
from stages.shared.seeds import generator
from stages.workers.gpu_memory import memory_factor

RELU = {F.relu, torch.relu, Tensor.relu}
OTHERS_WITH_CORNERS = {
    *(F.leaky_relu, F.relu6, F.hardtanh, F.hardswish, F.hardsigmoid, F.prelu, F.rrelu, F.relu_, F.threshold),
    *(F.hardshrink, F.softshrink, F.adaptive_max_pool2d, F.max_pool1d, F.max_pool3d, F.adaptive_max_pool1d),
    *(torch.relu_, Tensor.relu_, torch.clamp, Tensor.clamp, torch.abs, Tensor.abs, torch.maximum, torch.minimum),
    *(torch.max, Tensor.max, torch.min, Tensor.min, torch.amax, Tensor.amax, torch.sort, Tensor.sort),
}
"""Functions with corners that are not counted here; networks that call one have turning by angles alone."""
MOST_DIRECTIONS = 16
"""Largest number of outputs whose derivatives are computed one by one; of more, as many as below are sampled."""
SAMPLED_DIRECTIONS = 8
SITE_BYTES = {"cpu": 2**25, "cuda": 2**31}
"""Largest memory for the derivatives of the outputs by units, by kind of device."""


# Shape letters: A = alphas, G = examples, O = outputs, U = units with a corner, S = directions among the outputs.
@dataclass(frozen=True)
class _Site:
    """The inputs of one call of ReLU or of maximum pooling at A alphas."""

    x: Tensor
    """Inputs, shape (A, G, ...)."""
    place: Tensor | None
    """Index of the largest input of each window among the pixels of its channel, (A, G, C, H, W); None for ReLU."""


class _Probes(TorchFunctionMode):
    """While entered, keeps what enters units with corners, and adds probes to what leaves them."""

    def __init__(self, probes: tuple[Tensor, ...] | None) -> None:
        super().__init__()
        self.probes = probes
        self.inputs: list[Tensor] = []
        self.places: list[Tensor | None] = []
        self.outputs: list[Tensor] = []
        self.countable = True

    def __torch_function__(
        self, function: Callable, types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        """Call a function; note it if it has corners."""
        kwargs = kwargs or {}
        if function in OTHERS_WITH_CORNERS or (function in RELU and kwargs.get("inplace")):
            self.countable = False
        if function in RELU and not kwargs.get("inplace"):
            return self._note(args[0], None, torch.relu(args[0]))
        if function is F.max_pool2d and not kwargs.get("return_indices"):
            value, place = F.max_pool2d(*args, **(kwargs | {"return_indices": True}))
            return self._note(args[0], place, value)
        return function(*args, **kwargs)

    def _note(self, x: Tensor, place: Tensor | None, value: Tensor) -> Tensor:
        number = len(self.inputs)
        self.inputs.append(x)
        self.places.append(place)
        self.outputs.append(value)
        return value if self.probes is None else value + self.probes[number]


def corner_units(task: Task, settings: BatchNormStatistics) -> int | None:
    """Return how many units with corners, ReLUs and windows of maximum pooling, an example passes.

    Args:
        task: Network and data.
        settings: How batch norm is treated.

    Returns:
        The number; None if the network has corners that cannot be counted: other piecewise functions, functions
        written in place, or examples that depend on each other since each batch has its own statistics.
    """
    found = _dry_run(task)
    if not found.countable or (found.outputs and task.by_batch(settings)):
        return None
    if any(len(value) != 1 for value in found.outputs):  # units of what are no examples, such as tokens
        return None
    return sum(value.numel() for value in found.outputs)


def _dry_run(task: Task) -> _Probes:
    """Return what the units of one example are, from a pass with the network's present weights."""
    training = task.network.training
    task.network.eval()
    try:
        with torch.no_grad(), _Probes(None) as mode:
            task.network(task.train.x[:1])
    finally:
        task.network.train(training)
    return mode


def corner_angles(
    task: Task,
    settings: BatchNormStatistics,
    points: Callable[[Tensor], Tensor],
    alphas: Tensor,
    statistics: Statistics,
    tangents: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the sum of the angles at the corners of each example's path, where units switch between two alphas.

    A unit with input p that is on adds J p' to the tangent, J being the derivative of the outputs by the unit, and
    p' = dp/dalpha. p' is the slope of p between the two alphas; J and the tangent are taken at the alpha where the unit
    is on. A window of maximum pooling that passes from one input to another turns the tangent by J times the
    difference of their slopes.

    Args:
        task: Network and data.
        settings: How batch norm is treated.
        points: From alphas of shape (P,) to the weights there, shape (P, D).
        alphas: Increasing alphas, shape (A,).
        statistics: Batch-norm statistics by name, shape (A, C) each.
        tangents: dz/dalpha of the first G training examples, shape (A, G, O).

    Returns:
        Radians in each of the intervals, shape (A - 1, G), and in each pair of adjacent intervals if the alpha between
        them is left out, shape (A - 2, G). In double precision, on the CPU.
    """
    count, examples, outputs = tangents.shape
    pools = [place is not None for place in _dry_run(task).places]
    intervals = torch.zeros(count - 1, examples, dtype=torch.float64)
    pairs = torch.zeros(count - 2, examples, dtype=torch.float64)
    directions = outputs if outputs <= MOST_DIRECTIONS else SAMPLED_DIRECTIONS + 1
    kind = alphas.device.type
    numbers = directions * max(1, corner_units(task, settings) or 1) * alphas.element_size()
    room = int(SITE_BYTES[kind] * memory_factor(kind)) // numbers
    step = min(count, max(2, room // examples - 2))
    random = torch.randn(SAMPLED_DIRECTIONS, examples, outputs, generator=generator("corners", 0))
    for part in batches(examples, max(1, room // (step + 2))):
        x, v = task.train.x[part], tangents[:, part]
        seeds = _directions(v, random[:, part])
        for low in range(0, count - 1, step):
            at = slice(low, min(low + step + 2, count))
            known = {name: value[at] for name, value in statistics.items()}
            units = _derivatives(task, settings, points(alphas[at]), known, x, seeds[at], pools)
            for site, by_unit in zip(*units, strict=True):
                switches = _Switches(alphas[at], site, by_unit, v[at])
                intervals[low : low + step, part] += switches.angles(1)[:step]
                pairs[low : low + step, part] += switches.angles(2)[:step]
    return intervals, pairs


def _directions(tangents: Tensor, random: Tensor) -> Tensor:
    """Return directions among the outputs, (A, S, G, O): all axes, or the tangent's and random ones across it.

    Those are Gaussian, given with shape (S - 1, G, O), and scaled so that the mean length of a vector's components
    along them is the length of its part across the tangent.
    """
    count, examples, outputs = tangents.shape
    if outputs <= MOST_DIRECTIONS:
        axes = torch.eye(outputs, dtype=tangents.dtype, device=tangents.device)
        return axes[None, :, None].expand(count, outputs, examples, outputs)
    half = SAMPLED_DIRECTIONS / 2
    random = random.to(tangents) / (math.sqrt(2) * math.exp(math.lgamma(half + 0.5) - math.lgamma(half)))
    along = F.normalize(tangents, dim=2)[:, None]
    return torch.cat([along, random - (random * along).sum(3, keepdim=True) * along], 1)


def _derivatives(
    task: Task,
    settings: BatchNormStatistics,
    theta: Tensor,
    statistics: Statistics,
    x: Tensor,
    seeds: Tensor,
    pools: list[bool],
) -> tuple[list[_Site], tuple[Tensor, ...]]:
    """Return what enters the units, and the derivative of the outputs by them along directions, (A, S, G, ...)."""
    units = _dry_run(task).outputs
    with torch.enable_grad():
        probes = [
            torch.zeros(len(theta), len(x), *value.shape[1:], dtype=x.dtype, device=x.device, requires_grad=True)
            for value in units
        ]

        def at_point(weights: Tensor, known: Statistics, given: Sequence[Tensor]) -> tuple:
            with _Probes(tuple(given)) as mode:
                outputs = task.outputs(settings, task.layout.split(weights), known, x)
            return outputs, mode.inputs, [place for place in mode.places if place is not None]

        outputs, inputs, places = vmap(at_point)(theta, statistics, probes)
        # An example's outputs depend on its own probes alone, so the gradient of their sum holds that of each.
        by_direction = torch.autograd.grad(outputs, probes, seeds.transpose(0, 1), is_grads_batched=True)
    derivatives = tuple(some.transpose(0, 1) for some in by_direction)
    left = iter(places)
    return [_Site(x.detach(), next(left) if pool else None) for x, pool in zip(inputs, pools, strict=True)], derivatives


@dataclass(frozen=True)
class _Switches:
    """The switches of the units of one site along a line."""

    alphas: Tensor
    """(A,)."""
    site: _Site
    by_unit: Tensor
    """Derivatives of the outputs by the units along directions, (A, S, G, ...)."""
    tangents: Tensor
    """(A, G, O)."""

    def angles(self, apart: int) -> Tensor:
        """Return the sum of the angles of each example's corners between alphas some steps apart, (A - apart, G)."""
        place = self.site.place
        return self._of_relu(apart) if place is None else self._of_pool(place, apart)

    def _of_relu(self, apart: int) -> Tensor:
        x = self.site.x.flatten(2)
        on = x > 0
        leaving, entering = on[:-apart] & ~on[apart:], on[apart:] & ~on[:-apart]
        fall = x[:-apart] - x[apart:]
        return self._sum(leaving, fall, apart, 0) + self._sum(entering, fall, apart, 1)

    def _of_pool(self, place: Tensor, apart: int) -> Tensor:
        x, place = self.site.x.flatten(3), place.flatten(3)  # (A, G, C, pixels), (A, G, C, windows)
        old, new = place[:-apart], place[apart:]
        before, after = (some.gather(3, new) - some.gather(3, old) for some in (x[:-apart], x[apart:]))
        switch = (old != new) & (before < 0) & (after > 0)  # a tie, as of zeros, is no switch
        rise = (after - before).flatten(2)
        return (self._sum(switch.flatten(2), rise, apart, 0) + self._sum(switch.flatten(2), -rise, apart, 1)) / 2

    def _sum(self, switch: Tensor, rise: Tensor, apart: int, late: int) -> Tensor:
        """Return the sums of the angles between v and v + J rise / (difference of alphas), over units that switch.

        Both are taken at the first of two alphas, or at the second if `late`.
        """
        row, example, unit = switch.nonzero(as_tuple=True)
        at = row + late * apart
        factor = rise[row, example, unit].double() / (self.alphas[row + apart] - self.alphas[row]).double()
        by_unit = self.by_unit.flatten(3)[at, :, example, unit].double() * factor[:, None]
        v = self.tangents[at, example].double()
        length = v.norm(dim=1)
        if v.shape[1] <= MOST_DIRECTIONS:
            along = (by_unit * v).sum(1) / length
            across = (by_unit.square().sum(1) - along.square()).clamp(min=0).sqrt()
        else:
            along, across = by_unit[:, 0], by_unit[:, 1:].norm(dim=1)
        angles = torch.where(length > 0, torch.atan2(across, length + along), 0.0)
        sums = torch.zeros(switch.shape[0] * switch.shape[1], dtype=torch.float64)
        return sums.index_add_(0, (row * switch.shape[1] + example).cpu(), angles.cpu()).view(switch.shape[:2])
