"""How the layers of a stack are computed."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from stages.networks.batch_norm import spread


class StackLayers(TorchFunctionMode):
    """While entered, layers are computed in forms that suit a stack.

    A linear layer x w^T + b is computed as (w x^T + b)^T, features before examples in memory. The gradient by w is
    then a product in the layout of w. Of the usual form it is a transposed one, which is slower where outputs are few
    and has to be copied for every step of an optimizer.

    The bias of a convolution is added by itself: within the convolution its gradient is summed in an order that
    depends on how many networks are stacked.
    """

    def __torch_function__(self, function: Callable, types: object, args: tuple = (), kwargs: dict | None = None):
        """Replace linear layers of examples in rows, and convolutions with a bias."""
        if function is F.linear and args[0].dim() == 2:
            return _linear(*args, **(kwargs or {}))
        if function is F.conv2d:
            return _convolution(*args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))


def _linear(x_BI: Tensor, w_OI: Tensor, b_O: Tensor | None = None) -> Tensor:
    y_OB = w_OI @ x_BI.mT
    return (y_OB if b_O is None else y_OB + b_O[:, None]).mT


def _convolution(x: Tensor, w: Tensor, b_O: Tensor | None = None, *rest: object) -> Tensor:
    y = F.conv2d(x, w, None, *rest)
    return y if b_O is None else y + spread(b_O, y)
