"""Convolutional classifiers for small images: SimpleCNN, LeNet, AlexNet and VGG.

Each takes images of any size that leaves it something to see: pooling rounds up, so that one pixel stays one pixel.
"""

import torch
from torch import Tensor, nn

from stages.networks.batch_norm import BatchNorm
from stages.shared.errors import UserError

VGG_STAGES = {  # convolutions before each pooling, by layers with weights (Simonyan and Zisserman 2014, table 1)
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
VGG_CHANNELS = (64, 128, 256, 512, 512)
LENET_SIDE = 32  # of the images that LeNet-5 was made for
LENET_SMALLEST = 9  # side of an image that leaves its second convolution something to see


def scaled(channels: int, width: float) -> int:
    """Return a number of channels or units times a width multiplier, at least 1."""
    return max(1, round(channels * width))


def he_convolution(
    before: int, after: int, kernel: int = 3, stride: int = 1, padding: int = 1, bias: bool = True
) -> nn.Conv2d:
    """Return a convolution that keeps the size of a signal: He-initialised by its outputs, biases zero."""
    layer = nn.Conv2d(before, after, kernel, stride, padding, bias=bias)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def pool() -> nn.MaxPool2d:
    """Return maximum pooling over 2 x 2 pixels."""
    return nn.MaxPool2d(2, ceil_mode=True)


class Convolutional(nn.Module):
    """Convolutions and pooling, then linear layers with ReLU between them."""

    def __init__(self, features: nn.Sequential, image: tuple[int, ...], units: tuple[int, ...]) -> None:
        """Put the head on the features.

        Args:
            features: From images to maps.
            image: Shape (C, H, W) of an image.
            units: Of each linear layer, the classes last.
        """
        super().__init__()
        self.features = features
        layers: list[nn.Module] = [nn.Flatten()]
        with torch.no_grad():
            before = features(torch.zeros(1, *image)).numel()
        for after in units:
            layers += [nn.Linear(before, after), nn.ReLU()]
            before = after
        self.head = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs, shape (N, classes), of images, shape (N, C, H, W)."""
        return self.head(self.features(x))


def simple_cnn(image: tuple[int, ...], classes: int, width: float) -> Convolutional:
    """Return SimpleCNN: two 5x5 convolutions of 32 and 64 channels, each pooled, and one linear layer.

    The paper gives the kernels and the layers (appendix B.2), not the channels.
    """
    first, second = scaled(32, width), scaled(64, width)
    features = [nn.Conv2d(image[0], first, 5, padding=2), nn.ReLU(), pool()]
    features += [nn.Conv2d(first, second, 5, padding=2), nn.ReLU(), pool()]
    return Convolutional(nn.Sequential(*features), image, (classes,))


def lenet(image: tuple[int, ...], classes: int, width: float) -> Convolutional:
    """Return LeNet-5 with ReLU and maximum pooling: 61,706 parameters on MNIST, 62,006 on CIFAR-10.

    Images below 32 pixels are padded by 2, which makes MNIST's what the network was made for.

    Args:
        image: Shape (C, H, W) of an image.
        classes: Number of classes.
        width: Multiplier of channels and units.

    Returns:
        The network.

    Raises:
        UserError: If the images are too small.
    """
    if min(image[1:]) < LENET_SMALLEST:
        raise UserError(
            f"network: got lenet for images of {image[1]} x {image[2]} pixels, expected at least {LENET_SMALLEST} a "
            "side; set `image_size` of the dataset"
        )
    first, second = scaled(6, width), scaled(16, width)
    padding = 2 if min(image[1:]) < LENET_SIDE else 0
    features = [nn.Conv2d(image[0], first, 5, padding=padding), nn.ReLU(), pool()]
    features += [nn.Conv2d(first, second, 5), nn.ReLU(), pool()]
    units = scaled(120, width), scaled(84, width), classes
    return Convolutional(nn.Sequential(*features), image, units)


def alexnet(image: tuple[int, ...], classes: int, width: float) -> Convolutional:
    """Return AlexNet for small images, with one linear layer: 2,472,266 parameters on CIFAR-10.

    Its convolutions are He-initialised: without batch norm PyTorch's own initialisation damps the signal.
    """
    a, b, c, d = (scaled(channels, width) for channels in (64, 192, 384, 256))
    features = [he_convolution(image[0], a, 11, stride=4, padding=5), nn.ReLU(), pool()]
    features += [he_convolution(a, b, 5, padding=2), nn.ReLU(), pool()]
    features += [he_convolution(b, c), nn.ReLU()]
    features += [he_convolution(c, d), nn.ReLU()]
    features += [he_convolution(d, d), nn.ReLU(), pool()]
    return Convolutional(nn.Sequential(*features), image, (classes,))


def vgg(image: tuple[int, ...], classes: int, width: float, layers: int, batch_norm: bool) -> Convolutional:
    """Return a VGG for small images: one linear layer in place of three.

    VGG-16 has 14,728,266 parameters on CIFAR-10 with batch norm, 14,719,818 without. Its convolutions are
    He-initialised, as torchvision's.
    """
    features: list[nn.Module] = []
    before = image[0]
    for convolutions, channels in zip(VGG_STAGES[layers], VGG_CHANNELS, strict=True):
        for _ in range(convolutions):
            after = scaled(channels, width)
            features += [he_convolution(before, after), *([BatchNorm(after)] if batch_norm else []), nn.ReLU()]
            before = after
        features.append(pool())
    return Convolutional(nn.Sequential(*features), image, (classes,))
