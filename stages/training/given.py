"""Runs that were trained elsewhere: their weights are read from files of the user's."""

from pathlib import Path

import torch

from stages.config import Run
from stages.datasets.dataset import Dataset
from stages.errors import UserError
from stages.networks.batch_norm import batch_norms
from stages.networks.build import initial_parameters
from stages.training.checkpoint import read_state
from stages.training.stack import Trained


def given(run: Run, dataset: Dataset) -> Trained:
    """Return a run whose weights are those of its files.

    Args:
        run: A run with `weights`, of network custom.
        dataset: Its data.

    Returns:
        The run, without a course of training.

    Raises:
        UserError: If a file is no state dictionary of its network, or the network is not of its data, or not as the run
            says.
    """
    from stages.networks.custom import parameters_of  # torchvision takes seconds to import

    network, layout, _ = initial_parameters(run, dataset.shape, dataset.classes)
    if bool(batch_norms(network)) != run.batch_norm:
        has = "has" if not run.batch_norm else "has no"
        raise UserError(f"batch_norm: got {run.batch_norm}, but {run.factory!r} {has} batch norm; say so")
    outputs = tuple(network(torch.zeros(1, *dataset.shape)).shape)
    if outputs != (1, dataset.classes):
        raise UserError(
            f"factory: {run.factory!r} gives outputs of shape {outputs} for one example of {run.dataset}, expected "
            f"{(1, dataset.classes)}"
        )
    points = [
        layout.join(parameters_of(run.factory, read_state(Path(file)), file)).detach().contiguous()
        for file in run.weights
    ]
    finite = all(bool(point.isfinite().all()) for point in points)
    nothing = torch.zeros(0, dtype=torch.float64)
    return Trained(run, layout, *points, {}, nothing, nothing, not finite)
