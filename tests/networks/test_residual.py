import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, vmap

from stages.lines.jets import FixedExamples, MovingTensor
from stages.lines.taylor import differentiate, differentiate_nested
from stages.networks.batch_norm import statistics_of
from stages.networks.residual import FixupBlock, Residual

VARIANTS = {  # whether with batch norm, initialisation
    "batch norm": (True, "standard"),
    "batch norm, block identity": (True, "block_identity"),
    "scale and bias": (False, "standard"),
    "scale and bias, block identity": (False, "block_identity"),
    "fixup": (False, "fixup"),
}


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


# He et al. (2016), table 6: 0.27 M, 0.46 M, 0.66 M, 0.85 M, counted layer by layer.
@pytest.mark.parametrize(("layers", "parameters"), [(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018)])
def test_the_parameters_of_he_et_al(layers, parameters):
    assert count(Residual(3, layers, 16, 10, True, "standard")) == parameters


def test_the_parameters_of_the_variants():
    convolutions = 16 * 3 * 9 + 9 * (6 * 16 * 16 + 16 * 32 + 5 * 32 * 32 + 32 * 64 + 5 * 64 * 64) + 64 * 10 + 10
    channels = 16 + 6 * (16 + 32 + 64)
    expected = dict.fromkeys(VARIANTS, convolutions + 2 * channels) | {"fixup": convolutions + 9 * 5 + 2}
    assert {variant: count(Residual(3, 20, 16, 10, *kind)) for variant, kind in VARIANTS.items()} == expected


def test_width_and_depth():
    network = Residual(1, 8, 4, 10, True, "standard")
    assert len(network.blocks) == 3
    assert network(torch.randn(2, 1, 8, 8)).shape == (2, 10)


