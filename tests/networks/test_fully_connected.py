import pytest
import torch
import torch.nn.functional as F

from stages.config import Run
from stages.networks.build import build
from stages.networks.losses import correct, example_losses, targets
from stages.shared.errors import UserError

BASE = {"dataset": "d", "network": "mlp", "hidden": (6, 5), "activation": "tanh", "loss": "cross_entropy"}
BASE |= {"optimizer": "sgd", "lr": 0.1, "epochs": 1, "batch_size": 8, "seed": 0}


def network(**changes):
    return build(Run(**(BASE | changes)), (1, 3, 3), 4)


def test_a_gain_multiplies_the_weights_of_linear_layers_and_nothing_else():
    usual, scaled = (dict(network(batch_norm=True, gain=gain).named_parameters()) for gain in (1.0, 2.5))
    for name, value in usual.items():
        factor = 2.5 if value.dim() == 2 else 1.0
        torch.testing.assert_close(scaled[name], factor * value, rtol=0, atol=0)


def test_initial_weights_have_the_documented_standard_deviation():
    weight = build(Run(**(BASE | {"hidden": (400,), "gain": 3**0.5})), (1, 20, 20), 4).layers[1].weight
    assert weight.std().item() == pytest.approx(400**-0.5, rel=0.01)


def test_outputs_beyond_the_classes_take_part_in_the_loss_but_have_no_examples():
    run = Run(**(BASE | {"outputs": 7}))
    x, labels = torch.randn(10, 1, 3, 3), torch.randint(4, (10,))
    z = network(outputs=7)(x)
    assert z.shape == (10, 7)
    expected = torch.logsumexp(z, 1) - z.gather(1, labels[:, None])[:, 0]
    torch.testing.assert_close(example_losses(run.loss, z, targets(run, x, labels, 4)), expected)
    torch.testing.assert_close(F.softmax(z, 1)[range(10), labels].log(), -expected)
    assert not correct(z.index_fill(1, torch.tensor([6]), 1e3), labels).any()


def test_as_many_outputs_as_classes_are_the_usual_network():
    for one, other in zip(network().parameters(), network(outputs=4).parameters(), strict=True):
        assert torch.equal(one, other)


def test_fewer_outputs_than_classes_are_refused():
    with pytest.raises(UserError, match="outputs: got 3, expected at least the number of classes, 4"):
        network(outputs=3)
