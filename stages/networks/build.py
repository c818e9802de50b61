"""From a run's configuration to its network and initial parameters."""

from math import prod

import torch
from torch import Tensor, nn

from stages.config import Run
from stages.networks.convolutional import alexnet, lenet, scaled, simple_cnn, vgg
from stages.networks.fully_connected import FullyConnected
from stages.networks.layout import Layout
from stages.networks.residual import CHANNELS, Residual
from stages.shared.seeds import derive


def build(run: Run, input_shape: tuple[int, ...], classes: int) -> nn.Module:
    """Return the network of a run, initialised from the run's seed.

    Args:
        run: The run.
        input_shape: Shape (C, H, W) of one example, such as (1, 28, 28); of text (tokens,).
        classes: Number of classes of the dataset, of text of tokens; an autoencoder does not use it.

    Returns:
        The network; the global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive("initialisation", run.seed))
        return _network(run, input_shape, classes)


def _network(run: Run, image: tuple[int, ...], classes: int) -> nn.Module:
    width = run.width_multiplier
    if run.network == "simple_cnn":
        return simple_cnn(image, classes, width)
    if run.network == "lenet":
        return lenet(image, classes, width)
    if run.network == "alexnet":
        return alexnet(image, classes, width)
    if run.network == "vgg":
        return vgg(image, classes, width, run.layers, run.batch_norm)
    if run.network == "resnet":
        kind = run.batch_norm, run.initialization
        return Residual(image[0], run.layers, scaled(CHANNELS, width), classes, *kind)
    if run.network == "roberta":
        from stages.networks.language_model import MaskedLanguageModel  # transformers takes seconds to import

        return MaskedLanguageModel(classes, *image, run.layers, run.hidden_size, run.heads, run.dropout)
    if run.network == "custom":
        from stages.networks.custom import custom  # likewise

        return custom(run.factory, image)
    if run.network == "resnet_imagenet":
        from stages.networks.imagenet_residual import ImagenetResidual  # torchvision takes seconds to import

        return ImagenetResidual(image[0], run.layers, width, classes, run.batch_norm, run.initialization)
    inputs = prod(image)
    outputs = {"mlp": classes, "autoencoder": inputs}[run.network]
    return FullyConnected(inputs, run.hidden, outputs, run.activation, run.batch_norm)


def initial_parameters(run: Run, input_shape: tuple[int, ...], classes: int) -> tuple[nn.Module, Layout, Tensor]:
    """Return a run's network, the layout of its parameters, and theta_0 as one vector, shape (D,)."""
    network = build(run, input_shape, classes)
    layout = Layout.of(network)
    return network, layout, layout.join(dict(network.named_parameters())).detach()
