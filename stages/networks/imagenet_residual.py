"""torchvision's residual networks (He et al. 2016, table 1), with a stem for small images."""

from torch import nn

from stages.datasets.torchvision_operators import torchvision
from stages.networks.architectures.residual import ImagenetResNet
from stages.networks.convolutional import he_convolution, scaled
from stages.networks.residual import norm_layer

resnet = torchvision.models.resnet
BLOCKS = {
    18: (resnet.BasicBlock, [2, 2, 2, 2]),
    34: (resnet.BasicBlock, [3, 4, 6, 3]),
    50: (resnet.Bottleneck, [3, 4, 6, 3]),
}
STEM = 64  # channels of the first convolution


class ImagenetResidual(resnet.ResNet):
    """torchvision's network, whose stem is one 3x3 convolution of stride 1 without pooling.

    ResNet-18 has 11,173,962 parameters on CIFAR-10, ResNet-50 23,520,842.
    """

    def __init__(
        self, channels: int, layers: int, width: float, outputs: int, batch_norm: bool, initialization: str
    ) -> None:
        """Build and initialise the network.

        Args:
            channels: Number of channels of the images.
            layers: Number of layers: 18, 34 or 50.
            width: Multiplier of all numbers of channels.
            outputs: Number of classes.
            batch_norm: Whether batch norm follows each convolution; else a learned scale and bias of each channel.
            initialization: `standard`, or `block_identity`: the last scale of each block is zero.
        """
        self.width = width
        self.inplanes = 0
        block, counts = BLOCKS[layers]
        norm, identity = norm_layer(batch_norm), initialization == "block_identity"
        super().__init__(block, counts, outputs, zero_init_residual=identity, norm_layer=norm)
        self.conv1 = he_convolution(channels, scaled(STEM, width), bias=False)
        self.bn1 = norm(scaled(STEM, width))
        self.maxpool = nn.Identity()
        self.fc = nn.Linear(self.inplanes, outputs)
        for module in self.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = False  # derivatives along a line need its input

    def _make_layer(self, block: type[nn.Module], planes: int, *args: object, **options: object) -> nn.Sequential:
        if planes == STEM:  # the first: its input is the stem's output
            self.inplanes = scaled(STEM, self.width)
        return super()._make_layer(block, scaled(planes, self.width), *args, **options)


def resnet_imagenet(parameters: ImagenetResNet, image: tuple[int, ...], classes: int) -> ImagenetResidual:
    """Return a residual network for images of shape (C, H, W)."""
    kind = parameters.batch_norm, parameters.initialization
    return ImagenetResidual(image[0], parameters.layers, parameters.width_multiplier, classes, *kind)
