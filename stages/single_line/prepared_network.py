"""A network and its checkpoints, made ready for lines: what moves, what stays fixed, and batch-norm statistics."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from time import monotonic

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from stages.networks.batch_norm import Statistics, batch_norms, statistic_buffers
from stages.networks.parameter_layout import Layout
from stages.networks.user_factory import seeded
from stages.networks.user_network import call_on_examples, prepare
from stages.networks.verification import verify_state
from stages.shared.errors import UserError
from stages.single_line.checkpoints import FittedState, fit_checkpoint

CHECKED_EXAMPLES = 4
"""Number of examples by which a prepared network is held to the untouched one."""
SLOW = 0.03
"""Seconds for one example above which a network is held to the untouched one by one example alone."""

Builder = Callable[[], nn.Module]


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint, with a name for messages; None stands for the network as it is built."""

    name: str
    content: Mapping[str, object] | None


@dataclass(frozen=True)
class Point:
    """The weights of a checkpoint."""

    name: str
    theta: Tensor
    """The numbers that move along lines, shape (M,): the trainable parameters first."""
    statistics: Statistics | None
    """Stored batch-norm statistics; None if a layer stores none."""


# Shape letters: D = trainable parameters, M = numbers that move along lines, at least D.
@dataclass(frozen=True)
class PreparedNetwork:
    """A network ready for lines between some checkpoints."""

    network: nn.Module
    """The network as `stages.networks.user_network.prepare` makes it, with what stays fixed loaded."""
    layout: Layout
    """Names and shapes of the tensors that move."""
    trainable: int
    """Number D of trainable parameters, which are the first of what moves; distances are over these."""
    points: tuple[Point, ...]
    """The checkpoints, in the order given."""
    normalised: bool
    """Whether the network has batch norm."""
    seconds: float
    """Time of a call of the untouched network on one example."""
    remarks: tuple[str, ...]
    """Sentences about what was read."""


def prepare_network(
    network: nn.Module | Builder,
    checkpoints: Sequence[Checkpoint],
    examples: Tensor,
    entry: str | None = None,
    name: str | None = None,
) -> PreparedNetwork:
    """Make a network ready for lines between checkpoints.

    Args:
        network: The network, which is left as it is, or a function that builds it.
        checkpoints: At least two checkpoints.
        examples: A few examples, shape (N, ...).
        entry: A word in the place of the state dicts within the checkpoints, if several fit.
        name: Name of the network for messages; None for that of its class.

    Returns:
        The prepared network with its points.

    Raises:
        UserError: If a checkpoint does not fit, or the network computes what cannot have a line.
    """
    few = examples[:CHECKED_EXAMPLES]
    plain, prepared = _build(network), _build(network)
    name = name or type(plain).__name__
    _forget_caches(plain, prepared)
    prepared = prepare(prepared, name, few)
    vars(prepared)["example"] = lambda: few[:1]  # by which the sizes of its layers are found
    states = [_state(checkpoint, prepared, entry) for checkpoint in checkpoints]
    first = states[0].tensors
    own = prepared.state_dict(keep_vars=True)
    parameters = dict(prepared.named_parameters())
    if absent := [key for key, value in parameters.items() if value.requires_grad and key not in own]:
        raise UserError(f"network: parameter {absent[0]} is not in the network's state_dict; keep it there")
    trainable = [key for key, value in parameters.items() if value.requires_grad]
    moving = {id(parameters[key]) for key in trainable}
    further = _further_moves(own, states, moving, statistic_buffers(prepared))
    with torch.no_grad():
        for key, value in own.items():
            value.copy_(first[key])
    keys = (*trainable, *further)
    layout = Layout(keys, tuple(own[key].shape for key in keys))
    points = tuple(
        Point(checkpoint.name, layout.join({key: state.tensors[key].float() for key in keys}), _stored(prepared, state))
        for checkpoint, state in zip(checkpoints, states, strict=True)
    )
    for point in points:
        if not bool(point.theta.isfinite().all()):
            raise UserError(f"{point.name} holds a weight that is not finite, so that no line leads there")
    fastest = float("inf")
    for point, state in ((points[-1], states[-1]), (points[0], states[0])):
        untouched = _load(plain, state, few)
        seconds = _seconds(untouched, _as_input(few[:1]), name)
        fastest = min(fastest, seconds)
        some = _as_input(few[:1] if seconds > SLOW else few)
        verify_state(untouched, prepared, layout.split(point.theta), some, name, brief=seconds > SLOW)
    sizes = Layout(tuple(trainable), tuple(own[key].shape for key in trainable))
    remarks = _remarks(checkpoints, states, further)
    return PreparedNetwork(prepared, layout, sizes.size, points, bool(batch_norms(prepared)), fastest, remarks)


