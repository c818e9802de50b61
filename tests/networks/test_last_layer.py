import pytest
import torch
from torch import nn

from stages.config import Run
from stages.networks.build import build
from stages.networks.last_layer import last_bias

BASE = {"dataset": "d", "loss": "cross_entropy", "optimizer": "sgd", "lr": 0.1, "epochs": 1, "batch_size": 8, "seed": 0}


@pytest.mark.parametrize(
    ("changes", "shape"),
    [
        ({"network": "mlp", "hidden": (4,), "activation": "relu", "batch_norm": True}, (1, 8, 8)),
        ({"network": "autoencoder", "hidden": (4,), "activation": "relu", "loss": "squared_error"}, (1, 8, 8)),
        ({"network": "lenet"}, (1, 28, 28)),
        ({"network": "resnet", "layers": 8, "initialization": "fixup"}, (1, 8, 8)),
        ({"network": "roberta", "layers": 1, "hidden_size": 8, "heads": 2}, (8,)),
    ],
)
def test_a_change_of_the_last_bias_shifts_the_outputs_by_it(changes, shape):
    network = build(Run(**(BASE | changes)), shape, 7)
    x = network.example() if hasattr(network, "example") else torch.randn(3, *shape)
    name = last_bias(network, shape)
    bias = dict(network.named_parameters())[name]
    with torch.no_grad():
        before = network(x)
        shift = torch.randn(bias.shape)
        bias += shift
        torch.testing.assert_close(network(x) - before, shift.expand_as(before), rtol=1e-4, atol=1e-5)


def test_a_network_without_a_last_bias_has_none():
    assert last_bias(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2, bias=False)), (3,)) is None
