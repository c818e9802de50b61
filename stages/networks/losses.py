"""Targets, losses and accuracy of a network."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from stages.config import Run

Loss = str | Callable[[Tensor, Tensor], Tensor]
"""`cross_entropy`, `squared_error`, or a function of outputs and targets that returns the loss of each example."""


def targets(run: Run, x: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return the targets that outputs are compared with.

    Args:
        run: The run, for its network and loss.
        x: Examples, shape (N, ...).
        labels: Classes, shape (N,).
        classes: Number of classes.

    Returns:
        The pixels, shape (N, outputs), for an autoencoder; the labels, shape (N,), for cross-entropy; one-hot vectors,
        shape (N, classes), for a classifier under squared error.
    """
    if run.architecture.reconstructs:
        return x.flatten(1)
    if run.loss == "squared_error":
        return F.one_hot(labels, classes).to(x.dtype)
    return labels


def example_losses(loss: Loss, outputs: Tensor, target: Tensor) -> Tensor:
    """Return the loss of each example, shape (N,): cross-entropy in nats, or the squared error summed over outputs.

    For a language model, with logits of shape (N, K, vocabulary), the cross-entropy is the mean over the K tokens.
    """
    if not isinstance(loss, str):
        return loss(outputs, target)
    if outputs.dim() == 3:
        return F.cross_entropy(outputs.movedim(-1, 1), target, reduction="none").mean(1)
    if loss == "cross_entropy":
        return F.cross_entropy(outputs, target, reduction="none")
    return (outputs - target).square().sum(1)


def correct(outputs: Tensor, labels: Tensor) -> Tensor:
    """Return whether the largest output of each example is its class, shape (N,); for text the proportion of tokens."""
    right = torch.argmax(outputs, -1) == labels
    return right if right.dim() == 1 else right.double().mean(1)
