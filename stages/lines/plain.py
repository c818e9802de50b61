"""Functions in parts, for torch's derivatives of derivatives.

Of some functions torch 2.13 has a second forward-mode derivative that is wrong (layer, instance and batch normalisation
in one call: what it differentiates twice are saved means and deviations), or none (attention in one call, two
activations). Composed of simpler ones each of them is right.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Plain(TorchFunctionMode):
    """While entered, such functions are computed in parts."""

    def __torch_function__(self, function: Callable, types: object, args: tuple = (), kwargs: dict | None = None):
        """Compute a function."""
        return PARTS.get(function, function)(*args, **(kwargs or {}))


def _standardised(x: Tensor, over: tuple[int, ...], eps: float) -> Tensor:
    centred = x - x.mean(over, keepdim=True)
    return centred * torch.rsqrt((centred * centred).mean(over, keepdim=True) + eps)


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _channels(values: Tensor | None, x: Tensor) -> Tensor | None:
    return None if values is None else values.reshape([1, -1] + [1] * (x.dim() - 2))


def layer_norm(
    input: Tensor, normalized_shape: list[int], weight: Tensor | None = None, bias: Tensor | None = None, eps=1e-5
) -> Tensor:
    """As `torch.nn.functional.layer_norm`."""
    return _scaled(_standardised(input, tuple(range(-len(normalized_shape), 0)), eps), weight, bias)


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
    """As `torch.nn.functional.instance_norm`, but it keeps no running statistics."""
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    x = _standardised(input, tuple(range(2, input.dim())), eps)
    return _scaled(x, _channels(weight, x), _channels(bias, x))


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
    """As `torch.nn.functional.batch_norm`, but it keeps no running statistics."""
    if training:
        x = _standardised(input, (0, *range(2, input.dim())), eps)
    else:
        x = (input - _channels(running_mean, input)) * torch.rsqrt(_channels(running_var, input) + eps)
    return _scaled(x, _channels(weight, x), _channels(bias, x))


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
    """As `torch.nn.functional.scaled_dot_product_attention`, without dropout."""
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
    """As `torch.nn.functional.hardsigmoid`."""
    return (input / 6 + 0.5).clamp(0, 1)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """As `torch.nn.functional.glu`."""
    half, gate = input.chunk(2, dim)
    return half * gate.sigmoid()


def lstm(*args: object, **kwargs: object) -> tuple[Tensor, ...]:
    """Compute `torch.lstm` without oneDNN's layer in one call, which has no forward-mode derivative."""
    before, torch.backends.mkldnn.enabled = torch.backends.mkldnn.enabled, False
    try:
        return torch.lstm(*args, **kwargs)
    finally:
        torch.backends.mkldnn.enabled = before


def weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """Compute `torch._weight_norm`, of which `torch.nn.utils.weight_norm` is made."""
    over = [axis for axis in range(v.dim()) if axis != dim % v.dim()] if dim != -1 else list(range(v.dim()))
    return v * (g / v.square().sum(over, keepdim=True).sqrt())


PARTS = {
    torch._weight_norm: weight_norm,  # noqa: SLF001 (has no public name)
    torch.lstm: lstm,
    F.layer_norm: layer_norm,
    F.instance_norm: instance_norm,
    F.batch_norm: batch_norm,
    F.scaled_dot_product_attention: attention,
    F.hardsigmoid: hardsigmoid,
    F.glu: glu,
}
