import numpy as np
import pytest
import torch

from stages.config import Run
from stages.lines.line import Endpoint, fresh_line, own_line, weights
from stages.networks.build import initial_parameters
from stages.networks.layout import Layout

IMAGE = (1, 8, 8)
COMMON = {"dataset": "toy", "loss": "cross_entropy", "optimizer": "sgd", "lr": 0.1, "epochs": 1, "batch_size": 8}
RESNET = Run(**COMMON, network="resnet", layers=8, width_multiplier=0.25, batch_norm=True, seed=3)


def drawn(point: str, run: Run = RESNET) -> np.ndarray:
    return weights(Endpoint("run", point), run, IMAGE, 10, stored=None)


def test_a_fresh_initialisation_is_one_of_the_networks_own_that_no_run_has():
    one, again, other = drawn("fresh_standard_0"), drawn("fresh_standard_0"), drawn("fresh_standard_1")
    np.testing.assert_array_equal(one, again)
    runs = [initial_parameters(RESNET.model_copy(update={"seed": seed}), IMAGE, 10)[2].numpy() for seed in range(20)]
    for vector in (other, *runs):
        assert vector.shape == one.shape
        assert np.abs(vector - one).max() > 0.1
    # The same distribution: each layer's standard deviation.
    layout = initial_parameters(RESNET, IMAGE, 10)[1]
    for value, usual in zip(parts(layout, one), parts(layout, runs[0]), strict=True):
        if usual.numel() > 500:
            assert value.std().item() == pytest.approx(usual.std().item(), rel=0.15)


def parts(layout: Layout, vector: np.ndarray) -> list[torch.Tensor]:
    return list(layout.split(torch.from_numpy(vector)).values())


def test_another_scheme_changes_only_what_it_is_about():
    layout = initial_parameters(RESNET, IMAGE, 10)[1]
    for name, standard, identity in zip(
        layout.names,
        parts(layout, drawn("fresh_standard_4")),
        parts(layout, drawn("fresh_block_identity_4")),
        strict=True,
    ):
        if name.endswith("norm2.weight"):
            assert (standard == 1).all()
            assert (identity == 0).all()
        else:
            assert torch.equal(standard, identity)


def test_what_identifies_a_line():
    own, fresh = own_line("a"), fresh_line("fresh", "a", "standard", 3)
    assert own.content() == {"kind": "initial_to_final", "start": ["a", "initial"], "end": ["a", "final"]}
    assert fresh.content() == {"kind": "fresh", "start": ["a", "fresh_standard_3"], "end": ["a", "final"]}
    assert (own.draw, fresh.draw) == (None, 3)
    assert own.start.stored
    assert not fresh.start.stored
