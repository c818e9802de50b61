"""Lines of networks as people have them, at both ends and between, held to the untouched network in plain PyTorch."""

from collections import OrderedDict
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from stages.api import evaluate_line
from stages.datasets.torchvision_operators import torchvision

models = torchvision.models
CLASSES, EXAMPLES, ALPHAS = 5, 6, 3
VOCABULARY, TOKENS = 30, 8
HOWS = ("stored", "reestimated")


def named(name, **options):
    return lambda: getattr(models, name)(num_classes=CLASSES, **options)


def small_vgg():
    features = models.vgg.make_layers([8, "M", 16, "M", 16, "M", 32, "M", 32, "M"], batch_norm=True)
    network = models.VGG(features, CLASSES)
    network.classifier = nn.Linear(32 * 7 * 7, CLASSES)
    return network


def small_vision_transformer():
    network = models.VisionTransformer(32, 8, 2, 4, 32, 64, num_classes=CLASSES)
    nn.init.normal_(network.heads.head.weight)  # zeros as it comes
    return network


def small_maxvit():
    return models.MaxVit((64, 64), 16, 2, [16, 32], [1, 1], 16, 0.0, num_classes=CLASSES)


def group_norm_resnet():
    return models.resnet18(num_classes=CLASSES, norm_layer=lambda channels: nn.GroupNorm(8, channels))


IMAGES = {
    "alexnet": (named("alexnet"), 64),
    "convnext_tiny": (named("convnext_tiny"), 32),
    "densenet121": (named("densenet121"), 32),
    "efficientnet_b0": (named("efficientnet_b0"), 32),
    "googlenet": (named("googlenet", aux_logits=True, init_weights=False), 32),
    "group_norm_resnet": (group_norm_resnet, 32),
    "maxvit": (small_maxvit, 64),
    "mnasnet0_5": (named("mnasnet0_5"), 32),
    "mobilenet_v2": (named("mobilenet_v2"), 32),
    "mobilenet_v3_small": (named("mobilenet_v3_small"), 64),
    "regnet_x_400mf": (named("regnet_x_400mf"), 32),
    "regnet_y_400mf": (named("regnet_y_400mf"), 32),
    "resnet18": (named("resnet18"), 32),
    "resnet50": (named("resnet50"), 32),
    "resnext50_32x4d": (named("resnext50_32x4d"), 32),
    "shufflenet_v2_x0_5": (named("shufflenet_v2_x0_5"), 32),
    "squeezenet1_1": (named("squeezenet1_1"), 32),
    "swin_t": (named("swin_t"), 32),
    "swin_v2_t": (named("swin_v2_t"), 32),
    "vgg": (small_vgg, 32),
    "vision_transformer": (small_vision_transformer, 32),
}


class TextClassifier(nn.Module):
    """A bidirectional LSTM over embedded tokens."""

    def __init__(self):
        super().__init__()
        self.embed, self.lstm = nn.Embedding(VOCABULARY, 12), nn.LSTM(12, 10, 2, batch_first=True, bidirectional=True)
        self.norm, self.head = nn.BatchNorm1d(20), nn.Linear(20, CLASSES)

    def forward(self, tokens):
        return self.head(self.norm(self.lstm(self.embed(tokens))[0][:, -1]))


def gpt():
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_positions=TOKENS, n_embd=16, n_layer=2, n_head=2))


def bert():
    from transformers import BertConfig, BertForSequenceClassification

    settings = BertConfig(VOCABULARY, 16, 2, 2, 32, max_position_embeddings=TOKENS, num_labels=CLASSES)
    return BertForSequenceClassification(settings)


TEXTS = {"lstm": (TextClassifier, False), "gpt": (gpt, True), "bert": (bert, False)}


def norms(network):
    return [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


def weights(build, x, seed):
    """Return random weights, with the batch-norm statistics of some images."""
    torch.manual_seed(seed)
    network = build().eval()
    for layer in norms(network):
        layer.train()
        layer.momentum = 1.0
    with torch.no_grad():
        network(x)
        for layer in norms(network):  # else a few images that are alike amplify rounding from layer to layer
            layer.running_var += layer.running_mean.square() + 0.01
    return network.state_dict()


def plain_loss(build, tensors, x, y, how, dtype=torch.float32):
    """Return the mean loss by the untouched network in evaluation mode."""
    network = build()
    network.load_state_dict(tensors)
    network.eval().to(dtype)
    x = x.to(dtype) if x.is_floating_point() else x
    with torch.no_grad():
        if how == "reestimated":
            for layer in norms(network):
                layer.reset_running_stats()
                layer.momentum = None
                layer.train()
            network(x)
            network.eval()
        outputs = network(x)
        outputs = getattr(outputs, "logits", outputs)
        return float(F.cross_entropy(outputs.flatten(0, -2), y.flatten()))


def hold_to_pytorch(build, x, y, how):
    """Hold losses to PyTorch's to 1e-5; with statistics of a few images, which amplify rounding, to four times its own.

    Its rounding is the largest difference of its losses in single precision from those in double precision.
    """
    before, after = (weights(build, x if x.dtype == torch.int64 else x * scale, scale) for scale in (1, 2))
    middle = {n: torch.lerp(v, after[n], 0.5) if v.is_floating_point() else v for n, v in before.items()}
    middle = OrderedDict(middle)
    middle._metadata = before._metadata
    states = (before, middle, after)
    line = evaluate_line(build, before, after, (x, y), batch_norm=how, alphas=ALPHAS, gauss_examples=0)
    expected = np.array([plain_loss(build, tensors, x, y, how) for tensors in states])
    gaps = np.abs(line.curve["train_loss"].to_numpy() / expected - 1)
    allowed = 1e-5
    if how == "reestimated" and gaps.max() > allowed:
        exact = np.array([plain_loss(build, tensors, x, y, how, torch.float64) for tensors in states])
        allowed = 4 * np.abs(expected / exact - 1).max()
    assert gaps.max() <= allowed
    assert len(set(expected)) == 3


def images(size):
    random = torch.Generator().manual_seed(0)
    return torch.rand(EXAMPLES, 3, size, size, generator=random), torch.arange(EXAMPLES) % CLASSES


@pytest.mark.long
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", IMAGES)
def test_networks_of_torchvision(name, how):
    build, size = IMAGES[name]
    hold_to_pytorch(build, *images(size), how)


@pytest.mark.parametrize("name", TEXTS)
def test_networks_of_text(name):
    build, tokens = TEXTS[name]
    random = torch.Generator().manual_seed(0)
    x = torch.randint(VOCABULARY, (EXAMPLES, TOKENS), generator=random)
    hold_to_pytorch(build, x, x.roll(-1, 1) if tokens else torch.arange(EXAMPLES) % CLASSES, "stored")


@pytest.mark.parametrize("how", HOWS)
def test_a_small_network_of_torchvision(how):
    blocks = [[1, 16, 1, 1], [6, 24, 2, 2]]
    build = partial(models.MobileNetV2, CLASSES, width_mult=0.25, inverted_residual_setting=blocks)
    hold_to_pytorch(build, *images(32), how)
