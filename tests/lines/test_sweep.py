import copy
import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from plain import convolutional
from torch import nn

from stages.config import BatchNormStatistics, Refinement, Run
from stages.datasets.dataset import Dataset
from stages.lines import sweep
from stages.lines.sweep import EvaluationOptions, shuffle_training_split, sweep_line
from stages.measures.gauss_length import smooth, turning
from stages.networks import evaluation
from stages.networks.evaluation import task_of

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
CUMULATIVE = BatchNormStatistics(estimate="cumulative", batch_size=16, momentum=0.1, examples=None)
MOMENTUM = BatchNormStatistics(estimate="momentum", batch_size=16, momentum=0.3, examples=32)
BATCH = BatchNormStatistics(estimate="batch", batch_size=16, momentum=0.1, examples=None)
CONVOLUTIONAL = {"hidden": None, "activation": None}
RESNET = CONVOLUTIONAL | {"network": "resnet", "layers": 8, "width_multiplier": 0.2}
EXAMPLES = 20  # more than a batch: two batches of their own where each batch has its own statistics


def toy() -> Dataset:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(70, 1, 3, 3, generator=random)
    y = torch.randint(3, (70,), generator=random)
    return Dataset("toy", x[:50], y[:50], x[50:], y[50:], 3, "0" * 64)


def run_of(**changes) -> Run:
    values = {
        "dataset": "toy",
        "network": "mlp",
        "hidden": (6, 5),
        "activation": "tanh",
        "loss": "cross_entropy",
        "optimizer": "sgd",
        "lr": 0.1,
        "epochs": 1,
        "batch_size": 16,
        "seed": 0,
    }
    return Run(**(values | changes))


def plain_network(run: Run, estimate: BatchNormStatistics, outputs: int) -> nn.Module:
    momentum = 1.0 if estimate.estimate == "cumulative" else estimate.momentum
    if run.hidden is None:
        network = convolutional(run, (1, 3, 3), outputs).double()
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = momentum
        return network
    layers, before = [nn.Flatten()], 9
    for after in run.hidden:
        layers.append(nn.Linear(before, after))
        if run.batch_norm:
            layers.append(nn.BatchNorm1d(after, momentum=momentum))
        layers.append(ACTIVATIONS[run.activation]())
        before = after
    return nn.Sequential(*layers, nn.Linear(before, outputs)).double()


def outputs_at(network, theta, x, train_x, settings):
    """Copy weights in, estimate running statistics by a pass in training mode, and return the outputs for x."""
    network = copy.deepcopy(network)
    nn.utils.vector_to_parameters(theta, network.parameters())
    if settings.estimate == "batch":
        network.train()
        return torch.cat([network(batch) for batch in x.split(settings.batch_size)])
    network.train()
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    examples = train_x[: settings.examples]
    totals = [torch.zeros(2, layer.num_features, dtype=torch.float64) for layer in layers]
    for batch in examples.split(settings.batch_size):
        network(batch)
        for layer, total in zip(layers, totals, strict=True):
            total += torch.stack([layer.running_mean, layer.running_var]) * len(batch) / len(examples)
    if settings.estimate == "cumulative":  # each layer then held the last batch's own statistics
        for layer, total in zip(layers, totals, strict=True):
            layer.running_mean, layer.running_var = total
    return network.eval()(x)


CASES = {
    "tanh": (run_of(), CUMULATIVE),
    "relu": (run_of(activation="relu"), CUMULATIVE),
    "squared error": (run_of(loss="squared_error"), CUMULATIVE),
    "autoencoder": (run_of(network="autoencoder", loss="squared_error", hidden=(6, 2, 6)), CUMULATIVE),
    "batch norm": (run_of(batch_norm=True), CUMULATIVE),
    "batch norm, moving average": (run_of(batch_norm=True, activation="sigmoid"), MOMENTUM),
    "batch norm, own batches": (run_of(batch_norm=True), BATCH),
    "resnet": (run_of(batch_norm=True, **RESNET), CUMULATIVE),
    "resnet, moving average": (run_of(batch_norm=True, **RESNET), MOMENTUM),
    "resnet, fixup": (run_of(initialization="fixup", **RESNET), CUMULATIVE),
    "resnet, scales and biases": (run_of(initialization="block_identity", **RESNET), CUMULATIVE),
    "vgg": (run_of(**CONVOLUTIONAL, network="vgg", layers=11, batch_norm=True, width_multiplier=0.04), CUMULATIVE),
}

