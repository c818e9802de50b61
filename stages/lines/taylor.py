"""Value, first and second derivative of what a network computes while its weights move.

Nested forward-mode differentiation (`nested`) works for any function, but computes the first derivative twice and costs
nine passes. Carrying value and both derivatives through the network together costs five: the mode `Taylor` does so on
plain modules and plain tensors, for the functions it has a rule for, by keeping each tensor's derivatives beside it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from inspect import signature
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import jvp
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from stages.lines.plain import Plain
from stages.networks.batch_norm import along_channels, normalise, other_dimensions, spread
from stages.shared.errors import UserError

Terms = tuple[Tensor | None, Tensor | None]
"""First and second derivative; None for zero."""
Series = tuple[Tensor, Tensor | None, Tensor | None]
"""A value with its first and second derivative; None for zero."""


class Jet(NamedTuple):
    """A tensor that moves, with its first two derivatives; all of one shape."""

    value: Tensor
    first: Tensor
    second: Tensor


class Moving(NamedTuple):
    """A tensor that moves, as an argument: None for a derivative that is zero."""

    value: Tensor
    first: Tensor | None
    second: Tensor | None
    ends: tuple[Tensor, Tensor, Tensor] | None = None
    """Start, end and alpha, if the value is (1 - alpha) start + alpha end."""


@dataclass(frozen=True)
class Held:
    """Examples that stay while the weights move, and the products of layers on them with both ends of a line.

    Keep it, and a layer's products are computed once for all alphas: give the same ends for them.
    """

    x: Tensor
    products: dict[tuple, tuple[Tensor, Tensor]] = field(default_factory=dict)


class NoRuleError(NotImplementedError):
    """A function of a tensor that moves along the line has no Taylor rule here."""


def expand(
    function: Callable[[dict[str, Tensor]], dict[str, Tensor]], moving: dict[str, Moving], held: Held | None = None
) -> dict[str, Jet]:
    """Return what a function gives for tensors that move, with its first two derivatives.

    Args:
        function: From named tensors to named tensors, differentiable, without side effects.
        moving: Its arguments.
        held: Examples that it uses.

    Returns:
        Its values, by name.
    """
    try:
        with Taylor(held) as mode:
            found = function({name: mode.track(*move) for name, move in moving.items()})
        return {name: mode.jet(value) for name, value in found.items()}
    except NoRuleError:
        return nested(function, moving)


def nested(function: Callable[[dict[str, Tensor]], dict[str, Tensor]], moving: dict[str, Moving]) -> dict[str, Jet]:
    """As `expand`, by nested forward-mode differentiation: for any function, more slowly.

    Args:
        function: As of `expand`.
        moving: Its arguments.

    Returns:
        Its values, by name.

    Raises:
        UserError: If torch has no such derivative of what it calls.
        NotImplementedError: If something else is missing.
        RuntimeError: If it fails otherwise.
    """

    def at(time: Tensor) -> dict[str, Tensor]:
        half = time * time / 2
        given = {
            name: value + (0 if first is None else time * first) + (0 if second is None else half * second)
            for name, (value, first, second, _) in moving.items()
        }
        # Some derivatives, such as SiLU's, have derivatives of their own only where gradients are not switched off.
        # Within `multi_head_attention_forward` no mode sees the call of attention, so its backend is chosen beside.
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), Plain():
            return function(given)

    some = next(iter(moving.values()))[0]
    now, one = some.new_zeros(()), some.new_ones(())

    def with_first(time: Tensor) -> tuple:
        return jvp(at, (time,), (one,))

    try:
        (value, first), (_, second) = jvp(with_first, (now,), (one,))
    except (NotImplementedError, RuntimeError) as error:
        if "forward" not in str(error) and "jvp" not in str(error):
            raise
        raise UserError(
            f"torch has no second derivative of this network along a line ({str(error).splitlines()[0]}); set the "
            "suite's gauss_examples to 0, or replace that function in the network"
        ) from error
    return {name: Jet(value[name], first[name], second[name]) for name in value}


class Taylor(TorchFunctionMode):
    """While entered, every function of a tracked tensor also computes its derivatives.

    A linear layer whose weights are on a line is itself on a line for examples that stay: its products with both ends
    are computed once for all alphas, and give value and derivative of each. That is exact, and the first layer is most
    of the work in a network whose examples are wider than its layers.
    """

    def __init__(self, held: Held | None = None, derivatives: bool = True) -> None:
        """Track nothing yet.

        Args:
            held: Examples that stay.
            derivatives: Whether to compute them, or values alone.
        """
        super().__init__()
        self._terms: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
        self._ends: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
        # Tensors that are views of others, or have views.
        self._shared: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
        self._derivatives = derivatives
        self._products = {} if held is None else held.products
        # How each tensor that stays was made of the examples.
        self._made: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
        if held is not None:
            self._made[held.x] = ()

    def track(
        self,
        value: Tensor,
        first: Tensor | None,
        second: Tensor | None,
        ends: tuple[Tensor, Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Declare how a tensor moves and return it."""
        if ends is not None:
            self._ends[value] = ends
        if self._derivatives and (first is not None or second is not None):
            self._terms[value] = (first, second)
        return value

    def _on_line(
        self, layer: Callable, x: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: object
    ) -> Tensor | None:
        """Return a layer's value by its values at both ends; None unless its weights are on a line and x stays."""
        if x not in self._made or weight not in self._ends or (bias is not None and bias not in self._ends):
            return None
        start, end, alpha = self._ends[weight]
        bias_start, bias_end, _ = (None, None, None) if bias is None else self._ends[bias]
        key = (self._made[x], layer.__name__, rest, id(start), id(end), id(bias_start), id(bias_end))
        if key not in self._products:
            self._products[key] = layer(x, start, bias_start, *rest), layer(x, end, bias_end, *rest)
        low, high = self._products[key]
        return self.track(torch.lerp(low, high, alpha), high - low if self._derivatives else None, None)

    def _check_in_place(self, function: Callable, args: tuple, kwargs: dict) -> None:
        """Refuse to write into a tensor whose memory another may share, whose derivatives would not change with it.

        Raises:
            NoRuleError: If the tensor does not move, so that other views of it are unknown, or has known ones.
        """
        moves = any(given in self._terms for given in _tensors((args, kwargs)))
        if moves and (not args or args[0] not in self._terms or args[0] in self._shared):
            raise NoRuleError(f"{function} writes in place")

    def terms(self, value: object) -> Terms:
        """Return the derivatives of a value; (None, None) for a constant."""
        return self._terms.get(value, (None, None)) if isinstance(value, Tensor) else (None, None)

    def jet(self, value: Tensor) -> Jet:
        """Return a value with its derivatives, zeros written out; to be called when the mode has been left."""
        first, second = self.terms(value)
        zero = torch.zeros_like(value)
        return Jet(value, zero if first is None else first, zero if second is None else second)

    def __torch_function__(self, function: Callable, types: object, args: tuple = (), kwargs: dict | None = None):
        """Compute a function, and the derivatives of its value where an argument has any."""
        kwargs = kwargs or {}
        if function in IN_PLACE or kwargs.get("inplace") or "out" in kwargs:
            self._check_in_place(function, args, kwargs)
        if function in AFFINE and not kwargs and (value := self._on_line(function, *args)) is not None:
            return value
        if function is normalise and any(given in self._terms for given in args[:3]):
            return _normalise(self, *args)
        value = function(*args, **kwargs)
        if function in SHAPES and args:
            self._shared[args[0]] = self._shared[value] = True
            if args[0] in self._made:
                self._made[value] = (*self._made[args[0]], f"{function.__name__}{args[1:]}{kwargs}")
        if not any(given in self._terms for given in _tensors((args, kwargs))):
            return value
        if not args:
            raise NoRuleError(f"{function} has no Taylor rule for arguments that are all given by name")
        if function in SHAPES or function in LINEAR:
            first, second = (
                None if term is None else function(term, *args[1:], **kwargs) for term in self.terms(args[0])
            )
        elif function in RULES:
            if kwargs and not _accepts(RULES[function], self, value, *args, **kwargs):
                raise NoRuleError(f"{function} has no Taylor rule for these arguments")
            first, second = RULES[function](self, value, *args, **kwargs)
        elif value is None or any(True for _ in _tensors(value)):
            raise NoRuleError(f"{function} has no Taylor rule")
        else:
            return value  # a size, a type, a count of dimensions
        return self.track(value, first, second)


