"""The precision of matrix products and convolutions while a network is trained."""

from collections.abc import Generator
from contextlib import contextmanager

import torch

from stages.shared.environment import training_precision


@contextmanager
def training_products(device: torch.device) -> Generator[None, None, None]:
    """Let products use TF32 while entered, if MLI_TRAINING_PRECISION asks for it; then as before.

    Evaluations and lines are computed outside, in single precision.

    Args:
        device: Where the network is trained.

    Raises:
        UserError: If the variable is neither unset nor `tf32`, or the device is a CPU.
    """
    if training_precision(device.type) != "tf32":
        yield
        return
    libraries = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [library.allow_tf32 for library in libraries]
    try:
        for library in libraries:
            library.allow_tf32 = True
        yield
    finally:
        for library, allowed in zip(libraries, before, strict=True):
            library.allow_tf32 = allowed
