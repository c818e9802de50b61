"""Pretrained runs: their weights are read from the user's checkpoint files instead of being trained."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from stages.config import Run
from stages.datasets.dataset import Dataset
from stages.networks.batch_norm import statistic_buffers
from stages.networks.build import initial_parameters
from stages.shared.errors import UserError
from stages.training.checkpoint import equal_in_file_precision, fit_state_dict, read_checkpoint
from stages.training.trained_run import TrainedRun


def load_pretrained(run: Run, dataset: Dataset) -> TrainedRun:
    """Load the weights of a pretrained run.

    Args:
        run: A run with `weights`, of network `custom`.
        dataset: Its data.

    Returns:
        The run, with an empty training curve.

    Raises:
        UserError: If a file holds no state dict of the run's network.
    """
    network, layout, _ = initial_parameters(run, dataset.shape, dataset.classes)
    files, factory = _sources(run)
    initial, final = (
        layout.join(select_trainable(network, state, file, factory)).detach().contiguous()
        for file, state in zip(files, load_state_dicts(run, dataset), strict=True)
    )
    return TrainedRun(
        run=run,
        layout=layout,
        initial=initial,
        final=final,
        snapshots={},
        epoch_loss=torch.zeros(0, dtype=torch.float64),
        epoch_distance=torch.zeros(0, dtype=torch.float64),
        diverged=not bool(initial.isfinite().all() & final.isfinite().all()),
    )


def load_state_dicts(run: Run, dataset: Dataset) -> list[dict[str, Tensor]]:
    """Load the state dicts in the files of a run, under the names of its network.

    Args:
        run: A run with `weights`, of network `custom`.
        dataset: Its data.

    Returns:
        The state dicts of the initial and of the final weights.

    Raises:
        UserError: If a file holds no state dict of the run's network.
    """
    network = initial_parameters(run, dataset.shape, dataset.classes)[0]
    files, factory = _sources(run)
    own = network.state_dict(keep_vars=True)
    return [fit_state_dict(read_checkpoint(Path(file)), own, file, factory) for file in files]


def _sources(run: Run) -> tuple[tuple[str, str], str]:
    """Return the files and the factory of a run.

    Raises:
        ValueError: If the run has none.
    """
    if run.weights is None or run.factory is None:
        raise ValueError("a pretrained run has weights and a factory")
    return run.weights, run.factory


def select_trainable(network: nn.Module, state: Mapping[str, Tensor], origin: str, factory: str) -> dict[str, Tensor]:
    """Select the trainable parameters of a state dict.

    Args:
        network: The network, as its factory returns it.
        state: A state dict that was fitted to the network.
        origin: The file, for messages.
        factory: The network's factory, for messages.

    Returns:
        Parameters in single precision, by the network's names.

    Raises:
        UserError: If the file differs from the network in a tensor that stays fixed along a line: a frozen parameter,
            or a buffer other than batch-norm statistics.
    """
    own = network.state_dict(keep_vars=True)
    trainable = {name: value for name, value in network.named_parameters() if value.requires_grad}
    if absent := sorted(trainable.keys() - own.keys()):
        raise UserError(
            f"factory: {factory!r}: parameter {absent[0]} is not in the network's state_dict; keep it there"
        )
    moving = {id(value) for value in trainable.values()}
    statistics = statistic_buffers(network)
    for name, value in own.items():
        if id(value) not in moving and name not in statistics and not equal_in_file_precision(state[name], value):
            raise UserError(
                f"{origin}: {name} is neither trained nor a statistic of batch norm, but not what {factory!r} gives; "
                "have the factory set it"
            )
    return {name: state[name].to(torch.float32) for name in trainable}
