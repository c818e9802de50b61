"""Endpoints and lines, held to weights worked out alone."""

import numpy as np
import pytest
import torch

from stages.config import BatchNormStatistics, Interpolate, Run
from stages.datasets.dataset import Dataset
from stages.lines.endpoint_weights import EndpointWeights
from stages.lines.line import Endpoint, Line, ParameterExchange, RandomPermutation, UnitMatching, own_line
from stages.lines.line_evaluation import LineEvaluation
from stages.lines.sweep import sweep_line
from stages.networks.build import initial_parameters
from stages.networks.evaluation import evaluate_points, task_of
from stages.networks.parameter_layout import Layout

IMAGE = (1, 8, 8)
COMMON = {"dataset": "toy", "loss": "cross_entropy", "optimizer": "sgd", "lr": 0.1, "epochs": 1, "batch_size": 8}
RESNET = Run(**COMMON, network="resnet", layers=8, width_multiplier=0.25, batch_norm=True, seed=3)
MLP = Run(**COMMON, network="mlp", hidden=(6, 5), activation="tanh", batch_norm=True, seed=3)
SETTINGS = BatchNormStatistics(estimate="cumulative", batch_size=64, momentum=0.1, examples=None)
RNG = np.random.default_rng(0)


def toy(run):
    images, labels = torch.rand(40, *IMAGE), torch.arange(40) % 10
    return Dataset("toy", images, labels, images[:9], labels[:9], 10, "")


class Stored:
    """The files of runs, whose weights are those of the initialisation moved by noise."""

    def __init__(self, run):
        self.initial = initial_parameters(run, IMAGE, 10)[2].numpy()
        self.points = {}
        for key in ("a", "b"):
            self.points[key, "initial"] = self.initial
            self.points[key, "final"] = self.initial + 0.5 * RNG.standard_normal(self.initial.shape).astype(np.float32)
            self.points[key, "epoch_1"] = self.initial + np.float32(0.1)

    def weights(self, run_id, point):
        return self.points[run_id, point]


def points(run=MLP):
    dataset = toy(run)
    return EndpointWeights(run, dataset, task_of(run, dataset, torch.device("cpu")), Stored(run))


def drawn(point: str, run: Run = RESNET) -> np.ndarray:
    return points(run).weights(Endpoint("a", point)).numpy()


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


def test_a_fresh_initialisation_has_the_gain_and_outputs_of_its_run():
    scaled = MLP.model_copy(update={"gain": 3.0, "outputs": 12})
    usual = drawn("fresh_standard_0", MLP.model_copy(update={"outputs": 12}))
    layout = initial_parameters(scaled, IMAGE, 10)[1]
    pairs = zip(parts(layout, drawn("fresh_standard_0", scaled)), parts(layout, usual), strict=True)
    for value, plain in pairs:
        torch.testing.assert_close(value, (3.0 if plain.dim() == 2 else 1.0) * plain)


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


def test_stored_points_are_what_the_files_hold():
    made = points()
    for point in ("initial", "final", "epoch_1"):
        np.testing.assert_array_equal(made.weights(Endpoint("a", point)), made.stored.points["a", point])


def test_noise_has_the_size_of_the_final_weights_tensor_by_tensor():
    run = MLP.model_copy(update={"hidden": (300, 200)})
    made = points(run)
    final, noise = (made.weights(Endpoint("a", point)) for point in ("final", "noise_0"))
    assert torch.equal(noise, made.weights(Endpoint("a", "noise_0")))
    assert not torch.equal(noise, made.weights(Endpoint("a", "noise_1")))
    layout = made.task.layout
    for name, value in layout.split(noise).items():
        size = layout.split(final)[name].square().mean().sqrt().item()
        few = 6 / np.sqrt(value.numel())  # six standard errors, with room
        assert value.square().mean().sqrt().item() == pytest.approx(size, rel=few)
        assert abs(value.mean().item()) < few * size
    assert abs(np.corrcoef(noise, final)[0, 1]) < 0.02


@pytest.mark.parametrize("start", ["zero", "noise_3"])
def test_lines_from_zero_and_noise_hit_their_ends_exactly(start):
    made = points()
    first, last = (made.weights(Endpoint("a", point)) for point in (start, "final"))
    if start == "zero":
        assert not first.any()
    with torch.no_grad():
        found = sweep_line(made.task, first, last, torch.linspace(0, 1, 5), SETTINGS, 0, 0)
        train, test = evaluate_points(made.task, torch.stack([first, last]), SETTINGS)
    np.testing.assert_allclose(found.loss_train[[0, -1]], train.loss, rtol=1e-6)
    np.testing.assert_allclose(found.loss_test[[0, -1]], test.loss, rtol=1e-6)
    if start == "zero":
        assert found.loss_train[0] == pytest.approx(np.log(10), rel=1e-6)


def test_an_exchanged_layer_is_that_of_the_other_point_and_the_rest_stays():
    made = points()
    layout = made.task.layout
    names = ("layers.4.weight", "layers.4.bias")
    mixed = layout.split(made.weights(Endpoint("a", "final", ParameterExchange(names, "initial"))))
    for name in layout.names:
        source = "initial" if name in names else "final"
        assert torch.equal(mixed[name], layout.split(made.weights(Endpoint("a", source)))[name])


def test_what_identifies_a_line_is_where_it_leads():
    own = own_line("a")
    assert own.content() == {"start": ["a", "initial"], "end": ["a", "final"]}
    assert own.reads == ("a",)
    fresh = Line("fresh", Endpoint("a", "fresh_standard_3"), Endpoint("a", "final"), 3)
    assert fresh.content() == {"start": ["a", "fresh_standard_3"], "end": ["a", "final"]}
    matched = Line("finals", Endpoint("b", "final"), Endpoint("a", "final", UnitMatching("weights", "b")))
    assert matched.reads == ("b", "a")
    others = [
        Endpoint("a", "final"),
        Endpoint("a", "final", RandomPermutation(1)),
        Endpoint("a", "final", RandomPermutation(2)),
        Endpoint("a", "final", ParameterExchange(("x",), "initial")),
        Endpoint("a", "final", ParameterExchange(("y",), "initial")),
        Endpoint("a", "final", UnitMatching("weights", "b")),
        Endpoint("a", "final", UnitMatching("activations", "b")),
        Endpoint("a", "final", UnitMatching("weights", "c")),
    ]
    assert len({str(end.content()) for end in others}) == len(others)
    assert Endpoint("a", "fresh_standard_3").reads == Endpoint("a", "zero").reads == ()
    assert Endpoint("a", "noise_3").reads == ("a",)


def test_lines_of_runs_far_from_converged_get_no_alphas_for_their_gauss_lengths():
    whole = LineEvaluation(Interpolate(), 8, 0)
    assert whole.of_own_line(0.2, threshold=0.1) == whole
    grid = whole.of_own_line(0.21, threshold=0.1)
    assert (grid.interpolate.gauss_refinement.most_alphas, grid.gauss_examples) == (0, 8)
    assert grid.interpolate.refinement == whole.interpolate.refinement
    assert grid.key(own_line("a")) != whole.key(own_line("a"))
