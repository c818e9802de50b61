"""Taylor rules: the first two derivatives by alpha of a function's value, from those of its arguments.

A rule takes the tracker that knows the arguments' derivatives, the function's value, and the function's own arguments.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from stages.lines.jets import NoRuleError, Series, Terms, Tracker
from stages.networks.batch_norm import along_channels, broadcast_channels, other_dimensions


def _add(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    """Return a + b; None is zero."""
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _add_to(fresh: Tensor, b: Tensor | None) -> Tensor:
    """Return fresh + b, in the memory of `fresh`, which nothing else uses; None is zero."""
    return fresh if b is None else fresh.add_(b)


def _times(a: Tensor | None, b: Any) -> Tensor | None:
    """Return a b for a tensor or number b; None is zero."""
    return None if a is None or b is None else a * b


def _map_terms(function: Callable[[Tensor], Tensor], terms: Terms) -> Terms:
    """Return a linear function of both derivatives."""
    first, second = terms
    return None if first is None else function(first), None if second is None else function(second)


def _sum(mode: Tracker, value: Tensor, a: object, b: object) -> Terms:
    """Return the derivatives of a + b."""
    (a1, a2), (b1, b2) = mode.terms(a), mode.terms(b)
    return _add(a1, b1), _add(a2, b2)


def _difference(mode: Tracker, value: Tensor, a: object, b: object) -> Terms:
    """Return the derivatives of a - b."""
    (a1, a2), (b1, b2) = mode.terms(a), mode.terms(b)
    return _add(a1, None if b1 is None else -b1), _add(a2, None if b2 is None else -b2)


def _product(mode: Tracker, value: Tensor, a: object, b: object) -> Terms:
    """Return the derivatives of a b."""
    (a1, a2), (b1, b2) = mode.terms(a), mode.terms(b)
    crossed = _times(_times(a1, b1), 2)
    return _add(_times(a1, b), _times(b1, a)), _add(_add(_times(a2, b), _times(b2, a)), crossed)


def _affine(layer: Callable) -> Callable[..., Terms]:
    """Return the rule of a layer that is linear in its input, and in its weights and bias."""

    def rule(
        mode: Tracker,
        value: Tensor,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        *rest: object,
        **more: object,
    ) -> Terms:
        def layer_of(a: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
            return layer(a, w, b, *rest, **more)

        def alone(b: Tensor) -> Tensor:
            return (b if layer is F.linear else along_channels(b, value)).expand_as(value)

        (x1, x2), (w1, w2), (b1, b2) = mode.terms(x), mode.terms(weight), mode.terms(bias)
        first = None if w1 is None else layer_of(x, w1, b1)
        second = None if w2 is None else layer_of(x, w2, b2)
        if w1 is None and b1 is not None:
            first = alone(b1)
        if w2 is None and b2 is not None:
            second = alone(b2)
        if x1 is not None:
            first = _add_to(layer_of(x1, weight), first)
            if w1 is not None:
                second = _add_to(layer_of(x1, 2 * w1), second)
        if x2 is not None:
            second = _add_to(layer_of(x2, weight), second)
        return first, second

    return rule


def normalise_terms(
    mode: Tracker, x: Tensor, weight: Tensor, bias: Tensor, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the values of `batch_norm.normalise`, tracked: written out, it needs a third of the passes over x.

    Args:
        mode: The tracker.
        x: Inputs, channels second.
        weight: Scale of each channel.
        bias: Shift of each channel.
        epsilon: Added to the variance.

    Returns:
        Normalised inputs, and mean and variance of each channel.
    """
    over, each = other_dimensions(x), x.shape[1] / x.numel()

    def mean(values: Tensor) -> Tensor:
        return values.sum(over, keepdim=True) * each

    x1, x2 = mode.terms(x)
    w, (w1, w2) = along_channels(weight, x), _map_terms(lambda term: along_channels(term, x), mode.terms(weight))
    b, (b1, b2) = along_channels(bias, x), _map_terms(lambda term: along_channels(term, x), mode.terms(bias))
    m, (m1, m2) = mean(x), _map_terms(mean, (x1, x2))
    c = x - m
    c1 = None if x1 is None or m1 is None else x1 - m1
    c2 = None if x2 is None or m2 is None else x2 - m2
    v = mean(c * c)
    v1 = None if c1 is None else 2 * mean(c * c1)
    v2 = _add(None if c1 is None else 2 * mean(c1 * c1), None if c2 is None else 2 * mean(c * c2))
    # From here on tensors hold one number per channel: the scale s = w / sqrt(v + epsilon).
    r = torch.rsqrt(v + epsilon)
    slope = -0.5 * r / (v + epsilon)
    r1 = _times(slope, v1)
    r2 = _add(_times(slope, v2), None if v1 is None else (-1.5 / (v + epsilon)) * slope * v1 * v1)
    s = r * w
    s1 = _add(_times(r1, w), _times(r, w1))
    s2 = _add(_add(_times(r2, w), _times(r, w2)), _times(_times(r1, w1), 2))
    y = torch.addcmul(b, c, s)
    y1, y2 = _product_terms(b1, b2, (c, c1, c2), (s, s1, s2))
    return mode.track(y, y1, y2), mode.track(m, m1, m2), mode.track(v, v1, v2)


