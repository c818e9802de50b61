"""Verification that a network of the user's, prepared for training and lines, computes what PyTorch computes."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from stages.config import Run
from stages.datasets.dataset import Dataset
from stages.networks.batch_norm import batch_norms, given_statistics, statistic_buffers, statistics_of
from stages.networks.evaluation import over_points
from stages.networks.functional import call_with
from stages.networks.parameter_layout import Layout
from stages.networks.probe import TOLERANCES, Probe, accept_processor, changed_tensor, difference
from stages.networks.user_factory import call_factory, seeded
from stages.networks.user_network import call_on_examples, custom, logits, training_mode
from stages.shared.errors import UserError

VERSION = 1
"""Version of the checks: raise it when one is added, so that networks that passed before are checked again."""
EXAMPLES = 8
NOISE = 0.1
"""Standard deviation of noise on parameters, relative to their root mean square: zeros would hide differences."""
SMALLEST_VARIANCE = 1e-5
"""Variance below which differences do not matter: batch norm adds about as much to it."""


class _CannotComputeError(Exception):
    """Raised where the untouched network does not compute in a precision."""


def verify(
    run: Run, dataset: Dataset, states: Sequence[Mapping[str, Tensor]], trains: bool, several_seeds: bool = False
) -> None:
    """Hold a run's network, as it is prepared here, to the untouched network.

    Args:
        run: A run of network custom; all runs of its factory in a suite pass or fail together.
        dataset: Its data, of which the first few training examples are used.
        states: State dicts of files, fitted to the network.
        trains: Whether such networks are trained here too, so that training mode matters.
        several_seeds: Whether they are drawn by several seeds, so that lines may lead from one to another.

    Raises:
        UserError: If they differ, or the network does what neither lines nor stacks can see: it draws at random in
            evaluation mode, writes into its input, parameters or buffers, depends on other examples of a batch or on
            something that is neither parameter nor buffer.
    """
    factory, x = run.factory, dataset.train_x[:EXAMPLES]
    plain = _plain(factory, dataset.shape)
    if bool(batch_norms(custom(factory, dataset.shape))) != run.batch_norm:
        has = "has" if not run.batch_norm else "has no"
        raise UserError(f"batch_norm: got {run.batch_norm}, but {factory!r} {has} batch norm; say so")
    outputs = logits(call_on_examples(plain, factory, torch.zeros((2, *dataset.shape))), factory)
    if tuple(outputs.shape) != (2, dataset.classes) or not outputs.is_floating_point():
        raise UserError(
            f"factory: {factory!r} gives outputs of shape {tuple(outputs.shape)} and type {outputs.dtype} for two "
            f"examples of {run.dataset}, expected real numbers of shape {(2, dataset.classes)}"
        )
    with torch.no_grad():
        _add_noise(plain, batch_norms(custom(factory, dataset.shape)))
        _check_effects(plain, factory, x, "in evaluation mode")
        _check_state(factory, dataset.shape, x, several_seeds)
    for state in ({}, *states):
        _in_best_precision(lambda dtype, state=state: _compare(factory, dataset.shape, x, state, trains, dtype))


def _in_best_precision(check: Callable[[torch.dtype], None]) -> None:
    """Run a check in double precision, or in single where a network insists on that."""
    for dtype in TOLERANCES:
        try:
            with default_dtype(dtype):  # for tensors that the network makes itself
                check(dtype)
        except _CannotComputeError:
            continue
        return


@contextmanager
def default_dtype(dtype: torch.dtype) -> Generator[None, None, None]:
    """Make tensors of a type by default while entered."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _plain(factory: str, shape: tuple[int, ...], seed: int = 0) -> nn.Module:
    """Return the untouched network of a seed in evaluation mode; lazy modules have learned their sizes."""
    with seeded(seed):
        network = call_factory(factory).eval()
        call_on_examples(network, factory, torch.zeros((2, *shape)))
    return network


def _check_effects(network: nn.Module, factory: str, x: Tensor, when: str) -> None:
    """Refuse a network that draws at random or writes in place."""
    given, before = x.clone(), {name: value.clone() for name, value in network.state_dict().items()}
    first, second = (logits(network(given), factory) for _ in range(2))
    if not torch.equal(given, x):
        raise UserError(f"factory: {factory!r} writes into its input; have it copy that first (x = x.clone())")
    if changed := changed_tensor(before, network.state_dict()):
        raise UserError(
            f"factory: {factory!r} writes into {changed} when it is called {when}, so that its outputs depend on what "
            "it was called with before; have it leave that alone"
        )
    if difference(first, second) > 0:
        raise UserError(
            f"factory: {factory!r} gives other outputs each time it is called {when}; have it draw at random in "
            "training mode only, as torch.nn.Dropout does"
        )


