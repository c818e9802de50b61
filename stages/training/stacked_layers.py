"""Linear and convolutional layers in forms that suit a stack."""

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from stages.networks.batch_norm import broadcast_channels


class StackedLayers(TorchFunctionMode):
    """While entered, linear and convolutional layers are computed in forms that suit a stack.

    A linear layer x w^T + b is computed as (w x^T + b)^T, so that the gradient with respect to w has the memory layout
    of w. The gradient of the usual form is transposed: slower for few outputs, and copied at each optimizer step.

    The bias of a convolution is added separately: within the convolution, the order in which its gradient is summed
    depends on the number of stacked networks.
    """

    def __torch_function__(
        self, function: Callable, types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        """Replace linear layers on matrices, and convolutions."""
        if function is F.linear and args[0].dim() == 2:
            return _linear(*args, **(kwargs or {}))
        if function is F.conv2d:
            return _convolution(*args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))


def _linear(x_BI: Tensor, w_OI: Tensor, b_O: Tensor | None = None) -> Tensor:
    """Return x w^T + b, shape (B, O)."""
    y_OB = w_OI @ x_BI.mT
    return (y_OB if b_O is None else y_OB + b_O[:, None]).mT


def _convolution(x: Tensor, w: Tensor, b_O: Tensor | None = None, *rest: Any) -> Tensor:
    """Return a convolution whose bias is added separately."""
    y = F.conv2d(x, w, None, *rest)
    return y if b_O is None else y + broadcast_channels(b_O, y)
