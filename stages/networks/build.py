"""Building of a run's network and of its initial parameters."""

import torch
from torch import Tensor, nn

from stages.config import Run
from stages.config.discovery import import_named
from stages.networks.parameter_layout import Layout
from stages.shared.seeds import derive


def build(run: Run, input_shape: tuple[int, ...], classes: int) -> nn.Module:
    """Return the network of a run, initialised from the run's seed.

    Args:
        run: The run.
        input_shape: Shape (C, H, W) of one image, such as (1, 28, 28), or (tokens,) of a block of text.
        classes: Number of classes of the dataset, or of tokens of the vocabulary.

    Returns:
        The network; the global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive("initialisation", run.seed))
        function = import_named("stages.networks", run.architecture.builder)
        return function(run.architecture, input_shape, classes)


def initial_parameters(run: Run, input_shape: tuple[int, ...], classes: int) -> tuple[nn.Module, Layout, Tensor]:
    """Return a run's network, the layout of its parameters, and theta_0 as one vector, shape (D,)."""
    network = build(run, input_shape, classes)
    layout = Layout.of(network)
    return network, layout, layout.join(dict(network.named_parameters())).detach()
