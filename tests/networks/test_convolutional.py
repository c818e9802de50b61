import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, vmap

from stages.config import Run
from stages.lines.jets import FixedExamples, MovingTensor
from stages.lines.taylor import differentiate, differentiate_nested
from stages.networks.batch_norm import BatchNorm, batch_norms, statistics_of
from stages.networks.build import build
from stages.networks.residual import ScaleBias
from stages.shared.errors import UserError

COMMON = {"dataset": "toy", "loss": "cross_entropy", "optimizer": "sgd", "lr": 0.1, "epochs": 1, "batch_size": 8}


def network(image: tuple[int, ...], classes: int = 10, seed: int = 0, **fields) -> nn.Module:
    return build(Run(**COMMON, seed=seed, **fields), image, classes)


CIFAR, MNIST = (3, 32, 32), (1, 28, 28)
# LeNet: LeCun et al. (1998) with full connections. VGG, ResNet-18, -50: as counted for the usual small-image versions.
PUBLISHED = [
    (MNIST, {"network": "lenet"}, 61_706),
    (CIFAR, {"network": "lenet"}, 62_006),
    (CIFAR, {"network": "alexnet"}, 2_472_266),
    (CIFAR, {"network": "vgg", "layers": 16, "batch_norm": True}, 14_728_266),
    (CIFAR, {"network": "vgg", "layers": 16}, 14_719_818),
    (CIFAR, {"network": "vgg", "layers": 19, "batch_norm": True}, 20_040_522),
    (CIFAR, {"network": "resnet_imagenet", "layers": 18, "batch_norm": True}, 11_173_962),
    (CIFAR, {"network": "resnet_imagenet", "layers": 50, "batch_norm": True}, 23_520_842),
    # by hand: 3 x 32 x 25 + 32, 32 x 64 x 25 + 64, 8 x 8 x 64 x 10 + 10
    (CIFAR, {"network": "simple_cnn"}, 2_432 + 51_264 + 40_970),
]


@pytest.mark.parametrize(("image", "fields", "parameters"), PUBLISHED, ids=lambda value: str(value))
def test_published_counts_of_parameters(image, fields, parameters):
    assert sum(p.numel() for p in network(image, **fields).parameters()) == parameters


NETWORKS = {
    "SimpleCNN": {"network": "simple_cnn", "width_multiplier": 0.1},
    "LeNet": {"network": "lenet", "width_multiplier": 0.5},
    "AlexNet": {"network": "alexnet", "width_multiplier": 0.04},
    "VGG-11": {"network": "vgg", "layers": 11, "width_multiplier": 0.05},
    "VGG-11, batch norm": {"network": "vgg", "layers": 11, "batch_norm": True, "width_multiplier": 0.05},
    "ResNet-18": {"network": "resnet_imagenet", "layers": 18, "batch_norm": True, "width_multiplier": 0.05},
    "ResNet-18, no batch norm": {"network": "resnet_imagenet", "layers": 18, "width_multiplier": 0.05},
    "ResNet-50": {"network": "resnet_imagenet", "layers": 50, "batch_norm": True, "width_multiplier": 0.04},
}


