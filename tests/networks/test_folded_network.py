"""Networks with batch norm folded into their convolutions, held to the same networks in plain PyTorch."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from stages.networks.batch_norm import batch_norms, given_statistics
from stages.networks.folded_network import fold_network
from stages.networks.user_network import prepare


class Residual(nn.Module):
    """Two blocks: one with sums and ReLUs in place and a strided shortcut, one without batch norm at its end."""

    def __init__(self, in_place=True, swapped=False):
        super().__init__()
        self.enter = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.first = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(in_place), nn.Conv2d(8, 8, 3, 2, 1, groups=2))
        self.norm, self.act = nn.BatchNorm2d(8), nn.ReLU(in_place)
        self.short = nn.Sequential(nn.Conv2d(8, 8, 1, 2), nn.BatchNorm2d(8, affine=False))
        self.last = nn.Conv2d(8, 8, 3, 1, 2, 2)
        self.head = nn.Sequential(nn.Conv2d(8, 6, 1), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.swapped = swapped

    def forward(self, x):
        y = self.enter(x)
        z = self.norm(self.first(y))
        z = self.short(y) + z if self.swapped else z + self.short(y)
        z = self.act(z)
        z = F.relu(self.last(z) + z)
        return self.head(z)


class BranchOnValues(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return F.relu(self.conv(x)).mean((2, 3)) if x.mean() > 0 else x.mean((2, 3))


def outputs(network, x):
    """Return the outputs of the network and of the folded one with the statistics that its layers store."""
    torch.manual_seed(0)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            if layer.affine:
                nn.init.normal_(layer.weight)
                nn.init.normal_(layer.bias)
    with torch.no_grad():
        expected = network.eval()(x.clone())
        prepared = prepare(network, "test", x)
        folded = fold_network(prepared)
        statistics = {}
        for name, layer in batch_norms(prepared).items():
            statistics |= {f"{name}.mean": layer.running_mean, f"{name}.variance": layer.running_var}
        parameters = {name: value.detach().clone() for name, value in prepared.named_parameters()}
        empty = {name: torch.zeros_like(value) for name, value in parameters.items()}
        prepared.load_state_dict(empty, strict=False)  # only the parameters that are given may count
        return expected, None if folded is None else given_statistics(folded, parameters, statistics, x.clone())


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("options", [{}, {"in_place": False}, {"swapped": True}])
@pytest.mark.parametrize("fused", [True, False])
def test_a_folded_network_computes_the_same(memory, options, fused, monkeypatch):
    if not fused:
        monkeypatch.setattr("stages.networks.folded_network._fused_convolution", lambda x: None)
    torch.manual_seed(1)
    x = torch.randn(5, 3, 9, 9).contiguous(memory_format=memory)
    expected, found = outputs(Residual(**options), x)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_what_follows_the_convolutions_is_folded():
    folded = fold_network(prepare(Residual(), "test", torch.zeros(2, 3, 9, 9)))
    left = [str(node.target) for node in folded.forward.__self__.graph.nodes if node.op == "call_module"]
    assert left == ["enter", "first.0", "first.1", "head.0", "head.1", "head.2", "head.3"]


@pytest.mark.parametrize("network", [BranchOnValues(), nn.Sequential(nn.Flatten(), nn.Linear(48, 2))])
def test_what_cannot_be_folded_is_none(network):
    assert fold_network(prepare(network, "test", torch.ones(2, 3, 4, 4))) is None


def test_a_layer_with_a_hook_is_called_as_it_is():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten())
    network[1].register_forward_hook(lambda module, given, output: 2 * output)
    expected, found = outputs(network, torch.randn(2, 3, 4, 4))
    assert found is None
    assert expected.shape == (2, 16)
