"""Fully-connected networks: classifiers and autoencoders."""

from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from stages.networks.architectures.fully_connected import Autoencoder, Mlp
from stages.networks.batch_norm import BatchNorm
from stages.shared.errors import UserError


class Sigmoid(nn.Module):
    """The logistic function, computed by the hyperbolic tangent.

    `torch.sigmoid` rounds the last few numbers of a tensor differently from the rest, so that the bits of a network
    would depend on its place in a stack.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return 1 / (1 + exp(-x))."""
        return 0.5 + 0.5 * torch.tanh(0.5 * x)


ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": Sigmoid}


class FullyConnected(nn.Module):
    """Linear layers with an activation between them; batch norm, if any, stands before each activation.

    Initial weights are PyTorch's; `mlp` scales them by a gain. Layers keep their biases under batch norm, as in the
    paper's release.
    """

    def __init__(self, inputs: int, hidden: tuple[int, ...], outputs: int, activation: str, batch_norm: bool) -> None:
        """Build the layers from `inputs` over the `hidden` units to `outputs`."""
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise((inputs, *hidden)):
            layers.append(nn.Linear(before, after))
            if batch_norm:
                layers.append(BatchNorm(after))
            layers.append(ACTIVATIONS[activation]())
        layers.append(nn.Linear((inputs, *hidden)[-1], outputs))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs, shape (N, outputs), of x, shape (N, ...)."""
        return self.layers(x)


def mlp(parameters: Mlp, image: tuple[int, ...], classes: int) -> FullyConnected:
    """Return a classifier of images of shape (C, H, W), its initial weights scaled by its gain.

    Raises:
        UserError: If it has fewer outputs than there are classes.
    """
    outputs = parameters.outputs or classes
    if outputs < classes:
        raise UserError(f"outputs: got {outputs}, expected at least the number of classes, {classes}")
    network = _fully_connected(parameters, image, outputs)
    with torch.no_grad():
        for layer in network.layers:
            if isinstance(layer, nn.Linear):
                layer.weight.mul_(parameters.gain)
    return network


def autoencoder(parameters: Autoencoder, image: tuple[int, ...], classes: int) -> FullyConnected:
    """Return a network from images of shape (C, H, W) to as many numbers; it does not use the classes."""
    return _fully_connected(parameters, image, prod(image))


def _fully_connected(parameters: Mlp | Autoencoder, image: tuple[int, ...], outputs: int) -> FullyConnected:
    return FullyConnected(prod(image), parameters.hidden, outputs, parameters.activation, parameters.batch_norm)
