"""The bias of a network's last layer, which shifts its outputs."""

import torch
from torch import nn

from stages.networks.network_sizes import call_once


def last_bias(network: nn.Module, shape: tuple[int, ...]) -> str | None:
    """Return the name of the bias of the layer that gives a network's outputs.

    Args:
        network: The network.
        shape: Shape of one example.

    Returns:
        A name among the network's parameters; None if its last layer has no bias.
    """
    called: list[nn.Module] = []
    call_once(network, shape, lambda layer, output: called.append(layer))
    bias = getattr(called[-1], "bias", None) if called else None
    return next(
        (name for name, value in network.named_parameters() if isinstance(bias, torch.Tensor) and value is bias), None
    )
