"""Where tensors are computed."""

import os

import torch

from stages.errors import UserError


def device() -> torch.device:
    """Return where tensors are computed: MLI_DEVICE is `cpu` (the default), `cuda`, or `auto`: a GPU if there is one.

    The default is not `auto`, because a GPU rounds otherwise and dvc.lock would then depend on the machine.

    Raises:
        UserError: If it is something else, or `cuda` without a GPU.
    """
    name = os.environ.get("MLI_DEVICE") or "cpu"
    if name not in ("auto", "cpu", "cuda"):
        raise UserError(f"MLI_DEVICE: got {name!r}, expected auto, cpu or cuda")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("MLI_DEVICE: got 'cuda', but this machine has no usable GPU; set it to cpu")
    if name == "cuda":
        torch.backends.cudnn.allow_tf32 = False  # 10 bits of mantissa: noise of convolutions would count as a rise
    return torch.device(name)
