"""A network's trainable parameters as one vector, and back."""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Layout:
    """The names, shapes and order of the trainable parameters in a vector theta of D numbers.

    Batch-norm statistics and counters are no part of theta, so distances do not count them.
    """

    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]

    @classmethod
    def of(cls, network: nn.Module) -> "Layout":
        """Return the layout of a network's trainable parameters in the order the network names them."""
        named = [(name, p.shape) for name, p in network.named_parameters() if p.requires_grad]
        return cls(tuple(name for name, _ in named), tuple(shape for _, shape in named))

    @property
    def size(self) -> int:
        """Number of trainable parameters, D."""
        return sum(prod(shape) for shape in self.shapes)

    def named_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each parameter by its name, in their order."""
        return dict(zip(self.names, self.shapes, strict=True))

    def split(self, theta: Tensor) -> dict[str, Tensor]:
        """Return named views of theta, shape (..., D); each keeps the leading dimensions."""
        parts = theta.split([prod(shape) for shape in self.shapes], dim=-1)
        shapes = (theta.shape[:-1] + shape for shape in self.shapes)
        return {name: part.view(shape) for name, part, shape in zip(self.names, parts, shapes, strict=True)}

    def join(self, parameters: dict[str, Tensor]) -> Tensor:
        """Return the vector of named parameters, shape (D,)."""
        return torch.cat([parameters[name].flatten() for name in self.names])
