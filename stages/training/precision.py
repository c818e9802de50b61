"""The precision of matrix products and convolutions while a network is trained."""

from collections.abc import Generator
from contextlib import contextmanager

import torch

from stages.shared.environment import training_precision


@contextmanager
def use_training_precision(device: torch.device) -> Generator[None, None, None]:
    """Allow TF32 in matrix products and convolutions while entered, if MLI_TRAINING_PRECISION is `tf32`.

    Evaluations and lines are computed in single precision, outside of this context.

    Args:
        device: Device on which the network is trained.

    Raises:
        UserError: If the variable is neither unset nor `tf32`, or the device is a CPU.
    """
    if training_precision(device.type) != "tf32":
        yield
        return
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    try:
        matmul.allow_tf32 = cudnn.allow_tf32 = True
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before
