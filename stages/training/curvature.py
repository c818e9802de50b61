"""The curvature of a batch's loss in each linear layer, as Kronecker factors (Martens and Grosse 2015)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.overrides import TorchFunctionMode

from stages.networks.parameter_layout import Layout
from stages.training.square_root import square_root


@dataclass(frozen=True)
class LinearLayer:
    """The positions of a linear layer's parameters in the vector theta."""

    weight: slice
    bias: slice
    outputs: int
    inputs: int


def linear_layers(network: nn.Module, layout: Layout) -> tuple[LinearLayer, ...]:
    """Return the linear layers of a network in the order in which it names them; all have a bias.

    Args:
        network: The network.
        layout: Layout of its parameters.

    Returns:
        The layers.
    """
    places, start = {}, 0
    for name, shape in zip(layout.names, layout.shapes, strict=True):
        places[name] = slice(start, start := start + prod(shape))
    return tuple(
        LinearLayer(places[f"{name}.weight"], places[f"{name}.bias"], module.out_features, module.in_features)
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear)
    )


# Shape letters: R = networks, B = examples, O, I = outputs and inputs of a layer, K = outputs of the network.
def kronecker_factors(
    network: nn.Module, layers: Sequence[LinearLayer], loss: str, parameters: dict[str, Tensor], x_RB: Tensor
) -> list[tuple[Tensor, Tensor]]:
    """Return the factors of each linear layer's Fisher information, F = A (x) G.

    A is the mean over examples of a a^T, with a the layer's input and a 1 for its bias; G that of the expectation of g
    g^T, with g the gradient of an example's loss (with batch norm, of the batch's sum) by the layer's output, under the
    distribution that the network predicts. The expectation is exact: g g^T summed over the columns of a root of the
    loss's Hessian by the outputs.

    Args:
        network: The network; it calls its layers in the order in which it names them, each once.
        layers: Its linear layers.
        loss: `cross_entropy` or `squared_error`.
        parameters: Named parameters, shape (R, ...) each.
        x_RB: Examples of each network, shape (R, B, ...).

    Returns:
        A, shape (R, I + 1, I + 1), and G, shape (R, O, O), of each layer.
    """
    probes = [x_RB.new_zeros(*x_RB.shape[:2], layer.outputs, requires_grad=True) for layer in layers]

    def forward(values: dict[str, Tensor], x: Tensor, probes: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        with _Probed(probes) as mode:
            return functional_call(network, values, (x,)), mode.inputs

    found_RBK, inputs = vmap(forward)(parameters, x_RB, probes)
    root = hessian_root(loss, found_RBK.detach().flatten(0, 1)).unflatten(1, x_RB.shape[:2])
    total: list[Any] = [0.0 for _ in layers]
    for column_RBK in root:  # in turn, so that memory does not grow with the number of outputs
        gradients = torch.autograd.grad(found_RBK, probes, column_RBK, retain_graph=True)
        total = [sums + g_RBO.mT @ g_RBO for sums, g_RBO in zip(total, gradients, strict=True)]
    size = x_RB.shape[1]
    pairs = []
    for a_RBI, g_ROO in zip(inputs, total, strict=True):
        a_RBI = torch.cat([a_RBI, a_RBI.new_ones(*a_RBI.shape[:2], 1)], 2).detach()
        pairs.append((a_RBI.mT @ a_RBI / size, g_ROO / size))
    return pairs


def hessian_root(loss: str, outputs_BK: Tensor) -> Tensor:
    """Return columns s with the sum of s s^T = the Hessian of each example's loss by its outputs, shape (K, B, K).

    Args:
        loss: `cross_entropy`: diag(p) - p p^T for probabilities p; `squared_error` (summed over outputs): 2 I.
        outputs_BK: Shape (B, K).

    Returns:
        The columns, the first dimension.
    """
    identity = torch.eye(outputs_BK.shape[1], dtype=outputs_BK.dtype, device=outputs_BK.device)
    if loss == "squared_error":
        return 2**0.5 * identity[:, None].expand(-1, len(outputs_BK), -1)
    p_BK = F.softmax(outputs_BK, 1)
    return square_root(p_BK).mT[..., None] * (identity[:, None] - p_BK)


class _Probed(TorchFunctionMode):
    """Records the input of each linear layer and adds a probe to its output, while entered."""

    def __init__(self, probes: Sequence[Tensor]) -> None:
        super().__init__()
        self.probes = iter(probes)
        self.inputs: list[Tensor] = []

    def __torch_function__(self, function: Callable, types: object, args: tuple = (), kwargs: dict | None = None):
        if function is not F.linear:
            return function(*args, **(kwargs or {}))
        self.inputs.append(args[0])
        return function(*args, **(kwargs or {})) + next(self.probes)
