"""Permutations of hidden units leave the function as it is; a matching finds a permutation back."""

import itertools
from functools import cache

import numpy as np
import pytest
import torch
from torch.func import functional_call

from stages.config import Run
from stages.datasets.dataset import Dataset
from stages.lines.layers_and_blocks import group_by_block, group_by_layer
from stages.lines.unit_matching import match_activations, match_weights
from stages.lines.unit_permutations import draw_permutations, find_hidden_units, permute_units
from stages.networks.build import initial_parameters
from stages.networks.evaluation import task_of

IMAGE = (2, 12, 12)
COMMON = {"dataset": "toy", "optimizer": "sgd", "lr": 0.1, "epochs": 1, "batch_size": 8, "seed": 1}
CLASSIFIER = COMMON | {"loss": "cross_entropy"}
RUNS = {
    "mlp": Run(**CLASSIFIER, network="mlp", hidden=(7, 7, 5), activation="tanh"),
    "mlp, batch norm": Run(**CLASSIFIER, network="mlp", hidden=(7, 6), activation="relu", batch_norm=True),
    "autoencoder": Run(**COMMON, network="autoencoder", hidden=(9, 3, 9), activation="relu", loss="squared_error"),
    "simple_cnn": Run(**CLASSIFIER, network="simple_cnn", width_multiplier=0.15),
    "lenet": Run(**CLASSIFIER, network="lenet"),
    "alexnet": Run(**CLASSIFIER, network="alexnet", width_multiplier=0.05),
    "vgg": Run(**CLASSIFIER, network="vgg", layers=11, width_multiplier=0.05, batch_norm=True),
    "resnet, batch norm": Run(**CLASSIFIER, network="resnet", layers=14, width_multiplier=0.25, batch_norm=True),
    "resnet": Run(**CLASSIFIER, network="resnet", layers=14, width_multiplier=0.25, initialization="block_identity"),
    "resnet, fixup": Run(**CLASSIFIER, network="resnet", layers=8, width_multiplier=0.25, initialization="fixup"),
}


@cache
def made(name):
    """Return a network, its layout, weights of which none is like another, and images; in double precision."""
    network, layout, theta = initial_parameters(RUNS[name], IMAGE, 4)
    source = torch.Generator().manual_seed(5)
    theta = theta.double() + 0.3 * torch.randn(theta.shape, generator=source, dtype=torch.float64)
    return network.double(), layout, theta, torch.randn(11, *IMAGE, generator=source, dtype=torch.float64)


def outputs(name, theta):
    network, layout, _, x = made(name)
    return functional_call(network, layout.split(theta), (x,))


@pytest.mark.parametrize("name", RUNS)
def test_permuted_hidden_units_are_the_same_function_elsewhere(name):
    network, layout, theta, _ = made(name)
    groups = find_hidden_units(network)
    orders = draw_permutations(groups, 3)
    moved = permute_units(theta, layout, groups, orders)
    with torch.no_grad():
        torch.testing.assert_close(outputs(name, moved), outputs(name, theta), rtol=1e-10, atol=1e-10)
    assert (moved - theta).norm() > 0.5 * theta.norm()
    assert moved.norm().item() == pytest.approx(theta.norm().item())


@pytest.mark.parametrize("name", RUNS)
def test_every_parameter_but_the_last_bias_and_scalars_belongs_to_hidden_units(name):
    network, layout, _, _ = made(name)
    touched = {axis.parameter for units in find_hidden_units(network) for axis in units.axes}
    assert all(sorted(order) == list(range(len(order))) for order in draw_permutations(find_hidden_units(network), 0))
    left = [name for name in layout.names if name not in touched]
    assert all(name.endswith(".value") or name == layout.names[-1] for name in left)


@pytest.mark.parametrize("name", ["mlp", "mlp, batch norm", "vgg", "resnet, batch norm"])
def test_each_group_by_itself_can_be_permuted(name):
    network, layout, theta, _ = made(name)
    groups = find_hidden_units(network)
    for place, units in enumerate(groups):
        orders = [torch.arange(one.size) for one in groups]
        orders[place] = torch.arange(units.size).roll(1)
        moved = permute_units(theta, layout, groups, orders)
        if units.size > 1:
            assert not torch.equal(moved, theta)
        with torch.no_grad():
            torch.testing.assert_close(outputs(name, moved), outputs(name, theta), rtol=1e-10, atol=1e-10)


