"""Checkpoints that were trained elsewhere: state dicts read from files and fitted to a network's own names."""

import hashlib
import warnings
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from stages.errors import UserError


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
