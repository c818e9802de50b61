"""Runs that were trained elsewhere: their weights are read from files of the user's."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from stages.config import Run
from stages.datasets.dataset import Dataset
from stages.networks.batch_norm import statistic_buffers
from stages.networks.build import initial_parameters
from stages.shared.errors import UserError
from stages.training.checkpoint import fitted, read_state, same_value
from stages.training.stack import Trained


def given(run: Run, dataset: Dataset) -> Trained:
    """Return a run whose weights are those of its files.

    Args:
        run: A run with `weights`, of network custom.
        dataset: Its data.

    Returns:
        The run, without a course of training.

    Raises:
        UserError: If a file is no state dict of its network.
    """
    network, layout, _ = initial_parameters(run, dataset.shape, dataset.classes)
    points = [
        layout.join(parameters_of(network, state, file, run.factory)).detach().contiguous()
        for file, state in zip(run.weights, states_of(run, dataset), strict=True)
    ]
    finite = all(bool(point.isfinite().all()) for point in points)
    nothing = torch.zeros(0, dtype=torch.float64)
    return Trained(run, layout, *points, {}, nothing, nothing, not finite)


def states_of(run: Run, dataset: Dataset) -> list[dict[str, Tensor]]:
    """Return the state dicts in the files of a run, under the names of its network.

    Args:
        run: A run with `weights`, of network custom.
        dataset: Its data.

    Returns:
        The state dict of the initial and that of the final weights.

    Raises:
        UserError: If a file is no state dict of its network.
    """
    network = initial_parameters(run, dataset.shape, dataset.classes)[0]
    own = network.state_dict(keep_vars=True)
    return [fitted(read_state(Path(file)), own, file, run.factory) for file in run.weights]


def parameters_of(network: nn.Module, state: Mapping[str, Tensor], origin: str, factory: str) -> dict[str, Tensor]:
    """Return the trainable parameters of a state dict.

    Args:
        network: The prepared network, as its factory gives it.
        state: A state dict that was fitted to it.
        origin: The file, for messages.
        factory: The network's factory, for messages.

    Returns:
        Parameters in single precision by the network's names.

    Raises:
        UserError: If the file differs from the network in what a line does not move: frozen parameters and buffers,
            but for the statistics of batch norm.
    """
    own = network.state_dict(keep_vars=True)
    trained = {name: value for name, value in network.named_parameters() if value.requires_grad}
    if absent := sorted(trained.keys() - own.keys()):
        raise UserError(
            f"factory: {factory!r}: parameter {absent[0]} is not in the network's state_dict; keep it there"
        )
    moving = {id(value) for value in trained.values()}
    statistics = statistic_buffers(network)
    for name, value in own.items():
        if id(value) not in moving and name not in statistics and not same_value(state[name], value):
            raise UserError(
                f"{origin}: {name} is neither trained nor a statistic of batch norm, but not what {factory!r} gives; "
                "have the factory set it"
            )
    return {name: state[name].to(torch.float32) for name in trained}