def _check_state(factory: str, shape: tuple[int, ...], x: Tensor, several_seeds: bool) -> None:
    """Refuse a network that computes with numbers that neither its state dict nor a line between two seeds holds."""
    one, other = _plain(factory, shape, 0), _plain(factory, shape, 1)
    prepared = custom(factory, shape)
    moves = {name for name, value in prepared.named_parameters() if value.requires_grad} | statistic_buffers(prepared)
    if several_seeds and (fixed := changed_tensor(one.state_dict(), other.state_dict(), without=moves)):
        raise UserError(
            f"factory: {factory!r}: {fixed} is not trained and differs between seeds, so that no line leads from one "
            "run to another; have the factory set it, the same for all seeds"
        )
    other.load_state_dict(one.state_dict())
    if difference(logits(other(x.clone()), factory), logits(one(x.clone()), factory)) > 0:
        raise UserError(
            f"factory: {factory!r} computes with random numbers that are neither parameters nor buffers, so that no "
            "file of weights holds them; register them (nn.ModuleList in place of a list, register_buffer)"
        )


def _compare(
    factory: str, shape: tuple[int, ...], x: Tensor, state: Mapping[str, Tensor], trains: bool, dtype: torch.dtype
) -> None:
    """Hold the prepared network to the untouched one, in evaluation mode and in training mode."""
    probe = _probe(factory, shape, x, state, dtype)
    _check_evaluation(probe, dtype)
    if trains:
        _check_training(probe)


def verify_state(
    plain: nn.Module, prepared: nn.Module, parameters: Mapping[str, Tensor], x: Tensor, factory: str, brief: bool
) -> None:
    """Hold a prepared network in evaluation mode to the untouched network in the same state.

    Args:
        plain: The untouched network, its state loaded; its layers of batch norm are put into training mode.
        prepared: The network as `prepare` made it, with the same fixed parameters and buffers.
        parameters: The parameters and buffers that move along a line, by name.
        x: A few examples, shape (N, ...).
        factory: Where the network comes from, for messages.
        brief: Whether to compare outputs with stored statistics alone, for networks that take long.

    Raises:
        UserError: As from `verify`.
    """
    accept_processor(plain)

    def probe_in(dtype: torch.dtype) -> Probe:
        plain.to(dtype)
        prepared.to(dtype)
        moving = {name: value.to(dtype) for name, value in parameters.items()}
        return Probe(factory, plain, prepared, moving, _as_input(x, dtype), TOLERANCES[dtype])

    probe = probe_in(torch.float32)
    known = probe.statistics()
    with torch.no_grad():
        if brief and len(known) == 2 * len(batch_norms(prepared)):
            probe.compare(
                "in evaluation mode",
                lambda: logits(plain(x.clone()), factory),
                lambda: given_statistics(prepared, probe.parameters, known, x.clone()),
            )
            return
        _check_effects(plain, factory, x, "in evaluation mode")
    try:
        _in_best_precision(lambda dtype: _check_evaluation(probe_in(dtype), dtype))
    finally:
        prepared.to(torch.float32)


