"""Convolutional classifiers for small images: SimpleCNN, LeNet, AlexNet and VGG.

Pooling rounds sizes up, so that a network takes images of nearly any size: one pixel stays one pixel.
"""

import torch
from torch import Tensor, nn

from stages.networks.architectures import convolutional as architectures
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
    """Return a convolution with He initialisation (fan-out, so that gradients keep their size) and zero biases."""
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
            features: Network from images to feature maps.
            image: Shape (C, H, W) of an image.
            units: Number of units of each linear layer, the classes last.
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


def simple_cnn(parameters: architectures.SimpleCnn, image: tuple[int, ...], classes: int) -> Convolutional:
    """Return SimpleCNN: two 5x5 convolutions of 32 and 64 channels, each pooled, and one linear layer.

    The paper gives the kernels and the layers (appendix B.2), but not the numbers of channels.
    """
    first, second = (scaled(channels, parameters.width_multiplier) for channels in (32, 64))
    features = [nn.Conv2d(image[0], first, 5, padding=2), nn.ReLU(), pool()]
    features += [nn.Conv2d(first, second, 5, padding=2), nn.ReLU(), pool()]
    return Convolutional(nn.Sequential(*features), image, (classes,))


def lenet(parameters: architectures.LeNet, image: tuple[int, ...], classes: int) -> Convolutional:
    """Return LeNet-5 with ReLU and maximum pooling: 61,706 parameters on MNIST, 62,006 on CIFAR-10.

    Images below 32 pixels are padded by 2 pixels, which gives MNIST's the size that the network was made for.

    Args:
        parameters: Multiplier of the numbers of channels and units.
        image: Shape (C, H, W) of an image.
        classes: Number of classes.

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
    first, second, *units = (scaled(size, parameters.width_multiplier) for size in (6, 16, 120, 84))
    padding = 2 if min(image[1:]) < LENET_SIDE else 0
    features = [nn.Conv2d(image[0], first, 5, padding=padding), nn.ReLU(), pool()]
    features += [nn.Conv2d(first, second, 5), nn.ReLU(), pool()]
    return Convolutional(nn.Sequential(*features), image, (*units, classes))


def alexnet(parameters: architectures.AlexNet, image: tuple[int, ...], classes: int) -> Convolutional:
    """Return AlexNet for small images, with one linear layer: 2,472,266 parameters on CIFAR-10.

    Its convolutions are He-initialised: without batch norm PyTorch's own initialisation damps the signal.
    """
    a, b, c, d = (scaled(channels, parameters.width_multiplier) for channels in (64, 192, 384, 256))
    features = [he_convolution(image[0], a, 11, stride=4, padding=5), nn.ReLU(), pool()]
    features += [he_convolution(a, b, 5, padding=2), nn.ReLU(), pool()]
    features += [he_convolution(b, c), nn.ReLU()]
    features += [he_convolution(c, d), nn.ReLU()]
    features += [he_convolution(d, d), nn.ReLU(), pool()]
    return Convolutional(nn.Sequential(*features), image, (classes,))


def vgg(parameters: architectures.Vgg, image: tuple[int, ...], classes: int) -> Convolutional:
    """Return a VGG for small images: one linear layer in place of three.

    VGG-16 has 14,728,266 parameters on CIFAR-10 with batch norm, 14,719,818 without. Its convolutions are
    He-initialised, as in torchvision.
    """
    features: list[nn.Module] = []
    before = image[0]
    for convolutions, channels in zip(VGG_STAGES[parameters.layers], VGG_CHANNELS, strict=True):
        for _ in range(convolutions):
            after = scaled(channels, parameters.width_multiplier)
            norm = [BatchNorm(after)] if parameters.batch_norm else []
            features += [he_convolution(before, after), *norm, nn.ReLU()]
            before = after
        features.append(pool())
    return Convolutional(nn.Sequential(*features), image, (classes,))
