"""Fully-connected networks: classifiers and autoencoders."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from stages.networks.batch_norm import BatchNorm


class Sigmoid(nn.Module):
    """The logistic function, by the hyperbolic tangent.

    `torch.sigmoid` computes the last few numbers of a tensor by another formula than the rest, so that the bits of a
    network would depend on its place in a stack.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return 1 / (1 + exp(-x))."""
        return 0.5 + 0.5 * torch.tanh(0.5 * x)


ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": Sigmoid}


class FullyConnected(nn.Module):
    """Linear layers with an activation between them; batch norm, if any, stands before each activation.

    Initialised as PyTorch does; biases are kept under batch norm, as in the paper's release.
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
