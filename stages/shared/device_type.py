"""The type of device that MLI_DEVICE names; PyTorch is imported only where that may be a GPU."""

import os

from stages.shared.errors import UserError


def device_type() -> str:
    """Return `cpu` or `cuda`, the type of device that MLI_DEVICE names.

    MLI_DEVICE is `cpu` (the default), `cuda`, or `auto`, which is a GPU if there is one. `auto` is not the default,
    because a GPU rounds differently and dvc.lock would then depend on the machine.

    Raises:
        UserError: If MLI_DEVICE is something else, or `cuda` on a machine without a GPU.
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