@pytest.mark.parametrize("variant", ["batch norm, block identity", "scale and bias, block identity", "fixup"])
def test_blocks_start_as_their_shortcut(variant):
    torch.manual_seed(0)
    network = Residual(3, 20, 4, 10, *VARIANTS[variant])
    x = torch.rand(5, 4, 8, 8)  # as after an activation: a block ends in one
    for place, block in enumerate(network.blocks):
        out = block(x)
        torch.testing.assert_close(out, block.shortcut(x), rtol=0, atol=0)
        if place in (3, 6):
            assert out.shape[1:] == (2 * x.shape[1], x.shape[2] // 2, x.shape[3] // 2)
            torch.testing.assert_close(out[:, : x.shape[1]], x[:, :, ::2, ::2], rtol=0, atol=0)
            assert not out[:, x.shape[1] :].any()
        x = out


def test_blocks_of_batch_norm_do_not():
    torch.manual_seed(0)
    block = Residual(3, 20, 4, 10, True, "standard").blocks[0]
    x = torch.rand(5, 4, 8, 8)
    assert (block(x) - x).abs().max() > 0.1


def test_the_initialisation_of_fixup():
    torch.manual_seed(0)
    network = Residual(3, 56, 16, 10, False, "fixup")
    assert not network(torch.randn(4, 3, 16, 16)).any()
    blocks = [block for block in network.blocks if isinstance(block, FixupBlock)]
    assert len(blocks) == 27
    for block in blocks:
        weight = block.conv1.weight
        expected = (2 / (9 * weight.shape[0])) ** 0.5 * 27**-0.5  # Zhang et al. (2019): L^(-1/(2m-2)), m = 2
        assert weight.std().item() == pytest.approx(expected, rel=0.1)
        assert block.scale.value.item() == 1
    stem = network.stem.weight.std().item()
    assert stem == pytest.approx((2 / (9 * 16)) ** 0.5, rel=0.15)


def randomised(module: nn.Module) -> dict[str, torch.Tensor]:
    """Give a module weights of no special value and return them by name."""
    for p in module.parameters():
        nn.init.normal_(p, std=0.5)
    return dict(module.named_parameters())


@pytest.mark.parametrize("variant", ["batch norm", "scale and bias"])
def test_a_block_is_written_out(variant):
    torch.manual_seed(0)
    block = Residual(3, 14, 4, 10, *VARIANTS[variant]).blocks[2]  # the first of its stage: half the pixels
    w = randomised(block)
    x = torch.randn(5, 4, 8, 8)

    def norm(name, y):
        if variant == "batch norm":
            return F.batch_norm(y, None, None, w[f"{name}.weight"], w[f"{name}.bias"], training=True)
        return y * w[f"{name}.weight"].view(1, -1, 1, 1) + w[f"{name}.bias"].view(1, -1, 1, 1)

    inside = F.relu(norm("norm1", F.conv2d(x, w["conv1.weight"], stride=2, padding=1)))
    shortcut = torch.cat([x[:, :, ::2, ::2], torch.zeros(5, 4, 4, 4)], 1)
    expected = F.relu(shortcut + norm("norm2", F.conv2d(inside, w["conv2.weight"], padding=1)))
    torch.testing.assert_close(block(x), expected, rtol=1e-4, atol=1e-5)


def test_a_block_of_fixup_is_written_out():
    torch.manual_seed(0)
    block = Residual(3, 14, 4, 10, False, "fixup").blocks[2]
    w = randomised(block)
    x = torch.randn(5, 4, 8, 8)
    inside = F.relu(F.conv2d(x + w["bias1.value"], w["conv1.weight"], stride=2, padding=1) + w["bias2.value"])
    outside = F.conv2d(inside + w["bias3.value"], w["conv2.weight"], padding=1) * w["scale.value"] + w["bias4.value"]
    shortcut = torch.cat([x[:, :, ::2, ::2], torch.zeros(5, 4, 4, 4)], 1)
    torch.testing.assert_close(block(x), F.relu(shortcut + outside), rtol=1e-4, atol=1e-5)


def moved(network: nn.Module) -> dict[str, MovingTensor]:
    """A line through the network, its directions random."""
    found = {}
    for name, p in network.named_parameters():
        start, end = p.detach(), p.detach() + 0.3 * torch.randn(p.shape, dtype=p.dtype)
        alpha = torch.tensor(0.4, dtype=p.dtype)
        found[name] = MovingTensor(torch.lerp(start, end, alpha), end - start, None, (start, end, alpha))
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_derivatives_along_a_line_are_nested_ones(variant, monkeypatch):
    torch.manual_seed(0)
    network = Residual(2, 8, 3, 4, *VARIANTS[variant]).double()
    x = torch.randn(6, 2, 8, 8, dtype=torch.float64)
    normalised = VARIANTS[variant][0]

    def function(parameters):
        statistics = statistics_of(network, parameters, x) if normalised else {}
        return {"outputs": functional_call(network, parameters, (x,))} | statistics

    line = moved(network)
    slow = differentiate_nested(function, {name: move._replace(ends=None) for name, move in line.items()})
    monkeypatch.setattr("stages.lines.taylor.differentiate_nested", None)  # a rule that is missing would need it
    held = FixedExamples(x)
    carried = differentiate(function, line, held)
    assert held.products
    assert carried.keys() == slow.keys()
    assert all(term.abs().max() > 0 for term in slow["outputs"])
    for name in carried:
        for ours, theirs in zip(carried[name], slow[name], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


def test_a_stack_of_residual_networks_is_each_alone():
    torch.manual_seed(0)
    network = Residual(1, 8, 3, 4, True, "standard")
    many = {name: torch.randn(5, *p.shape) for name, p in network.named_parameters()}
    x = torch.randn(6, 1, 8, 8)
    together = vmap(lambda parameters: functional_call(network, parameters, (x,)))(many)
    for row in range(5):
        alone = functional_call(network, {name: values[row] for name, values in many.items()}, (x,))
        torch.testing.assert_close(together[row], alone, rtol=1e-4, atol=1e-4)
