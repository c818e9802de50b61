"""Functions in parts: the same values as torch's, and derivatives of derivatives as of finite differences."""

import pytest
import torch
import torch.nn.functional as F

from stages.lines.decomposed_functions import DecomposedFunctions
from stages.lines.jets import MovingTensor
from stages.lines.taylor import differentiate_nested
from stages.shared.errors import UserError

BOOLEAN = torch.ones(6, 6, dtype=torch.bool).tril(1)
PER_CHANNEL = torch.linspace(0.5, 2, 4, dtype=torch.float64)
CALLS = {
    "layer norm": lambda x: F.layer_norm(x, (6,)),
    "layer norm of two dimensions": lambda x: F.layer_norm(x, (6, 6), x[0, 0], x[0, 1], 1e-3),
    "instance norm": F.instance_norm,
    "instance norm with weights": lambda x: F.instance_norm(x, weight=PER_CHANNEL, bias=PER_CHANNEL, eps=0.1),
    "instance norm by running statistics": lambda x: F.instance_norm(
        x, PER_CHANNEL, PER_CHANNEL, use_input_stats=False
    ),
    "batch norm": lambda x: F.batch_norm(x, None, None, x[0, :, 0, 0], PER_CHANNEL, training=True),
    "batch norm by running statistics": lambda x: F.batch_norm(x, PER_CHANNEL, PER_CHANNEL, PER_CHANNEL, PER_CHANNEL),
    "attention": lambda x: F.scaled_dot_product_attention(x, x.flip(0), x),
    "causal attention": lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True, scale=0.3),
    "attention with a boolean mask": lambda x: F.scaled_dot_product_attention(x, x, x, BOOLEAN),
    "attention with a mask of numbers": lambda x: F.scaled_dot_product_attention(x, x, x, BOOLEAN.double()),
    "attention in groups": lambda x: F.scaled_dot_product_attention(x, x[:, :2], x[:, 2:], enable_gqa=True),
    "hard sigmoid": lambda x: F.hardsigmoid(3 * x),
    "gated linear unit": lambda x: F.glu(x, 1),
    "silu": F.silu,
    "mish": F.mish,
    "gelu": F.gelu,
    "gelu by tanh": lambda x: F.gelu(x, approximate="tanh"),
    "group norm": lambda x: F.group_norm(x, 2),
    "soft plus": F.softplus,
    "elu": F.elu,
    "hard swish": F.hardswish,
    "logarithm of softmax": lambda x: F.log_softmax(x, 1),
}


def course():
    random = torch.Generator().manual_seed(0)
    return [torch.randn(5, 4, 6, 6, dtype=torch.float64, generator=random) for _ in range(3)]


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_values_and_both_derivatives(call, gradients):
    x, first, second = course()
    with DecomposedFunctions():
        inside = call(x)
    torch.testing.assert_close(inside, call(x))
    with torch.set_grad_enabled(gradients):
        found = differentiate_nested(lambda given: {"y": call(given["x"])}, {"x": MovingTensor(x, first, second)})["y"]
    assert not found.second.requires_grad
    step = 1e-4
    low, middle, high = (call(x + t * first + t * t / 2 * second) for t in (-step, 0, step))
    torch.testing.assert_close(found.value, middle)
    torch.testing.assert_close(found.first, (high - low) / (2 * step), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.second, (high - 2 * middle + low) / step**2, rtol=1e-3, atol=1e-4)


class Stubborn(torch.autograd.Function):
    """A function of a user's that has no forward-mode derivative."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x * x

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def test_a_function_that_torch_cannot_differentiate_so_is_named_with_the_remedy():
    x, first, second = course()
    with pytest.raises(UserError, match="gauss_examples to 0"):
        differentiate_nested(lambda given: {"y": Stubborn.apply(given["x"])}, {"x": MovingTensor(x, first, second)})
