"""Networks of the user's own, from importable functions, prepared for training and for lines."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parameter import UninitializedTensorMixin
from torch.overrides import TorchFunctionMode

from stages.networks.architectures.custom import Custom
from stages.networks.batch_norm import WithStatistics, apply_batch_norm, batch_norms
from stages.networks.user_factory import call_factory
from stages.shared.errors import UserError


def custom(factory: str, shape: tuple[int, ...]) -> nn.Module:
    """Return a network of the user's, as `prepare` makes it.

    Args:
        factory: The factory, as `call_factory` takes it.
        shape: Shape of one example, by which lazy modules learn their sizes.

    Returns:
        The network.

    Raises:
        UserError: If it cannot be made, or cannot take such an example.
    """
    return prepare(call_factory(factory), factory, torch.zeros((2, *shape)))


def prepare(network: nn.Module, factory: str, examples: Tensor) -> nn.Module:
    """Put a network of the user's into evaluation mode, its batch-norm statistics inputs and outputs.

    The user's modules stay as they are, with their hooks, parametrizations and frozen parameters. Only the calls of
    `torch.nn.functional.batch_norm` by layers of batch norm give way to this project's, which computes the same from
    the statistics of the batch or from those that are given. The root's output becomes its logits.

    Args:
        network: The network, which is changed.
        factory: Where it comes from, for messages.
        examples: A few examples, shape (N, ...), by which lazy modules learn their sizes.

    Returns:
        The network.

    Raises:
        UserError: If it cannot take the examples, or cannot have a line.
    """
    network.eval()
    torch.backends.mha.set_fastpath_enabled(False)  # one fused call in evaluation mode, which `vmap` and `jvp` lack
    if any(isinstance(value, UninitializedTensorMixin) for value in network.parameters()):
        call_on_examples(network, factory, examples)
    _check_parameters(network, factory)
    network.to(torch.float32)
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 (has no public name)
            _substitute(module, name)
    network.register_forward_hook(lambda module, given, output: logits(output, factory))
    return network


def build_custom(parameters: Custom, shape: tuple[int, ...], classes: int) -> nn.Module:
    """Return the network of a factory for examples of a shape; it does not use the number of classes."""
    return custom(parameters.factory, shape)


def training_mode(network: nn.Module) -> None:
    """Put a network of `custom` into training mode: dropout is active, batch norm stays substituted."""
    network.train()
    for layer in batch_norms(network).values():
        layer.training = False  # in training mode it would count batches and keep running statistics


def call_on_examples(network: nn.Module, factory: str, examples: Tensor) -> object:
    """Call a network on a few examples.

    Args:
        network: The network.
        factory: Where it comes from, for messages.
        examples: The examples, shape (N, ...), of tokens if they are integers.

    Returns:
        What it gives.

    Raises:
        UserError: If it fails.
    """
    some = next((value for value in network.parameters() if not isinstance(value, UninitializedTensorMixin)), None)
    dtype = torch.float32 if some is None else some.dtype
    try:
        with torch.no_grad():
            return network(examples.to(dtype) if examples.is_floating_point() else examples)
    except UserError:
        raise
    except Exception as error:  # whatever the user's code does
        said = " ".join(str(error).split())[:300]
        raise UserError(
            f"factory: {factory!r} cannot take examples of shape {tuple(examples.shape[1:])}, channels first "
            f"({type(error).__name__}: {said}); have its first layer take that shape, or give it a dataset of "
            "the shape that it wants"
        ) from error


def logits(output: object, factory: str) -> Tensor:
    """Return the logits that a network gives: its output, or the part of it named `logits`.

    Args:
        output: A tensor, or a tuple or mapping with `logits`, as GoogLeNet and Hugging Face's models give.
        factory: Where the network comes from, for messages.

    Returns:
        The logits.

    Raises:
        UserError: If there are none.
    """
    if isinstance(output, Tensor):
        return output
    found = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    if isinstance(found, Tensor):
        return found
    raise UserError(
        f"factory: {factory!r} gives a {type(output).__name__} without logits, expected a tensor; have the factory "
        "return a module that gives the logits alone"
    )


def _check_parameters(network: nn.Module, factory: str) -> None:
    for name, value in network.named_parameters():
        if not value.is_floating_point() or value.layout != torch.strided or value.is_meta:
            raise UserError(
                f"factory: {factory!r}: parameter {name} is of type {value.dtype} ({value.layout}, {value.device.type})"
                ", expected dense real numbers"
            )
    for name, module in network.named_modules():
        if type(module).get_extra_state is not nn.Module.get_extra_state:
            raise UserError(
                f"factory: {factory!r}: module {name or 'at the root'} keeps extra state beside tensors, which no line "
                "moves; replace it"
            )
    if not any(value.requires_grad for value in network.parameters()):
        raise UserError(f"factory: {factory!r}: all parameters are frozen, expected at least one that is trained")


class _SubstitutedBatchNorm(WithStatistics):
    """Mixed into the class of a layer of batch norm: its own forward runs, its call of F.batch_norm is substituted."""

    label = ""
    """The layer's name in the network, and its class, for messages."""

    def forward(self, *args: object, **kwargs: object) -> Tensor:
        """Compute what the layer's own class computes, with the statistics that are asked for."""
        with _Substitution(self) as substitution:
            output = super().forward(*args, **kwargs)
        if substitution.calls != 1:
            raise UserError(
                f"factory: batch norm {self.label} calls torch.nn.functional.batch_norm {substitution.calls} times, "
                "expected once, so that its statistics can be estimated anew; use torch.nn.BatchNorm2d in its place"
            )
        return output


class _Substitution(TorchFunctionMode):
    """While entered, `torch.nn.functional.batch_norm` computes as `apply_batch_norm` does for a layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.calls = 0

    def __torch_function__(self, function: Callable, types: object, args: tuple = (), kwargs: dict | None = None):
        if function is not F.batch_norm:
            return function(*args, **(kwargs or {}))
        self.calls += 1
        return self._batch_norm(*args, **(kwargs or {}))

    def _batch_norm(
        self,
        input: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        channels = input.shape[1]
        scale = input.new_ones(channels) if weight is None else weight
        shift = input.new_zeros(channels) if bias is None else bias
        return apply_batch_norm(self.layer, input, scale, shift, eps)


def _substitute(layer: nn.Module, name: str) -> None:
    own = type(layer)
    layer.unbiased = layer.track_running_stats  # without running statistics, the biased variance is used
    layer.label = f"{name} ({own.__name__})"
    layer.__class__ = type(own.__name__, (_SubstitutedBatchNorm, own), {"__module__": own.__module__})