def _build(network: nn.Module | Builder) -> nn.Module:
    """Return a network of its own, equal each time."""
    if not isinstance(network, nn.Module):
        with seeded(0):
            return network()
    try:
        return deepcopy(network)
    except Exception as error:
        raise UserError(
            f"network: a {type(network).__name__} cannot be copied ({' '.join(str(error).split())[:200]}); give a "
            "function that builds it"
        ) from error


def _forget_caches(*networks: nn.Module) -> None:
    """Have networks of transformers return no keys and values of earlier tokens."""
    for network in networks:
        config = getattr(network, "config", None)
        if config is not None and getattr(config, "use_cache", False):
            config.use_cache = False


def _state(checkpoint: Checkpoint, prepared: nn.Module, entry: str | None) -> FittedState:
    if checkpoint.content is None:
        tensors = {name: value.detach().clone() for name, value in prepared.state_dict().items()}
        return FittedState(tensors, "", ())
    return fit_checkpoint(checkpoint.content, prepared, checkpoint.name, entry)


def _further_moves(
    own: Mapping[str, Tensor], states: Sequence[FittedState], moving: set[int], statistics: set[str]
) -> list[str]:
    """Return the names of frozen parameters and real-valued buffers that differ between checkpoints, each once."""
    found: list[str] = []
    seen = set(moving)
    first = states[0].tensors
    for name, value in own.items():
        if id(value) in seen or name in statistics or not value.is_floating_point():
            continue
        seen.add(id(value))
        if any(not torch.equal(first[name].float(), state.tensors[name].float()) for state in states[1:]):
            found.append(name)
    return found


def _stored(prepared: nn.Module, state: FittedState) -> Statistics | None:
    """Return the statistics that layers of batch norm store; None if one stores none."""
    found: Statistics = {}
    for name in batch_norms(prepared):
        mean, variance = (state.tensors.get(f"{name}.{key}".lstrip(".")) for key in ("running_mean", "running_var"))
        if mean is None or variance is None:
            return None
        found[f"{name}.mean"], found[f"{name}.variance"] = mean.float(), variance.float()
    return found


def _load(plain: nn.Module, state: FittedState, few: Tensor) -> nn.Module:
    """Return the untouched network in evaluation mode and single precision, with a state loaded."""
    plain.eval()
    with torch.no_grad():
        if any(is_lazy(value) for value in plain.parameters()):
            plain(few)
        # By hand: `load_state_dict` of some networks wants metadata that few files keep.
        for name, value in plain.float().state_dict(keep_vars=True).items():
            value.copy_(state.tensors[name])
    return plain


def _seconds(network: nn.Module, x: Tensor, name: str) -> float:
    """Return the time of one call, or raise a UserError if the network cannot take such examples."""
    clock = monotonic()
    call_on_examples(network, name, x)
    return monotonic() - clock


def _as_input(x: Tensor) -> Tensor:
    return x.float() if x.is_floating_point() else x


def _remarks(
    checkpoints: Sequence[Checkpoint], states: Sequence[FittedState], further: Sequence[str]
) -> tuple[str, ...]:
    found = []
    places = [state.place.strip() for state in states]
    if len(set(places)) == 1 and places[0]:
        found.append(f"The weights are those of {places[0]} in each checkpoint.")
    for checkpoint, state in zip(checkpoints, states, strict=True):
        kinds = {value.dtype for value in state.tensors.values() if value.is_floating_point()} - {torch.float32}
        if kinds:
            names = " and ".join(sorted(str(kind).removeprefix("torch.") for kind in kinds))
            found.append(f"{checkpoint.name} holds {names}; it is computed in single precision (float32).")
        if state.place and len(set(places)) > 1:
            found.append(f"{checkpoint.name}: the weights are those of {state.place.strip()}.")
        if state.absent:
            found.append(
                f"{checkpoint.name} lacks {len(state.absent)} frozen parameters and buffers ({state.absent[0]}, ...), "
                "which are the network's own."
            )
    if further:
        found.append(
            f"{len(further)} frozen parameters or buffers differ between the checkpoints ({further[0]}, ...); they "
            "move along the line and count in no distance."
        )
    return tuple(found)