def _as_input(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x.to(dtype) if x.is_floating_point() else x


def _check_evaluation(probe: Probe, dtype: torch.dtype) -> None:
    """Hold the prepared network to the untouched one, in evaluation mode."""
    factory, plain, prepared, parameters = probe.factory, probe.plain, probe.prepared, probe.parameters

    def call() -> Tensor:
        return logits(plain(probe.x.clone()), factory)

    with torch.no_grad():
        try:
            call()
        except Exception as error:
            if dtype == torch.float32:
                raise
            raise _CannotComputeError from error
        known = probe.statistics()
        if len(known) == 2 * len(batch_norms(prepared)):
            probe.compare(
                "in evaluation mode",
                call,
                lambda: given_statistics(prepared, parameters, known, probe.x.clone()),
            )
        for name in batch_norms(prepared):
            layer = plain.get_submodule(name)
            layer.training, layer.momentum = True, 1.0  # running statistics become those of the batch
        probe.compare(
            "with the batch's own statistics",
            call,
            lambda: call_with(probe.prepared, probe.parameters, probe.x.clone()),
        )
        if batch_norms(prepared):
            _check_statistics(probe)
        _check_examples(probe)
        _check_points(probe)


def _check_statistics(probe: Probe) -> None:
    """Hold estimated statistics to running ones, means in units of a standard deviation."""
    expected = probe.statistics()
    found = statistics_of(probe.prepared, probe.parameters, probe.x.clone())
    for name in {name.rpartition(".")[0] for name in found.keys() & expected.keys()}:
        mean, variance = f"{name}.mean", f"{name}.variance"
        largest = expected[variance].max().clamp(min=SMALLEST_VARIANCE)
        gaps = (found[mean] - expected[mean]) / largest.sqrt(), (found[variance] - expected[variance]) / largest
        if (gap := max(float(values.abs().max()) for values in gaps)) > probe.tolerance:
            raise UserError(
                f"factory: {probe.factory!r}: the statistics of batch norm {name} would be estimated otherwise here "
                f"than by PyTorch, by {gap:.2g} of a standard deviation; is that layer called more than once?"
            )


def _check_examples(probe: Probe) -> None:
    """Hold the outputs of some examples, normalised by given statistics, to those with other examples beside them."""
    statistics = statistics_of(probe.prepared, probe.parameters, probe.x.clone()) if batch_norms(probe.prepared) else {}
    half = len(probe.x) // 2
    all_of_them, some = (
        given_statistics(probe.prepared, probe.parameters, statistics, x.clone()) for x in (probe.x, probe.x[:half])
    )
    if difference(some, all_of_them[:half]) > probe.tolerance:
        raise UserError(
            f"factory: {probe.factory!r} gives other outputs for an example when other examples are beside it in "
            "evaluation mode; normalise over a batch by torch.nn.BatchNorm2d and its like only"
        )


def _check_points(probe: Probe) -> None:
    """Hold outputs at several points at once to those at each point."""
    layout = Layout(tuple(probe.parameters), tuple(value.shape for value in probe.parameters.values()))
    theta = layout.join(probe.parameters)
    points = torch.stack([theta, 0.9 * theta])

    def at(point: Tensor) -> Tensor:
        return call_with(probe.prepared, layout.split(point), probe.x.clone())

    together = over_points(at, (0,), may_loop=True)(points)
    if (gap := difference(together, torch.stack([at(point) for point in points]))) > probe.tolerance:
        raise UserError(
            f"factory: {probe.factory!r} gives other outputs under torch.vmap, by {gap:.2g} of the largest; keep "
            "nothing from one call to the next"
        )


def _check_training(probe: Probe) -> None:
    """Hold training mode to that of the untouched network, with the same random numbers."""
    plain, prepared = probe.plain.train(), probe.prepared
    training_mode(prepared)
    statistics = statistic_buffers(prepared)
    before = {name: value.clone() for name, value in plain.state_dict().items()}

    def seeded_call(network: Callable[[], Tensor]) -> Callable[[], Tensor]:
        def call() -> Tensor:
            with seeded(0):
                return network()

        return call

    with torch.no_grad():
        probe.compare(
            "in training mode",
            seeded_call(lambda: logits(plain(probe.x.clone()), probe.factory)),
            seeded_call(lambda: call_with(probe.prepared, probe.parameters, probe.x.clone())),
        )
    if changed := changed_tensor(before, plain.state_dict(), without=statistics):
        raise UserError(
            f"factory: {probe.factory!r} writes into {changed} in training mode, which runs that are trained here "
            "do not keep; use a layer that does not, or give `weights` that were trained elsewhere"
        )
    leaves = {name: value.detach().requires_grad_() for name, value in probe.parameters.items()}
    with seeded(0):
        outputs = call_with(prepared, leaves, probe.x.clone())
    gradients = torch.autograd.grad(outputs.sum(), list(leaves.values()), allow_unused=True)
    unused = [name for name, gradient in zip(leaves, gradients, strict=True) if gradient is None]
    if unused:
        raise UserError(
            f"factory: {probe.factory!r}: its outputs do not depend on {len(unused)} parameters ({unused[0]}, ...), as "
            "of auxiliary heads; leave them out, or freeze them by requires_grad_(False)"
        )


def _probe(factory: str, shape: tuple[int, ...], x: Tensor, state: Mapping[str, Tensor], dtype: torch.dtype) -> Probe:
    """Return both networks with the given state, or else with the factory's own state and noise."""
    with default_dtype(torch.float32):
        plain = _plain(factory, shape)
        with seeded(0):
            prepared = custom(factory, shape)
    trained = {name for name, value in prepared.named_parameters() if value.requires_grad}
    with torch.no_grad():
        accept_processor(plain)
        plain.to(dtype)
        prepared.to(dtype)
        if state:
            plain.load_state_dict({name: value.to(dtype) for name, value in state.items()})
        else:
            _add_noise(plain, batch_norms(prepared))
        for name, value in prepared.state_dict().items():
            if name not in trained:  # what is trained is given in each call, and may be found nowhere else
                value.copy_(plain.state_dict()[name])
    parameters = {name: value.detach().clone() for name, value in plain.named_parameters() if name in trained}
    return Probe(factory, plain, prepared, parameters, x.to(dtype), TOLERANCES[dtype])


def _add_noise(network: nn.Module, layers: Mapping[str, nn.Module]) -> None:
    source = torch.Generator().manual_seed(0)

    def noise(value: Tensor) -> Tensor:
        return torch.randn(value.shape, generator=source, dtype=torch.float64).to(value)

    for value in network.parameters():
        if value.requires_grad:
            value.add_(NOISE * noise(value) * value.square().mean().sqrt().clamp(min=NOISE))
    for name in layers:
        layer = network.get_submodule(name)
        if layer.running_mean is not None:
            layer.running_mean.add_(NOISE * noise(layer.running_mean))
            layer.running_var.mul_((NOISE * noise(layer.running_var)).exp())
