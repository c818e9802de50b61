"""Runs that were trained elsewhere: their weights are read from files of the user's."""

import hashlib
import warnings
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from stages.config import Run
from stages.datasets.dataset import Dataset
from stages.errors import UserError
from stages.networks.batch_norm import batch_norms
from stages.networks.build import initial_parameters
from stages.training.stack import Trained


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file.

    Args:
        path: One of the `weights` of a run.

    Returns:
        In hexadecimal digits.

    Raises:
        UserError: If it cannot be read.
    """
    try:
        about = path.stat()
        return _checksum(path, about.st_mtime_ns, about.st_size)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; `weights` of a run names this file") from error


@lru_cache(maxsize=1024)
def _checksum(path: Path, changed: int, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dictionary, never anything that could run code.

    This project writes safetensors only. Files of `torch.save` are read because checkpoints of users are mostly that,
    and by `weights_only`, which refuses everything but tensors and plain containers.

    Args:
        path: A safetensors file, or one that `torch.save(network.state_dict(), path)` wrote.

    Returns:
        Tensors by name, on the CPU.

    Raises:
        UserError: If it is missing, damaged, or holds something else.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; `weights` of a run names this file") from error
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it then refuses anyway
            state = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # there is no end to what a damaged file can raise
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{path} is not readable as weights ({why}); save it by torch.save(network.state_dict(), path) or as "
            "safetensors"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path} holds no state_dict; save it by torch.save(network.state_dict(), path)")
    return state


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
