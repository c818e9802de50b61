"""The device on which tensors are computed."""

import torch

from stages.shared.device_type import device_type


def device() -> torch.device:
    """Return the device that MLI_DEVICE names, and turn TF32 off on a GPU.

    Raises:
        UserError: If this machine has no such device.
    """
    name = device_type()
    if name == "cuda":
        torch.backends.cudnn.allow_tf32 = False  # its 10 bits of mantissa make noise that counts as a rise
    return torch.device(name)
