"""Functions of PyTorch composed of simpler ones, whose second forward-mode derivatives are right.

PyTorch 2.13 has a wrong second derivative of layer, instance and batch normalisation (it differentiates the saved means
and deviations) and none of some others, such as scaled dot-product attention.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class DecomposedFunctions(TorchFunctionMode):
    """While entered, functions of `DECOMPOSED` are replaced by their decompositions."""

    def __torch_function__(
        self, function: Callable, types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        """Compute a function, or its decomposition."""
        return DECOMPOSED.get(function, function)(*args, **(kwargs or {}))


def _standardise(x: Tensor, over: tuple[int, ...], eps: float) -> Tensor:
    """Return x with mean 0 and variance 1 over some dimensions."""
    centred = x - x.mean(over, keepdim=True)
    return centred * torch.rsqrt((centred * centred).mean(over, keepdim=True) + eps)


def _scale(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Return weight x + bias; None is 1 and 0."""
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _scale_channels(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Return weight x + bias with one weight and bias per channel; None is 1 and 0."""
    x = x if weight is None else x * _reshape_channels(weight, x)
    return x if bias is None else x + _reshape_channels(bias, x)


def _reshape_channels(values: Tensor, x: Tensor) -> Tensor:
    """Return one value per channel in a shape that broadcasts with x."""
    return values.reshape([1, -1] + [1] * (x.dim() - 2))


def layer_norm(
    input: Tensor, normalized_shape: list[int], weight: Tensor | None = None, bias: Tensor | None = None, eps=1e-5
) -> Tensor:
    """Compute `torch.nn.functional.layer_norm`."""
    return _scale(_standardise(input, tuple(range(-len(normalized_shape), 0)), eps), weight, bias)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Compute `torch.nn.functional.instance_norm` without updating running statistics."""
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    x = _standardise(input, tuple(range(2, input.dim())), eps)
    return _scale_channels(x, weight, bias)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Compute `torch.nn.functional.batch_norm` without updating running statistics."""
    if training:
        x = _standardise(input, (0, *range(2, input.dim())), eps)
    elif running_mean is None or running_var is None:
        raise ValueError("batch norm in evaluation mode needs running statistics")
    else:
        mean, variance = (_reshape_channels(values, input) for values in (running_mean, running_var))
        x = (input - mean) * torch.rsqrt(variance + eps)
    return _scale_channels(x, weight, bias)


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Compute `torch.nn.functional.scaled_dot_product_attention` without dropout."""
    if enable_gqa:
        key, value = (t.repeat_interleave(query.shape[-3] // t.shape[-3], -3) for t in (key, value))
    weights = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        attn_mask = torch.ones(weights.shape[-2:], dtype=torch.bool, device=query.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        weights = weights.masked_fill(~attn_mask, float("-inf"))
    elif attn_mask is not None:
        weights = weights + attn_mask
    return weights.softmax(-1) @ value


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """Compute `torch.nn.functional.hardsigmoid`."""
    return (input / 6 + 0.5).clamp(0, 1)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Compute `torch.nn.functional.glu`."""
    half, gate = input.chunk(2, dim)
    return half * gate.sigmoid()


def lstm(*args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
    """Compute `torch.lstm` without oneDNN's fused layer, which has no forward-mode derivative."""
    mkldnn: Any = torch.backends.mkldnn
    before, mkldnn.enabled = mkldnn.enabled, False
    try:
        return torch.lstm(*args, **kwargs)
    finally:
        mkldnn.enabled = before


def weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """Compute `torch._weight_norm`, which `torch.nn.utils.weight_norm` calls."""
    over = [axis for axis in range(v.dim()) if axis != dim % v.dim()] if dim != -1 else list(range(v.dim()))
    return v * (g / v.square().sum(over, keepdim=True).sqrt())


DECOMPOSED: dict[Callable, Callable] = {
    torch._weight_norm: weight_norm,  # noqa: SLF001 (it has no public name)
    torch.lstm: lstm,
    F.layer_norm: layer_norm,
    F.instance_norm: instance_norm,
    F.batch_norm: batch_norm,
    F.scaled_dot_product_attention: attention,
    F.hardsigmoid: hardsigmoid,
    F.glu: glu,
}
