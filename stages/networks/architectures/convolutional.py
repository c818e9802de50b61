"""Convolutional classifiers for small images."""

from typing import TYPE_CHECKING

from stages.config.network import Network
from stages.config.network_fields import BatchNormalisation, Depth, Width

if TYPE_CHECKING:
    from stages.config.run import Run

VGG_LAYERS = (11, 13, 16, 19)


class SimpleCnn(Width, Network):
    """Two convolutions and one linear layer."""

    name = "simple_cnn"
    label = "SimpleCNN"
    builder = "stages.networks.convolutional:simple_cnn"
    permutable = True


class LeNet(Width, Network):
    """LeNet-5 with ReLU and maximum pooling, for images of at least 9 pixels a side."""

    name = "lenet"
    label = "LeNet"
    builder = "stages.networks.convolutional:lenet"
    permutable = True


class AlexNet(Width, Network):
    """AlexNet for small images, with one linear layer."""

    name = "alexnet"
    label = "AlexNet"
    builder = "stages.networks.convolutional:alexnet"
    permutable = True


class Vgg(BatchNormalisation, Width, Depth, Network):
    """VGG for small images, with one linear layer: 11, 13, 16 or 19 layers."""

    name = "vgg"
    label = "VGG"
    builder = "stages.networks.convolutional:vgg"
    permutable = True

    def check(self, run: "Run") -> None:
        """Refuse other numbers of layers than those of Simonyan and Zisserman (2014)."""
        if self.layers not in VGG_LAYERS:
            expected = ", ".join(map(str, VGG_LAYERS))
            raise ValueError(f"layers: got {self.layers}, expected one of {expected}: network {self.name}")
