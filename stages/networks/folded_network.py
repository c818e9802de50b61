"""Networks whose batch norm, sums and ReLUs are computed within their convolutions, for evaluation on a processor.

A layer of batch norm with given statistics is affine, so that it can be folded into the convolution before it. oneDNN
then adds the residual and takes the ReLU while an output is in the cache. Both save passes over memory.
"""

import copy
import operator
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from stages.networks.batch_norm import WithStatistics

SUMS = (operator.add, operator.iadd, torch.add)
"""Functions that add the output of a block to its input."""
RELUS = (F.relu, F.relu_, torch.relu, torch.relu_)


def fold_network(network: nn.Module) -> nn.Module | None:
    """Return a network that computes the same in evaluation mode, with what follows its convolutions folded into them.

    Args:
        network: A network as `stages.networks.user_network.prepare` makes it.

    Returns:
        A network that shares all modules with the given one, to be called as that is with given batch-norm statistics;
        None if nothing can be folded, or if the network's computation depends on the values that it computes.
    """
    try:
        graph = _Tracer().trace(network)
    except Exception:  # noqa: BLE001 (control flow that cannot be traced raises errors of all kinds)
        return None
    modules = dict(network.named_modules())
    if not [node for node in list(graph.nodes) if _fold(graph, node, modules)]:
        return None
    graph.lint()
    found = copy.copy(network)
    vars(found)["forward"] = fx.Interpreter(network, graph=graph).run
    return found


class _Tracer(fx.Tracer):
    """Traces down to the modules without children."""

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return super().is_leaf_module(module, name) or next(module.children(), None) is None


class _FoldedConvolution:
    """A convolution with what follows it: batch norm, the addition of another tensor, and ReLU."""

    def __init__(self, convolution: nn.Conv2d, norm: nn.Module | None, relu: bool) -> None:
        self.convolution, self.norm, self.relu = convolution, norm, relu
        self.__name__ = "folded_convolution"  # by which graphs print it

    def __call__(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        weight, bias = self._fold()
        layer = self.convolution
        fused = _fused_convolution(x)
        if fused is not None:
            where = (layer.padding, layer.stride, layer.dilation, layer.groups)
            if other is None:
                return fused(x, weight, bias, *where, "relu" if self.relu else "none", [], "")
            return fused.binary(x, other, weight, bias, *where, "add", 1.0, "relu" if self.relu else None, [], "")
        y = F.conv2d(x, weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups)
        y = y if other is None else y.add_(other)
        return y.relu_() if self.relu else y

    def _fold(self) -> tuple[Tensor, Tensor | None]:
        """Return the weight and the bias with batch norm's scale and shift."""
        weight, bias, norm = self.convolution.weight, self.convolution.bias, self.norm
        if norm is not None:
            mean, variance = norm.given
            scale = torch.rsqrt(variance + norm.eps)
            scale = scale if norm.weight is None else scale * norm.weight
            shift = -mean * scale if bias is None else (bias - mean) * scale
            weight, bias = weight * scale[:, None, None, None], shift if norm.bias is None else shift + norm.bias
        return weight.contiguous(memory_format=torch.channels_last), bias


def _fused_convolution(x: Tensor) -> Callable | None:
    """Return oneDNN's convolution with what follows it, by which `torch.compile` computes too; None where it is not."""
    if x.device.type != "cpu" or x.dtype != torch.float32 or not torch.backends.mkldnn.is_available():
        return None
    return getattr(torch.ops.mkldnn, "_convolution_pointwise", None)


def _fold(graph: fx.Graph, node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Fold what follows a convolution into it, and return whether there was anything."""
    layer = modules.get(str(node.target)) if node.op == "call_module" else None
    if type(layer) is not nn.Conv2d or not _is_plain(layer) or len(node.args) != 1 or node.kwargs:
        return False
    if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
        return False
    last, norm, other, relu = node, None, None, False
    following = _only_user(last)
    if following is not None and following.op == "call_module":
        after = modules[str(following.target)]
        if isinstance(after, WithStatistics) and nn.BatchNorm2d in type(after).__bases__ and _is_plain(after):
            last, norm, following = following, after, _only_user(following)
    if following is not None and following.op == "call_function" and following.target in SUMS:
        pair = [arg for arg in following.args if isinstance(arg, fx.Node)]
        if len(pair) == len(following.args) == 2 and pair[0] is not pair[1] and not following.kwargs:
            other = pair[1] if pair[0] is last else pair[0]
            last, following = following, _only_user(following)
    if following is not None and _is_relu(following, modules):
        last, relu = following, True
    if last is node:
        return False
    with graph.inserting_after(last):
        made = graph.call_function(
            _FoldedConvolution(layer, norm, relu), (node.args[0],) if other is None else (node.args[0], other)
        )
    last.replace_all_uses_with(made)
    while last is not node:
        before = next(one for one in last.all_input_nodes if one is not other)
        graph.erase_node(last)
        last = before
    graph.erase_node(node)
    return True


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _is_plain(module: nn.Module) -> bool:
    """Return whether a call of a module is a call of its forward."""
    return not (module._forward_hooks or module._forward_pre_hooks)  # noqa: SLF001 (no public name)


def _is_relu(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        module = modules[str(node.target)]
        return type(module) is nn.ReLU and _is_plain(module)
    if node.op == "call_method":
        return node.target in ("relu", "relu_")
    return node.op == "call_function" and node.target in RELUS
