"""Linear layers of a stack."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class FeatureMajor(TorchFunctionMode):
    """While entered, a linear layer x w^T + b is computed as (w x^T + b)^T, features before examples in memory.

    The gradient by w is then a product in the layout of w. Of the usual form it is a transposed one, which is slower
    where outputs are few and has to be copied for every step of an optimizer.
    """

    def __torch_function__(self, function: Callable, types: object, args: tuple = (), kwargs: dict | None = None):
        """Replace linear layers of examples in rows."""
        if function is F.linear and args[0].dim() == 2:
            return _linear(*args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))


def _linear(x_BI: Tensor, w_OI: Tensor, b_O: Tensor | None = None) -> Tensor:
    y_OB = w_OI @ x_BI.mT
    return (y_OB if b_O is None else y_OB + b_O[:, None]).mT
