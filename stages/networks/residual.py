"""Residual networks for small images (He et al. 2016, section 4.2), with and without normalisation."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stages.networks.architectures.residual import ResNet
from stages.networks.batch_norm import BatchNorm, broadcast_channels
from stages.networks.convolutional import he_convolution, scaled

CHANNELS = 16  # number of channels of the first stage, in the paper
STAGES = (1, 2, 4)  # numbers of channels of the stages, as multiples of the first


class ScaleBias(nn.Module):
    """A learned scale and shift of each channel, where batch norm would stand."""

    def __init__(self, channels: int) -> None:
        """Start as the identity."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Scale and shift x, shape (N, C, H, W)."""
        return x * broadcast_channels(self.weight, x) + broadcast_channels(self.bias, x)


def norm_layer(batch_norm: bool) -> type[nn.Module]:
    """Return the layer after each convolution: batch norm, or a learned scale and bias in its place."""
    return BatchNorm if batch_norm else ScaleBias


class Shortcut(nn.Module):
    """Option A of He et al.: the input itself, subsampled and with channels of zeros where shapes differ."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        """Remember the shapes."""
        super().__init__()
        self.more, self.stride = after - before, stride

    def forward(self, x: Tensor) -> Tensor:
        """Return x, shape (N, before, H, W), as (N, after, H / stride, W / stride)."""
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.more)) if self.more else x


class Block(nn.Module):
    """Two convolutions beside a shortcut, each followed by batch norm or a learned scale and bias."""

    def __init__(self, before: int, after: int, stride: int, norm: type[nn.Module], identity: bool) -> None:
        """Build the block; with `identity` it starts as its shortcut (Goyal et al. 2017)."""
        super().__init__()
        self.shortcut = Shortcut(before, after, stride)
        self.conv1, self.norm1 = he_convolution(before, after, stride=stride, bias=False), norm(after)
        self.conv2, self.norm2 = he_convolution(after, after, bias=False), norm(after)
        if identity:
            nn.init.zeros_(self.norm2.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output of x, shape (N, before, H, W)."""
        inside = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.shortcut(x) + self.norm2(self.conv2(inside)))


class Scalar(nn.Module):
    """One learned number."""

    def __init__(self, value: float) -> None:
        """Start at a value."""
        super().__init__()
        self.value = nn.Parameter(torch.full((1,), value))


class Shift(Scalar):
    """One learned number that is added to everything."""

    def forward(self, x: Tensor) -> Tensor:
        """Shift x, of any shape (N, C, ...)."""
        return x + broadcast_channels(self.value, x)


class Scale(Scalar):
    """One learned number that multiplies everything."""

    def forward(self, x: Tensor) -> Tensor:
        """Scale x, of any shape (N, C, ...)."""
        return x * broadcast_channels(self.value, x)


def scalar_names(network: nn.Module) -> set[str]:
    """Return the names of the parameters of a network that are Fixup's scalars."""
    return {f"{name}.value" for name, module in network.named_modules() if isinstance(module, Scalar)}


class FixupBlock(nn.Module):
    """A block of Fixup (Zhang et al. 2019): scalar biases before each layer and activation, one scalar scale.

    The shortcut takes the block's input. In the authors' code a shortcut that reduces the size takes the input plus the
    first bias, which starts at 0.
    """

    def __init__(self, before: int, after: int, stride: int, blocks: int) -> None:
        """Build the block: its first convolution scaled down by the depth, its second zero."""
        super().__init__()
        self.shortcut = Shortcut(before, after, stride)
        self.conv1 = he_convolution(before, after, stride=stride, bias=False)
        self.conv2 = he_convolution(after, after, bias=False)
        self.bias1, self.bias2, self.bias3, self.bias4 = (Shift(0.0) for _ in range(4))
        self.scale = Scale(1.0)
        with torch.no_grad():
            self.conv1.weight.mul_(blocks**-0.5)
            self.conv2.weight.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output of x, shape (N, before, H, W)."""
        inside = F.relu(self.bias2(self.conv1(self.bias1(x))))
        outside = self.bias4(self.scale(self.conv2(self.bias3(inside))))
        return F.relu(self.shortcut(x) + outside)


class Residual(nn.Module):
    """A residual network of 6 n + 2 layers: a convolution, three stages of n blocks each, a linear layer.

    With batch norm and 16 channels, ResNet-20 (n = 3) has 269,722 parameters on CIFAR-10: those of He et al.,
    whose shortcuts have none. (Implementations that normalise the shortcuts too have 269,818.)
    """

    def __init__(
        self, channels: int, layers: int, width: int, outputs: int, batch_norm: bool, initialization: str
    ) -> None:
        """Build and initialise the network.

        Args:
            channels: Number of channels of the images.
            layers: Number of layers with weights, 6 n + 2.
            width: Number of channels of the first stage; 16 in the paper.
            outputs: Number of classes.
            batch_norm: Whether batch norm follows each convolution; else a learned scale and bias of each channel
                (Lucas et al. 2021, appendix B.2), or Fixup's scalars.
            initialization: `standard`; `block_identity`: the last scale of each block is zero; `fixup`, which has no
                batch norm.
        """
        super().__init__()
        each = (layers - 2) // 6
        fixup, norm = initialization == "fixup", norm_layer(batch_norm)
        self.stem = he_convolution(channels, width, bias=False)
        self.norm = Shift(0.0) if fixup else norm(width)
        blocks: list[nn.Module] = []
        before = width
        for stage, factor in enumerate(STAGES):
            for place in range(each):
                after, stride = width * factor, 2 if stage and not place else 1
                if fixup:
                    blocks.append(FixupBlock(before, after, stride, 3 * each))
                else:
                    blocks.append(Block(before, after, stride, norm, initialization == "block_identity"))
                before = after
        self.blocks = nn.Sequential(*blocks)
        self.last = Shift(0.0) if fixup else nn.Identity()
        self.head = nn.Linear(before, outputs)
        if fixup:
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs, shape (N, outputs), of x, shape (N, C, H, W)."""
        x = F.relu(self.norm(self.stem(x)))
        return self.head(self.last(self.blocks(x).mean((2, 3))))


def resnet(parameters: ResNet, image: tuple[int, ...], classes: int) -> Residual:
    """Return a residual network for images of shape (C, H, W)."""
    width = scaled(CHANNELS, parameters.width_multiplier)
    kind = parameters.batch_norm, parameters.initialization
    return Residual(image[0], parameters.layers, width, classes, *kind)
