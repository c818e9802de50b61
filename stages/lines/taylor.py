"""Value, first and second derivative by alpha of what a network computes while its weights move along a line.

Nested forward-mode differentiation works for any function, but takes the time of nine forward passes. `TaylorMode`
carries value and both derivatives through the network together, in the time of five, for the functions that
`taylor_rules` has a rule for.
"""

from collections.abc import Callable, Iterator
from inspect import signature

import torch
from torch import Tensor
from torch.func import jvp
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from stages.lines.decomposed_functions import DecomposedFunctions
from stages.lines.jets import FixedExamples, Jet, MovingTensor, NoRuleError, Terms
from stages.lines.taylor_rules import AFFINE, IN_PLACE, LINEAR, RULES, SHAPES, normalise_terms
from stages.networks.batch_norm import normalise
from stages.shared.errors import UserError

NamedFunction = Callable[[dict[str, Tensor]], dict[str, Tensor]]
"""A function from named tensors to named tensors."""


def differentiate(
    function: NamedFunction, moving: dict[str, MovingTensor], held: FixedExamples | None = None
) -> dict[str, Jet]:
    """Return the values of a function with their first two derivatives by alpha.

    Args:
        function: From named tensors to named tensors, differentiable, without side effects.
        moving: Its arguments, which depend on alpha.
        held: Examples that the function uses and that do not depend on alpha.

    Returns:
        The function's values and derivatives, by name.
    """
    try:
        with TaylorMode(held) as mode:
            found = function({name: mode.track(*move) for name, move in moving.items()})
        return {name: mode.jet(value) for name, value in found.items()}
    except NoRuleError:
        return differentiate_nested(function, moving)


def differentiate_nested(function: NamedFunction, moving: dict[str, MovingTensor]) -> dict[str, Jet]:
    """Return what `differentiate` returns, by nested forward-mode differentiation: for any function, more slowly.

    Args:
        function: From named tensors to named tensors, differentiable, without side effects.
        moving: Its arguments, which depend on alpha.

    Returns:
        The function's values and derivatives, by name.

    Raises:
        UserError: If PyTorch has no such derivative of a function that is called.
        NotImplementedError: If something else is missing.
        RuntimeError: If the function fails otherwise.
    """

    def at(time: Tensor) -> dict[str, Tensor]:
        half = time * time / 2
        given = {
            name: value + (0 if first is None else time * first) + (0 if second is None else half * second)
            for name, (value, first, second, _) in moving.items()
        }
        # Some derivatives, such as SiLU's, have derivatives of their own only while gradients are enabled. No function
        # mode sees the attention inside `multi_head_attention_forward`, so its backend is chosen by `sdpa_kernel`.
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), DecomposedFunctions():
            return function(given)

    some = next(iter(moving.values()))[0]
    now, one = some.new_zeros(()), some.new_ones(())

    def with_first(time: Tensor) -> tuple:
        return jvp(at, (time,), (one,))

    try:
        inner, outer = jvp(with_first, (now,), (one,))[:2]
    except (NotImplementedError, RuntimeError) as error:
        if "forward" not in str(error) and "jvp" not in str(error):
            raise
        raise UserError(
            f"torch has no second derivative of this network along a line ({str(error).splitlines()[0]}); set the "
            "suite's gauss_examples to 0, or replace that function in the network"
        ) from error
    (value, first), (_, second) = inner, outer
    return {name: Jet(value[name], first[name], second[name]) for name in value}


class TaylorMode(TorchFunctionMode):
    """While entered, every function of a tracked tensor also computes its first two derivatives by alpha.

    A layer whose weights are on a line is itself linear in alpha for fixed examples: it is computed once with the
    weights at both ends and interpolated for all alphas. That is exact, and the first layer is most of the work in a
    network whose examples are wider than its layers.
    """

    def __init__(self, held: FixedExamples | None = None, derivatives: bool = True) -> None:
        """Track nothing yet.

        Args:
            held: Examples that do not depend on alpha.
            derivatives: Whether to compute derivatives, or values alone.
        """
        super().__init__()
        self._terms = WeakTensorKeyDictionary()
        self._ends = WeakTensorKeyDictionary()
        self._shared = WeakTensorKeyDictionary()
        """Tensors that are views of others, or have views."""
        self._made = WeakTensorKeyDictionary()
        """How each fixed tensor was made of the examples: the reshaping functions applied."""
        self._derivatives = derivatives
        self._products = {} if held is None else held.products
        if held is not None:
            self._made[held.x] = ()

    def track(
        self,
        value: Tensor,
        first: Tensor | None,
        second: Tensor | None,
        ends: tuple[Tensor, Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Remember the derivatives of a tensor and return it.

        Args:
            value: The tensor.
            first: First derivative by alpha; None for zero.
            second: Second derivative by alpha; None for zero.
            ends: Start, end and alpha, if the value is (1 - alpha) start + alpha end.

        Returns:
            The tensor itself.
        """
        if ends is not None:
            self._ends[value] = ends
        if self._derivatives and (first is not None or second is not None):
            self._terms[value] = (first, second)
        return value

    def _interpolate_layer(
        self, layer: Callable, x: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: object
    ) -> Tensor | None:
        """Return a layer's value by its values at both ends; None unless its weights are on a line and x is fixed."""
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
        """Refuse to write into a tensor that may share memory: derivatives of its views would not change with it.

        Raises:
            NoRuleError: If the tensor has views, or does not depend on alpha, so that its views are unknown.
        """
        moves = any(given in self._terms for given in _tensors((args, kwargs)))
        if moves and (not args or args[0] not in self._terms or args[0] in self._shared):
            raise NoRuleError(f"{function} writes in place")

    def terms(self, value: object) -> Terms:
        """Return the derivatives of a value; (None, None) for a constant."""
        return self._terms.get(value, (None, None)) if isinstance(value, Tensor) else (None, None)

    def jet(self, value: Tensor) -> Jet:
        """Return a value with its derivatives, zeros written out; to be called after the mode has been left."""
        first, second = self.terms(value)
        zero = torch.zeros_like(value)
        return Jet(value, zero if first is None else first, zero if second is None else second)

    def __torch_function__(
        self, function: Callable, types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        """Compute a function, and the derivatives of its value where an argument has any."""
        kwargs = kwargs or {}
        if function in IN_PLACE or kwargs.get("inplace") or "out" in kwargs:
            self._check_in_place(function, args, kwargs)
        if function in AFFINE and not kwargs and (value := self._interpolate_layer(function, *args)) is not None:
            return value
        if function is normalise and any(given in self._terms for given in args[:3]):
            return normalise_terms(self, *args)
        value = function(*args, **kwargs)
        if function in SHAPES and args:
            self._shared[args[0]] = self._shared[value] = True
            if args[0] in self._made:
                self._made[value] = (*self._made[args[0]], f"{function.__name__}{args[1:]}{kwargs}")
        if not self._derivatives or not any(given in self._terms for given in _tensors((args, kwargs))):
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
            return value  # a size, a type, a number of dimensions
        return self.track(value, first, second)


def _accepts(rule: Callable, *args: object, **kwargs: object) -> bool:
    """Return whether a rule can be called with these arguments."""
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
