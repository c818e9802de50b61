"""From a run's configuration to its network and initial parameters."""

from math import prod

import torch
from torch import Tensor, nn

from stages.config import Run
from stages.networks.fully_connected import FullyConnected
from stages.networks.layout import Layout
from stages.seeds import derive


def build(run: Run, input_shape: tuple[int, ...], classes: int) -> nn.Module:
    """Return the network of a run, with PyTorch's initialisation drawn from the run's seed.

    Args:
        run: The run.
        input_shape: Shape of one example, such as (1, 28, 28).
        classes: Number of classes of the dataset; an autoencoder does not use it.

    Returns:
        The network; the global random state is left as it was.
    """
    inputs = prod(input_shape)
    outputs = {"mlp": classes, "autoencoder": inputs}[run.network]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive("initialisation", run.seed))
        return FullyConnected(inputs, run.hidden, outputs, run.activation, run.batch_norm)


def initial_parameters(run: Run, input_shape: tuple[int, ...], classes: int) -> tuple[nn.Module, Layout, Tensor]:
    """Return a run's network, the layout of its parameters, and theta_0 as one vector, shape (D,)."""
    network = build(run, input_shape, classes)
    layout = Layout.of(network)
    return network, layout, layout.join(dict(network.named_parameters())).detach()
