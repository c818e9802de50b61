"""Losses of the user's own: any function of outputs and targets, as the loss of each example."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import vmap

from stages.shared.errors import UserError

Function = Callable[[Tensor, Tensor], Tensor]
TOLERANCE = 1e-4
"""Largest relative difference between a loss of a batch and the mean or sum over its examples that is rounding."""


class ExampleLoss:
    """The loss of each example, by a function of a batch that returns a mean, a sum, or a loss for each example."""

    def __init__(self, function: Function, outputs: Tensor, targets: Tensor) -> None:
        """Find out what the function returns.

        Args:
            function: A function of outputs and targets, such as `torch.nn.functional.mse_loss` or a module.
            outputs: Outputs for a few examples, shape (N, ...).
            targets: Their targets, shape (N, ...).

        Raises:
            UserError: If the function fails, or its value is neither a mean nor a sum over examples.
        """
        self.function = function
        try:
            whole = function(outputs, targets)
            self.by_example = whole.dim() > 0 and whole.shape[0] == len(outputs)
            each = self(outputs, targets)
        except Exception as error:  # whatever the user's code does
            said = " ".join(str(error).split())[:300]
            raise UserError(
                f"loss: it fails for outputs of shape {tuple(outputs.shape)} and targets of shape "
                f"{tuple(targets.shape)} ({type(error).__name__}: {said}); give one that takes these"
            ) from error
        if self.by_example:
            return
        gaps = [abs(float(whole) - float(value)) for value in (each.mean(), each.sum())]
        if not min(gaps) <= TOLERANCE * max(abs(float(whole)), TOLERANCE):
            raise UserError(
                "loss: its value for a batch is neither the mean nor the sum of its values for single examples, as "
                "with weights of classes; give one that returns the loss of each example (reduction='none')"
            )

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each example, shape (N,)."""
        if self.by_example:
            values = self.function(outputs, targets)
            return values.flatten(1).mean(1) if values.dim() > 1 else values
        try:
            return vmap(self._of_one)(outputs, targets)
        except Exception:  # `vmap` refuses in many ways
            return torch.stack([self._of_one(*one) for one in zip(outputs, targets, strict=True)])

    def _of_one(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.function(outputs[None], targets[None]).squeeze()