def _accepts(rule: Callable, *args: object, **kwargs: object) -> bool:
    try:
        signature(rule).bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _tensors(given: object) -> Iterator[Tensor]:
    """Yield the tensors in an argument or a value, however nested."""
    if isinstance(given, Tensor):
        yield given
    elif isinstance(given, dict):
        yield from _tensors(tuple(given.values()))
    elif isinstance(given, list | tuple):
        for one in given:
            yield from _tensors(one)


def _add(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _add_to(fresh: Tensor, b: Tensor | None) -> Tensor:
    """As `_add`, in the memory of a tensor that nothing else uses."""
    return fresh if b is None else fresh.add_(b)


def _times(a: object, b: object) -> Tensor | None:
    return None if a is None or b is None else a * b


def _sum(mode: Taylor, value: Tensor, a: object, b: object) -> Terms:
    (a1, a2), (b1, b2) = mode.terms(a), mode.terms(b)
    return _add(a1, b1), _add(a2, b2)


def _difference(mode: Taylor, value: Tensor, a: object, b: object) -> Terms:
    (a1, a2), (b1, b2) = mode.terms(a), mode.terms(b)
    return _add(a1, None if b1 is None else -b1), _add(a2, None if b2 is None else -b2)


def _product(mode: Taylor, value: Tensor, a: object, b: object) -> Terms:
    (a1, a2), (b1, b2) = mode.terms(a), mode.terms(b)
    crossed = _times(2, _times(a1, b1))
    return _add(_times(a1, b), _times(a, b1)), _add(_add(_times(a2, b), _times(a, b2)), crossed)


def _affine(layer: Callable) -> Callable[..., Terms]:
    """Return the rule of a layer that is linear in its input and, with its bias, in its weights."""

    def rule(
        mode: Taylor,
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


def _normalise(mode: Taylor, x: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `batch_norm.normalise` does, tracked: by hand, with a third of the passes over x."""
    over, each = other_dimensions(x), x.shape[1] / x.numel()

    def mean(values: Tensor) -> Tensor:
        return values.sum(over, keepdim=True) * each

    x1, x2 = mode.terms(x)
    w, (w1, w2) = along_channels(weight, x), (_along(term, x) for term in mode.terms(weight))
    b, (b1, b2) = along_channels(bias, x), (_along(term, x) for term in mode.terms(bias))
    m, m1, m2 = (None if term is None else mean(term) for term in (x, x1, x2))
    c, c1, c2 = (None if term is None else term - middle for term, middle in ((x, m), (x1, m1), (x2, m2)))
    v = mean(c * c)
    v1 = None if c1 is None else 2 * mean(c * c1)
    v2 = _add(None if c1 is None else 2 * mean(c1 * c1), None if c2 is None else 2 * mean(c * c2))
    # Of one number a channel from here: the scale s = w / sqrt(v + epsilon).
    r = torch.rsqrt(v + epsilon)
    slope = -0.5 * r / (v + epsilon)
    r1 = _times(slope, v1)
    r2 = _add(_times(slope, v2), None if v1 is None else (-1.5 / (v + epsilon)) * slope * v1 * v1)
    s = r * w
    s1 = _add(_times(r1, w), _times(r, w1))
    s2 = _add(_add(_times(r2, w), _times(r, w2)), _times(2, _times(r1, w1)))
    y = torch.addcmul(b, c, s)
    y1, y2 = _product_terms(b1, b2, (c, c1, c2), (s, s1, s2))
    return mode.track(y, y1, y2), mode.track(m, m1, m2), mode.track(v, v1, v2)


def _product_terms(shift1: Tensor | None, shift2: Tensor | None, x: Series, scale: Series) -> Terms:
    """Return the derivatives of shift + x scale, from those of the shift and from two series: values and derivatives.

    Each product is added in the same pass over x that computes it.
    """
    (x0, x1, x2), (s0, s1, s2) = x, scale
    first = _add_product(_add_product(shift1, x1, s0), x0, s1)
    second = _add_product(_add_product(_add_product(shift2, x2, s0), x1, _times(2, s1)), x0, s2)
    return first, second


def _add_product(total: Tensor | None, a: Tensor | None, b: Tensor | None) -> Tensor | None:
    """Return total + a b; what is None is zero."""
    if a is None or b is None:
        return total
    return a * b if total is None else torch.addcmul(total, a, b)


def _addcmul(mode: Taylor, value: Tensor, shift: Tensor, x: Tensor, scale: Tensor) -> Terms:
    terms = _product_terms(*mode.terms(shift), (x, *mode.terms(x)), (scale, *mode.terms(scale)))
    return tuple(None if term is None else term.expand_as(value) for term in terms)


def _along(term: Tensor | None, x: Tensor) -> Tensor | None:
    return None if term is None else along_channels(term, x)


def _pointwise(slopes: Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]) -> Callable[..., Terms]:
    """Return the rule of a function of each number, from its slope and the slope's slope over the slope (or None)."""

    def rule(mode: Taylor, value: Tensor, x: Tensor, *_: object, **__: object) -> Terms:
        x1, x2 = mode.terms(x)
        slope, relative_curvature = slopes(x, value)
        if x1 is None:
            return None, slope * x2
        # x1 times the curvature first: far along a line the square of x1 alone overflows
        bent = x2 if relative_curvature is None else _add(x1 * (x1 * relative_curvature), x2)
        return slope * x1, None if bent is None else slope * bent

    return rule


def _relu(mode: Taylor, value: Tensor, x: Tensor, *_: object, **__: object) -> Terms:
    return tuple(None if term is None else torch.ops.aten.threshold_backward(term, x, 0) for term in mode.terms(x))


def _max_pool(mode: Taylor, value: Tensor, x: Tensor, *window: object, **more: object) -> Terms:
    # What was largest in a window stays so for a moment: its derivatives are the window's.
    _, place = F.max_pool2d(x, *window, **(more | {"return_indices": True}))
    index = place.flatten(-2)
    return tuple(
        None if term is None else term.flatten(-2).gather(-1, index).view(place.shape) for term in mode.terms(x)
    )


def _pad(taylor: Taylor, value_: Tensor, x: Tensor, pad: object, mode: str = "constant", value: object = None) -> Terms:
    # The padding's own value stays: its derivatives are padded with zeros.
    return tuple(None if term is None else F.pad(term, pad, mode) for term in taylor.terms(x))


def _dropout(
    mode: Taylor, value: Tensor, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Terms:
    if training and p:
        raise NoRuleError("dropout draws at random")
    return mode.terms(x)


def _power_of_itself(mode: Taylor, value: Tensor, x: Tensor) -> Terms:
    x1, x2 = mode.terms(x)
    return _times(2, _times(x, x1)), _add(_times(2, _times(x1, x1)), _times(2, _times(x, x2)))


SHAPES = {
    Tensor.flatten,
    torch.flatten,
    Tensor.reshape,
    torch.reshape,
    Tensor.view,
    Tensor.unflatten,
    Tensor.expand,
    Tensor.__getitem__,
}
AFFINE = {F.linear, F.conv2d}
IN_PLACE = {Tensor.add_, Tensor.__iadd__}
LINEAR = {spread, F.adaptive_avg_pool2d, Tensor.mean, torch.mean, Tensor.sum, torch.sum, Tensor.neg, Tensor.__neg__}
DROPOUTS = (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout)
RULES: dict[Callable, Callable[..., Terms]] = {
    **dict.fromkeys(DROPOUTS, _dropout),
    **{layer: _affine(layer) for layer in AFFINE},
    F.max_pool2d: _max_pool,
    F.pad: _pad,
    torch.addcmul: _addcmul,
    Tensor.square: _power_of_itself,
    torch.square: _power_of_itself,
    **dict.fromkeys((F.relu, torch.relu, Tensor.relu), _relu),
    **dict.fromkeys((torch.tanh, Tensor.tanh, F.tanh), _pointwise(lambda x, y: (1 - y * y, -2 * y))),
    **dict.fromkeys((torch.sigmoid, Tensor.sigmoid, F.sigmoid), _pointwise(lambda x, y: (y - y * y, 1 - 2 * y))),
    **dict.fromkeys((torch.rsqrt, Tensor.rsqrt), _pointwise(lambda x, y: (-0.5 * y / x, -1.5 / x))),
    **dict.fromkeys((torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__radd__, Tensor.__iadd__), _sum),
    **dict.fromkeys((torch.sub, Tensor.sub, Tensor.__sub__), _difference),
    **dict.fromkeys((torch.mul, Tensor.mul, Tensor.__mul__, Tensor.__rmul__), _product),
}