@pytest.mark.parametrize("fields", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("side", [12, 16, 27, 32])
def test_images_of_any_size_are_classified(fields, side):
    image = (2, side, side)
    assert network(image, 7, **fields)(torch.randn(3, *image)).shape == (3, 7)


def convolve(w: dict, place: int, x: torch.Tensor, **options) -> torch.Tensor:
    return F.relu(F.conv2d(x, w[f"features.{place}.weight"], w[f"features.{place}.bias"], **options))


def test_alexnet_written_out():
    made = network(CIFAR, network="alexnet", width_multiplier=0.1)
    w, x = dict(made.named_parameters()), torch.randn(3, *CIFAR)
    y = F.max_pool2d(convolve(w, 0, x, stride=4, padding=5), 2)
    y = F.max_pool2d(convolve(w, 3, y, padding=2), 2)
    y = convolve(w, 8, convolve(w, 6, y, padding=1), padding=1)
    y = F.max_pool2d(convolve(w, 10, y, padding=1), 2)
    expected = F.linear(y.flatten(1), w["head.1.weight"], w["head.1.bias"])
    torch.testing.assert_close(made(x), expected, rtol=1e-4, atol=1e-5)


def test_lenet_written_out():
    made = network(CIFAR, network="lenet")
    w, x = dict(made.named_parameters()), torch.randn(3, *CIFAR)
    y = F.max_pool2d(convolve(w, 3, F.max_pool2d(convolve(w, 0, x), 2)), 2).flatten(1)
    for place in (1, 3):
        y = F.relu(F.linear(y, w[f"head.{place}.weight"], w[f"head.{place}.bias"]))
    expected = F.linear(y, w["head.5.weight"], w["head.5.bias"])
    torch.testing.assert_close(made(x), expected, rtol=1e-4, atol=1e-5)


def test_vgg_16_written_out():
    made = network(CIFAR, network="vgg", layers=16, width_multiplier=0.1, batch_norm=True)
    w, y, place = dict(made.named_parameters()), torch.randn(6, *CIFAR), 0
    x = y
    for convolutions in (2, 2, 3, 3, 3):  # Simonyan and Zisserman (2014), configuration D
        for _ in range(convolutions):
            y = F.conv2d(y, w[f"features.{place}.weight"], w[f"features.{place}.bias"], padding=1)
            scale, shift = (w[f"features.{place + 1}.{name}"] for name in ("weight", "bias"))
            y = F.relu(F.batch_norm(y, None, None, scale, shift, training=True))
            place += 3
        y = F.max_pool2d(y, 2)
        place += 1
    expected = F.linear(y.flatten(1), w["head.1.weight"], w["head.1.bias"])
    torch.testing.assert_close(made(x), expected, rtol=1e-3, atol=1e-4)


def test_images_too_small_for_lenet_are_refused():
    assert network((1, 9, 9), network="lenet")(torch.zeros(2, 1, 9, 9)).shape == (2, 10)
    with pytest.raises(
        UserError, match="got lenet for images of 8 x 8 pixels, expected at least 9 a side; set `image_size`"
    ):
        network((1, 8, 8), network="lenet")


def test_the_width_multiplier_is_of_all_hidden_layers():
    layers = [m for m in network(CIFAR, network="lenet", width_multiplier=0.5).modules() if hasattr(m, "weight")]
    assert [layer.weight.shape[0] for layer in layers] == [3, 8, 60, 42, 10]
    wide = network(CIFAR, network="resnet_imagenet", layers=18, batch_norm=True, width_multiplier=0.25)
    stages = [stage[0].conv2.weight.shape[0] for stage in (wide.layer1, wide.layer2, wide.layer3, wide.layer4)]
    assert (wide.conv1.weight.shape[0], stages, wide.fc.weight.shape[1]) == (16, [16, 32, 64, 128], 128)


def test_vgg_is_initialised_to_keep_the_signal():
    deep = network(CIFAR, network="vgg", layers=19)
    weights = [m.weight for m in deep.modules() if isinstance(m, nn.Conv2d)]
    for weight in weights[4:]:
        assert weight.std().item() == pytest.approx((2 / (9 * weight.shape[0])) ** 0.5, rel=0.02)
    assert not any(m.bias.any() for m in deep.modules() if isinstance(m, nn.Conv2d))


@pytest.mark.parametrize("layers", [18, 50])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_blocks_of_imagenets_networks_can_start_as_their_shortcut(layers, batch_norm):
    fields = {"network": "resnet_imagenet", "layers": layers, "batch_norm": batch_norm, "width_multiplier": 0.1}
    made = network(CIFAR, initialization="block_identity", **fields)
    kinds = {type(m) for m in made.modules() if isinstance(m, BatchNorm | ScaleBias | nn.BatchNorm2d)}
    assert kinds == {BatchNorm if batch_norm else ScaleBias}
    x = torch.rand(4, made.layer2[1].conv1.weight.shape[1], 6, 6)
    torch.testing.assert_close(made.layer2[1](x), x, rtol=0, atol=0)
    standard = network(CIFAR, **fields)
    assert (standard.layer2[1](x) - x).abs().max() > 0.01


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(fields, id=name, marks=pytest.mark.long if name == "ResNet-50" else ())
        for name, fields in NETWORKS.items()
    ],
)
def test_derivatives_along_a_line_are_nested_ones(fields, monkeypatch):
    torch.manual_seed(0)
    image = (2, 12, 12)
    made = network(image, 4, **fields).double()
    x = torch.randn(5, *image, dtype=torch.float64)
    line = {}
    for name, p in made.named_parameters():
        start, end = p.detach(), p.detach() + 0.2 * torch.randn(p.shape, dtype=p.dtype)
        alpha = torch.tensor(0.4, dtype=p.dtype)
        line[name] = MovingTensor(torch.lerp(start, end, alpha), end - start, None, (start, end, alpha))

    def function(parameters):
        statistics = statistics_of(made, parameters, x) if batch_norms(made) else {}
        return {"outputs": functional_call(made, parameters, (x,))} | statistics

    slow = differentiate_nested(function, {name: move._replace(ends=None) for name, move in line.items()})
    monkeypatch.setattr("stages.lines.taylor.differentiate_nested", None)  # a rule that is missing would need it
    carried = differentiate(function, line, FixedExamples(x))
    assert all(term.abs().max() > 0 for term in slow["outputs"])
    for name in slow:
        for ours, theirs in zip(carried[name], slow[name], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("fields", NETWORKS.values(), ids=NETWORKS)
def test_a_stack_is_each_alone(fields):
    image = (2, 12, 12)
    each = [network(image, 4, seed, **fields) for seed in range(4)]
    many = {name: torch.stack([dict(one.named_parameters())[name] for one in each]) for name in each[0].state_dict()}
    x = torch.randn(5, *image)
    together = vmap(lambda parameters: functional_call(each[0], parameters, (x,)))(many)
    for alone, outputs in zip(each, together, strict=True):
        torch.testing.assert_close(outputs, alone(x), rtol=1e-4, atol=1e-4)
