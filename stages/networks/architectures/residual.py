"""Residual networks."""

from typing import TYPE_CHECKING

from stages.config.network import Network
from stages.config.network_fields import BatchNormalisation, Depth, FixupScalars, ResidualInitialization, Width

if TYPE_CHECKING:
    from stages.config.run import Run

IMAGENET_LAYERS = (18, 34, 50)
NO_FIXUP = "initialization: got 'fixup', expected another: it is of network resnet without batch norm"


class ResNet(FixupScalars, ResidualInitialization, BatchNormalisation, Width, Depth, Network):
    """A residual network for small images (He et al. 2016, section 4.2): 6 n + 2 layers."""

    name = "resnet"
    label = "ResNet"
    builder = "stages.networks.residual:resnet"
    has_blocks = True
    permutable = True

    def check(self, run: "Run") -> None:
        """Refuse a number of layers that is not 6 n + 2, and Fixup with batch norm."""
        if self.layers < 8 or self.layers % 6 != 2:
            raise ValueError(f"layers: got {self.layers}, expected 6 n + 2, as 20, 32, 44, 56")
        if self.initialization == "fixup" and self.batch_norm:
            raise ValueError(NO_FIXUP)

    def shape(self) -> tuple:
        """Return the shared properties: with Fixup there are scalars in place of a scale and bias for each channel."""
        return (*super().shape(), self.initialization == "fixup")

    def initializations(self) -> tuple[str, ...]:
        """Return the schemes of a network of the same shape: none for Fixup, which has only its own."""
        return () if self.initialization == "fixup" else ("standard", "block_identity")


class ImagenetResNet(ResidualInitialization, BatchNormalisation, Width, Depth, Network):
    """torchvision's residual network (He et al. 2016, table 1) with a stem for small images: 18, 34 or 50 layers."""

    name = "resnet_imagenet"
    label = "ResNet (ImageNet's)"
    builder = "stages.networks.imagenet_residual:resnet_imagenet"
    has_blocks = True

    def check(self, run: "Run") -> None:
        """Refuse other numbers of layers than torchvision's, and Fixup."""
        if self.layers not in IMAGENET_LAYERS:
            expected = ", ".join(map(str, IMAGENET_LAYERS))
            raise ValueError(f"layers: got {self.layers}, expected one of {expected}: network {self.name}")
        if self.initialization == "fixup":
            raise ValueError(NO_FIXUP)

    def initializations(self) -> tuple[str, ...]:
        """Return all schemes that the network has."""
        return "standard", "block_identity"