def _product_terms(shift1: Tensor | None, shift2: Tensor | None, x: Series, scale: Series) -> Terms:
    """Return the derivatives of shift + x scale; each product is added in the pass over x that computes it.

    Args:
        shift1: First derivative of the shift.
        shift2: Second derivative of the shift.
        x: Value and derivatives of x.
        scale: Value and derivatives of the scale.

    Returns:
        The derivatives.
    """
    (x0, x1, x2), (s0, s1, s2) = x, scale
    first = _add_product(_add_product(shift1, x1, s0), x0, s1)
    second = _add_product(_add_product(_add_product(shift2, x2, s0), x1, _times(s1, 2)), x0, s2)
    return first, second


def _add_product(total: Tensor | None, a: Tensor | None, b: Tensor | None) -> Tensor | None:
    """Return total + a b; None is zero."""
    if a is None or b is None:
        return total
    return a * b if total is None else torch.addcmul(total, a, b)


def _addcmul(mode: Tracker, value: Tensor, shift: Tensor, x: Tensor, scale: Tensor) -> Terms:
    """Return the derivatives of shift + x scale, `torch.addcmul`."""
    terms = _product_terms(*mode.terms(shift), (x, *mode.terms(x)), (scale, *mode.terms(scale)))
    return _map_terms(lambda term: term.expand_as(value), terms)


def _pointwise(slopes: Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]) -> Callable[..., Terms]:
    """Return the rule of an elementwise function y = f(x).

    Args:
        slopes: Returns f'(x) and f''(x) / f'(x) (None for zero) from x and y.

    Returns:
        The rule.
    """

    def rule(mode: Tracker, value: Tensor, x: Tensor, *_: object, **__: object) -> Terms:
        x1, x2 = mode.terms(x)
        slope, relative_curvature = slopes(x, value)
        if x1 is None:
            return None, _times(slope, x2)
        # x1 is multiplied by the curvature first: its square alone can overflow
        bent = x2 if relative_curvature is None else _add(x1 * (x1 * relative_curvature), x2)
        return slope * x1, None if bent is None else slope * bent

    return rule


def _relu(mode: Tracker, value: Tensor, x: Tensor, *_: object, **__: object) -> Terms:
    """Return the derivatives of max(x, 0): those of x where x > 0."""
    return _map_terms(lambda term: torch.ops.aten.threshold_backward(term, x, 0), mode.terms(x))


def _max_pool(mode: Tracker, value: Tensor, x: Tensor, *window: Any, **more: Any) -> Terms:
    """Return the derivatives of the largest element in each window."""
    _, place = F.max_pool2d(x, *window, **(more | {"return_indices": True}))
    index = place.flatten(-2)
    return _map_terms(lambda term: term.flatten(-2).gather(-1, index).view(place.shape), mode.terms(x))


def _pad(
    tracker: Tracker, value_: Tensor, x: Tensor, pad: Sequence[int], mode: str = "constant", value: object = None
) -> Terms:
    """Return the derivatives padded with zeros: the padding's value does not depend on alpha."""
    return _map_terms(lambda term: F.pad(term, pad, mode), tracker.terms(x))


def _dropout(
    mode: Tracker, value: Tensor, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Terms:
    """Return the derivatives of dropout that drops nothing."""
    if training and p:
        raise NoRuleError("dropout draws at random")
    return mode.terms(x)


def _square(mode: Tracker, value: Tensor, x: Tensor) -> Terms:
    """Return the derivatives of x^2."""
    x1, x2 = mode.terms(x)
    return _times(_times(x, x1), 2), _add(_times(_times(x1, x1), 2), _times(_times(x, x2), 2))


SHAPES: set[Callable] = {
    Tensor.flatten,
    torch.flatten,
    Tensor.reshape,
    torch.reshape,
    Tensor.view,
    Tensor.unflatten,
    Tensor.expand,
    Tensor.__getitem__,
}
"""Functions that rearrange or view one tensor."""
AFFINE: set[Callable] = {F.linear, F.conv2d}
"""Layers that are linear in their input, and in their weights and bias."""
IN_PLACE: set[Callable] = {Tensor.add_, Tensor.__iadd__}
LINEAR: set[Callable] = {
    broadcast_channels,
    F.adaptive_avg_pool2d,
    Tensor.mean,
    torch.mean,
    Tensor.sum,
    torch.sum,
    Tensor.neg,
    Tensor.__neg__,
}
"""Linear functions of one tensor."""
DROPOUTS = (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout)
RULES: dict[Callable, Callable[..., Terms]] = {
    **dict.fromkeys(DROPOUTS, _dropout),
    **{layer: _affine(layer) for layer in AFFINE},
    F.max_pool2d: _max_pool,
    F.pad: _pad,
    torch.addcmul: _addcmul,
    Tensor.square: _square,
    torch.square: _square,
    **dict.fromkeys((F.relu, torch.relu, Tensor.relu), _relu),
    **dict.fromkeys((torch.tanh, Tensor.tanh, F.tanh), _pointwise(lambda x, y: (1 - y * y, -2 * y))),
    **dict.fromkeys((torch.sigmoid, Tensor.sigmoid, F.sigmoid), _pointwise(lambda x, y: (y - y * y, 1 - 2 * y))),
    **dict.fromkeys((torch.rsqrt, Tensor.rsqrt), _pointwise(lambda x, y: (-0.5 * y / x, -1.5 / x))),
    **dict.fromkeys((torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__radd__, Tensor.__iadd__), _sum),
    **dict.fromkeys((torch.sub, Tensor.sub, Tensor.__sub__), _difference),
    **dict.fromkeys((torch.mul, Tensor.mul, Tensor.__mul__, Tensor.__rmul__), _product),
}
