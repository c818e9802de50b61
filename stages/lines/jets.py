"""Tensors that depend on alpha, with their first two derivatives by alpha."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from torch import Tensor

Terms = tuple[Tensor | None, Tensor | None]
"""First and second derivative; None for zero."""
Series = tuple[Tensor, Tensor | None, Tensor | None]
"""A value with its first and second derivative; None for zero."""


class Jet(NamedTuple):
    """A tensor with its first two derivatives, all of one shape."""

    value: Tensor
    first: Tensor
    second: Tensor


class MovingTensor(NamedTuple):
    """A tensor with its first two derivatives as an argument of a function; None for a derivative that is zero."""

    value: Tensor
    first: Tensor | None
    second: Tensor | None
    ends: tuple[Tensor, Tensor, Tensor] | None = None
    """Start, end and alpha, if the value is (1 - alpha) start + alpha end."""


@dataclass(frozen=True)
class FixedExamples:
    """Examples that do not depend on alpha, and a cache of what layers make of them at both ends of a line.

    A layer's products with the weights at both ends are computed once for all alphas, as long as the same object is
    used and the ends are the same tensors.
    """

    x: Tensor
    products: dict[tuple, tuple[Tensor, Tensor]] = field(default_factory=dict)


class NoRuleError(NotImplementedError):
    """A function of a tensor that depends on alpha has no Taylor rule."""


class Tracker(Protocol):
    """Knows the derivatives of tensors; `TaylorMode` is one."""

    def track(self, value: Tensor, first: Tensor | None, second: Tensor | None) -> Tensor:
        """Remember the derivatives of a tensor and return it."""

    def terms(self, value: object) -> Terms:
        """Return the derivatives of a value; (None, None) for a constant."""