SLOW_PIECES = ("resnet", "resnet, scales and biases", "vgg")


def line(run: Run, settings: BatchNormStatistics):
    data = toy()
    task = task_of(run, data, torch.device("cpu"), torch.float64)
    random = torch.Generator().manual_seed(5)
    start, end = (torch.randn(task.layout.size, dtype=torch.float64, generator=random) for _ in range(2))
    network = plain_network(run, settings, 9 if run.network == "autoencoder" else 3)

    def outputs(alpha: float, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            theta = start * (1 - alpha) + end * alpha
            return outputs_at(network, theta, x.double(), data.train_x.double(), settings)

    return data, task, start, end, outputs


def plain_loss(run: Run, z: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> float:
    if run.network == "autoencoder":
        return float((z - x.double().flatten(1)).pow(2).sum(1).mean())
    if run.loss == "squared_error":
        return float((z - F.one_hot(y, 3)).pow(2).sum(1).mean())
    return float(F.cross_entropy(z, y))


@pytest.mark.parametrize(("run", "settings"), CASES.values(), ids=CASES.keys())
def test_a_line_is_separate_passes_with_copied_weights(run, settings):
    data, task, start, end, outputs = line(run, settings)
    alphas = torch.linspace(0, 1, 5, dtype=torch.float64)
    with torch.no_grad():
        found = sweep_line(task, start, end, alphas, settings, EXAMPLES, 4)
    splits = (
        (data.train_x, data.train_y, found.loss_train, found.accuracy_train),
        (data.test_x, data.test_y, found.loss_test, found.accuracy_test),
    )
    for x, y, losses, accuracies in splits:
        for row, alpha in enumerate(alphas):
            z = outputs(float(alpha), x)
            assert losses[row] == pytest.approx(plain_loss(run, z, x, y), rel=1e-10)
            if run.network == "autoencoder":
                assert np.isnan(accuracies[row])
            else:
                assert accuracies[row] == pytest.approx(float((z.argmax(1) == y).double().mean()))
    paths = np.stack([outputs(float(alpha), data.train_x)[:4].numpy() for alpha in alphas])
    np.testing.assert_allclose(found.paths, paths, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("run", "settings"), CASES.values(), ids=CASES.keys())
def test_gauss_lengths_are_those_of_finite_differences(run, settings):
    data, task, start, end, outputs = line(run, settings)
    alphas = torch.linspace(0, 1, 5, dtype=torch.float64)
    with torch.no_grad():
        found = sweep_line(task, start, end, alphas, settings, EXAMPLES, 0)
    bent = run.activation in ("tanh", "sigmoid")
    step = 1e-4 if bent else 1e-8  # few corners lie within a step so small
    low, middle, high = (
        np.stack([outputs(float(alpha) + shift, data.train_x)[:EXAMPLES].numpy() for alpha in alphas])
        for shift in (-step, 0.0, step)
    )
    tangents = (high - low) / (2 * step)
    np.testing.assert_allclose(found.gauss_turning_grid, turning(tangents), rtol=1e-4)
    if bent:  # a difference quotient across a corner is no second derivative
        accelerations = (high - 2 * middle + low) / step**2
        expected = smooth(tangents, accelerations, alphas.numpy())
        np.testing.assert_allclose(found.gauss_smooth, expected, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize(("run", "settings"), CASES.values(), ids=CASES.keys())
def test_each_examples_own_loss_is_followed(run, settings):
    data, task, start, end, outputs = line(run, settings)
    alphas = torch.linspace(0, 1, 5, dtype=torch.float64)
    with torch.no_grad():
        found = sweep_line(task, start, end, alphas, settings, EXAMPLES, 0)
    along = [outputs(float(alpha), data.train_x) for alpha in alphas]
    for i in range(EXAMPLES):
        one = slice(i, i + 1)
        losses = [plain_loss(run, z[one], data.train_x[one], data.train_y[one]) for z in along]
        away = [float((z[i] - along[-1][i]).pow(2).sum()) for z in along]
        for values, name in ((losses, "example_rise"), (away, "example_rise_to_end")):
            rise = max([0.0, *(after - before for before, after in itertools.combinations(values, 2))])
            assert getattr(found, name)[i] == pytest.approx(rise, rel=1e-8, abs=1e-12)
        assert found.example_start_loss[i] == pytest.approx(losses[0], rel=1e-9)
        assert found.example_final_loss[i] == pytest.approx(losses[-1], rel=1e-9)
        assert found.example_start_to_end[i] == pytest.approx(away[0], rel=1e-9)


@pytest.mark.parametrize(
    ("run", "settings"),
    [
        pytest.param(*case, id=name, marks=pytest.mark.long if name in SLOW_PIECES else ())
        for name, case in CASES.items()
    ],
)
def test_a_line_walked_in_pieces_is_the_line(run, settings, monkeypatch):
    _, task, start, end, _ = line(run, settings)
    alphas = torch.linspace(0, 1, 8, dtype=torch.float64)
    with torch.no_grad():
        whole = sweep_line(task, start, end, alphas, settings, EXAMPLES, 4)
        monkeypatch.setattr(evaluation, "FEWEST_ROWS", 7)
        monkeypatch.setitem(evaluation.ACTIVATION_BYTES, "cpu", 7 * 8 * task.width)
        monkeypatch.setitem(evaluation.WEIGHT_BYTES, "cpu", 3 * 8 * task.layout.size)
        monkeypatch.setitem(sweep.BLOCK_BYTES, "cpu", 2 * 15 * 8 * task.width)
        parts = sweep_line(task, start, end, alphas, settings, EXAMPLES, 4)
    for name, values in vars(whole).items():
        np.testing.assert_allclose(getattr(parts, name), values, rtol=1e-10, atol=1e-12, err_msg=name)


def test_endpoints_are_exact_and_nothing_is_changed():
    data, task, start, end, _ = line(run_of(batch_norm=True), CUMULATIVE)
    kept = start.clone(), end.clone()
    with torch.no_grad():
        found = sweep_line(task, start, end, torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64), CUMULATIVE, 5, 5)
        alone = [
            sweep_line(task, point, point, torch.zeros(2, dtype=torch.float64), CUMULATIVE, 5, 5) for point in kept
        ]
    assert torch.equal(start, kept[0])
    assert torch.equal(end, kept[1])
    for row, at in ((0, alone[0]), (-1, alone[1])):
        assert found.loss_train[row] == pytest.approx(at.loss_train[0], rel=1e-14)
        np.testing.assert_allclose(found.paths[row], at.paths[0], rtol=1e-13)
    np.testing.assert_array_equal(alone[0].gauss_turning, np.zeros(5))  # a line that does not move


def test_more_examples_than_there_are_means_all():
    _, task, start, end, _ = line(run_of(), CUMULATIVE)
    with torch.no_grad():
        found = sweep_line(task, start, end, torch.linspace(0, 1, 3, dtype=torch.float64), CUMULATIVE, 1000, 1000)
    assert found.gauss_smooth.shape == (50,)
    assert found.paths.shape == (3, 50, 3)


@pytest.mark.parametrize("name", ["batch norm", "batch norm, own batches", "resnet", "vgg", "tanh"])
def test_without_gauss_lengths_the_losses_are_the_same(name):
    run, settings = CASES[name]
    _, task, start, end, _ = line(run, settings)
    alphas = torch.linspace(0, 1, 5, dtype=torch.float64)
    with torch.no_grad():
        whole = sweep_line(task, start, end, alphas, settings, EXAMPLES, 4)
        paths, losses = (sweep_line(task, start, end, alphas, settings, 0, examples) for examples in (4, 0))
    for found in (paths, losses):
        assert found.gauss_smooth.shape == found.gauss_turning.shape == (0,)
        for field in ("loss_train", "loss_test", "accuracy_train", "accuracy_test"):
            np.testing.assert_allclose(getattr(found, field), getattr(whole, field), rtol=1e-12)
    np.testing.assert_allclose(paths.paths, whole.paths, rtol=1e-10)
    assert losses.paths.shape[:2] == (5, 0)


def test_a_line_that_leads_far_has_finite_lengths_in_single_precision():
    run = run_of(batch_norm=True, activation="relu", hidden=(6, 5, 5))
    task = task_of(run, toy(), torch.device("cpu"))
    random = torch.Generator().manual_seed(5)
    start = torch.randn(task.layout.size, generator=random)
    end = 1e6 * torch.randn(task.layout.size, generator=random)
    with torch.no_grad():
        found = sweep_line(task, start, end, torch.linspace(0, 1, 9), CUMULATIVE, 20, 0)
        exact = sweep_line(
            task_of(run, toy(), torch.device("cpu"), torch.float64),
            start.double(),
            end.double(),
            torch.linspace(0, 1, 9, dtype=torch.float64),
            CUMULATIVE,
            20,
            0,
        )
    np.testing.assert_allclose(found.gauss_smooth, exact.gauss_smooth, rtol=1e-2)


@pytest.mark.parametrize("settings", [CUMULATIVE, BATCH, MOMENTUM])
@pytest.mark.parametrize("changes", [{"batch_norm": True}, {}, RESNET | {"batch_norm": True}])
def test_what_is_looked_at_closely_is_the_loss_of_a_line_of_its_own(settings, changes):
    task = task_of(run_of(**changes), toy(), torch.device("cpu"), torch.float64)
    random = torch.Generator().manual_seed(3)
    start, end = (torch.randn(task.layout.size, generator=random, dtype=torch.float64) for _ in range(2))
    alphas = torch.linspace(0, 1, 7, dtype=torch.float64)
    with torch.no_grad():
        found = sweep_line(task, start, end, alphas, settings, 0, 0, EvaluationOptions(Refinement(levels=2, points=2)))
        there = torch.from_numpy(found.refined_alphas)
        close = sweep_line(task, start, end, there, settings, 0, 0)
    assert 8 <= len(there) <= 16
    assert not set(found.refined_alphas) & set(alphas.tolist())
    assert found.refined_loss == pytest.approx(close.loss_train, rel=1e-9)
    whole = np.concatenate([found.loss_train, found.refined_loss])[
        np.argsort([*alphas.tolist(), *found.refined_alphas])
    ]
    assert (whole - np.minimum.accumulate(whole)).max() >= (
        found.loss_train - np.minimum.accumulate(found.loss_train)
    ).max()


def test_a_shuffled_split_has_the_same_examples_in_another_order():
    task = task_of(run_of(), toy(), torch.device("cpu"))
    other = shuffle_training_split(task, 0)
    pairs = [
        sorted((x.sum().item(), int(y)) for x, y in zip(s.x, s.labels, strict=True)) for s in (task.train, other.train)
    ]
    assert pairs[0] == pairs[1]
    assert not torch.equal(task.train.x, other.train.x)
    assert torch.equal(other.train.target, other.train.labels)
    assert not torch.equal(shuffle_training_split(task, 1).train.x, other.train.x)


def test_a_line_that_is_not_finite_is_not_refined():
    task = task_of(run_of(), toy(), torch.device("cpu"))
    start = torch.zeros(task.layout.size)
    with torch.no_grad():
        found = sweep_line(
            task,
            start,
            start + np.inf,
            torch.linspace(0, 1, 3),
            CUMULATIVE,
            0,
            0,
            EvaluationOptions(Refinement(levels=2, points=1)),
        )
    assert found.refined_alphas.shape == found.refined_loss.shape == (0,)