def test_unit_i_becomes_what_unit_order_i_was():
    network, layout, theta, _ = made("mlp")
    groups = find_hidden_units(network)
    order = torch.tensor([2, 0, 1, 3, 4, 6, 5])
    moved = layout.split(permute_units(theta, layout, groups, [order, torch.arange(7), torch.arange(5)]))
    before = layout.split(theta)
    for new, old in enumerate(order):
        assert torch.equal(moved["layers.1.weight"][new], before["layers.1.weight"][old])
        assert moved["layers.1.bias"][new] == before["layers.1.bias"][old]
        assert torch.equal(moved["layers.3.weight"][:, new], before["layers.3.weight"][:, old])
    assert torch.equal(moved["layers.5.weight"], before["layers.5.weight"])


def task(name):
    x = made(name)[3]
    dataset = Dataset("toy", x, torch.arange(11) % 4, x, torch.arange(11) % 4, 4, "")
    return task_of(RUNS[name], dataset, torch.device("cpu"), torch.float64)


BY = [("weights", name) for name in RUNS if name != "resnet, fixup"]  # its zero weights are all alike
BY += [("activations", name) for name in ("mlp", "mlp, batch norm", "vgg", "resnet, batch norm")]  # no dead units there


@pytest.mark.parametrize(("by", "name"), BY)
def test_a_matching_finds_a_known_permutation_back(by, name):
    network, layout, theta, _ = made(name)
    groups = find_hidden_units(network)
    orders = draw_permutations(groups, 8)
    moved = permute_units(theta, layout, groups, orders)
    if by == "weights":
        found = match_weights(theta, moved, layout, groups)
    else:
        found = match_activations(task(name), theta, moved, groups, 11)
    for order, back in zip(orders, found, strict=True):
        assert torch.equal(order[back], torch.arange(len(order)))
    assert torch.equal(permute_units(moved, layout, groups, found), theta)


def test_a_matching_brings_two_networks_closer_and_keeps_the_function():
    network, layout, theta, _ = made("mlp")
    groups = find_hidden_units(network)
    source = torch.Generator().manual_seed(9)
    other = permute_units(
        theta + 0.2 * torch.randn(theta.shape, generator=source), layout, groups, draw_permutations(groups, 1)
    )
    found = permute_units(other, layout, groups, match_weights(theta, other, layout, groups))
    assert (found - theta).norm() < 0.5 * (other - theta).norm()
    with torch.no_grad():
        torch.testing.assert_close(outputs("mlp", found), outputs("mlp", other))


def test_matching_a_single_layer_is_the_best_of_all_orders():
    run = Run(**CLASSIFIER, network="mlp", hidden=(4,), activation="relu")
    network, layout, theta = initial_parameters(run, IMAGE, 4)
    other = initial_parameters(run.model_copy(update={"seed": 2}), IMAGE, 4)[2]
    groups = find_hidden_units(network)
    best = max(
        (torch.dot(theta, permute_units(other, layout, groups, [torch.tensor(order)])).item(), order)
        for order in itertools.permutations(range(4))
    )
    assert tuple(match_weights(theta, other, layout, groups)[0].tolist()) == best[1]


def test_a_network_without_known_symmetries_is_refused():
    with pytest.raises(TypeError, match="units of Linear cannot be permuted"):
        find_hidden_units(torch.nn.Linear(2, 2))


def test_layers_are_weights_with_what_follows_them_and_blocks_hold_layers():
    _, layout, _, _ = made("mlp, batch norm")
    assert group_by_layer(layout.named_shapes()) == {
        "layers.1": ("layers.1.weight", "layers.1.bias", "layers.2.weight", "layers.2.bias"),
        "layers.4": ("layers.4.weight", "layers.4.bias", "layers.5.weight", "layers.5.bias"),
        "layers.7": ("layers.7.weight", "layers.7.bias"),
    }
    _, layout, _, _ = made("resnet, batch norm")
    found = group_by_block(layout.named_shapes())
    assert list(found) == ["stem", *(f"blocks.{place}" for place in range(6)), "head"]
    assert found["stem"] == ("stem.weight", "norm.weight", "norm.bias")
    for divided in (found, group_by_layer(layout.named_shapes())):
        assert [name for names in divided.values() for name in names] == list(layout.names)
    assert np.array_equal(sorted(found["blocks.2"]), sorted(n for n in layout.names if n.startswith("blocks.2.")))
