"""Networks of your own: functions without arguments, named by `factory` in params.yaml."""

from torch import nn

from stages.datasets.torchvision_operators import torchvision  # torchvision itself, where its operators cannot load too


def shufflenet() -> nn.Module:
    """Return torchvision's ShuffleNet V2 for ten classes of small grey images."""
    network = torchvision.models.shufflenet_v2_x0_5(num_classes=10)
    network.conv1[0] = nn.Conv2d(1, 24, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network
