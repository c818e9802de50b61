"""The type of device that MLI_DEVICE names; PyTorch is imported only where that may be a GPU."""

import os

from stages.shared.errors import UserError


def device_type() -> str:
    """Return `cpu` or `cuda`: MLI_DEVICE is `cpu` (the default), `cuda`, or `auto`, a GPU if there is one.

    The default is not `auto`, because a GPU rounds otherwise and dvc.lock would then depend on the machine.

    Raises:
        UserError: If it is something else, or `cuda` without a GPU.
    """
    name = os.environ.get("MLI_DEVICE") or "cpu"
    if name not in ("auto", "cpu", "cuda"):
        raise UserError(f"MLI_DEVICE: got {name!r}, expected auto, cpu or cuda")
    if name == "cpu":
        return name
    import torch  # takes seconds to import

    if torch.cuda.is_available():
        return "cuda"
    if name == "cuda":
        raise UserError("MLI_DEVICE: got 'cuda', but this machine has no usable GPU; set it to cpu")
    return "cpu"
