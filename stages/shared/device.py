"""Where tensors are computed."""

import torch

from stages.shared.device_type import device_type


def device() -> torch.device:
    """Return the device of MLI_DEVICE, with TF32 off.

    Raises:
        UserError: If MLI_DEVICE is no device of this machine.
    """
    name = device_type()
    if name == "cuda":
        torch.backends.cudnn.allow_tf32 = False  # 10 bits of mantissa: noise of convolutions would count as a rise
    return torch.device(name)
