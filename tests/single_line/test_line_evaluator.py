"""Lines by the command's engine, held to loading each interpolated state dict into the network in plain PyTorch."""

import ast
import copy
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from stages.api import evaluate_line, evaluate_lines
from stages.shared.errors import UserError
from stages.single_line.examples import examples_of
from stages.single_line.line_evaluator import Detail, LineEvaluator, _BlockLosses, _largest_change
from stages.single_line.memory import with_smaller_batches
from stages.single_line.prepared_network import Checkpoint, prepare_network

ALPHAS = 5
FAST = {"alphas": ALPHAS, "gauss_examples": 0}


def network():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64, 8),
        nn.BatchNorm1d(8),
        nn.Linear(8, 3),
    )


def state(seed):
    torch.manual_seed(seed)
    made = network()
    for layer in made:
        if hasattr(layer, "running_mean"):
            nn.init.normal_(layer.running_mean, std=0.3)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            layer.num_batches_tracked += seed
    return made.state_dict()


def data(count=40):
    random = torch.Generator().manual_seed(0)
    return torch.randn(count, 1, 6, 6, generator=random), torch.randint(3, (count,), generator=random)


def interpolated(before, after, alpha):
    """Return the state dict at alpha, integers as at the start."""
    return {
        name: torch.lerp(value, after[name], alpha) if value.is_floating_point() else value
        for name, value in before.items()
    }


def plain_losses(net, before, after, x, y, loss=F.cross_entropy, how="stored"):
    """Return mean losses at each alpha, by the untouched network."""
    found = []
    with torch.no_grad():
        for alpha in np.linspace(0, 1, ALPHAS):
            net.load_state_dict(interpolated(before, after, float(alpha)))
            net.eval()
            for layer in net.modules() if how != "stored" else ():
                if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                    layer.reset_running_stats()
                    layer.training, layer.momentum = True, None
            if how == "reestimated":
                net(x)
                net.eval()
            found.append(float(loss(net(x), y)))
    return np.array(found)


@pytest.mark.parametrize("how", ["stored", "reestimated", "batch"])
def test_losses_are_those_of_plain_pytorch(how):
    before, after, (x, y) = state(0), state(1), data()
    line = evaluate_line(network(), before, after, (x, y), batch_norm=how, **FAST)
    np.testing.assert_allclose(
        line.curve["train_loss"], plain_losses(network(), before, after, x, y, how=how), rtol=1e-5
    )
    assert line.row["batch_norm"][0] == how
    expected = torch.cat([after[name].flatten() - before[name].flatten() for name, _ in network().named_parameters()])
    assert line.row["distance"][0] == pytest.approx(float(expected.norm()), rel=1e-5)


def test_the_network_is_left_as_it_is():
    net = network().train()
    before = copy.deepcopy(net.state_dict())
    evaluate_line(net, state(0), state(1), data(), **FAST)
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize(
    ("loss", "same"),
    [
        (F.cross_entropy, F.cross_entropy),
        (nn.CrossEntropyLoss(label_smoothing=0.1), nn.CrossEntropyLoss(label_smoothing=0.1)),
        (nn.CrossEntropyLoss(reduction="sum"), F.cross_entropy),
        (nn.CrossEntropyLoss(reduction="none", weight=torch.tensor([1.0, 2.0, 3.0])), None),
        (lambda outputs, y: torch.tensor(F.nll_loss(outputs.log_softmax(1), y).item()), F.cross_entropy),
    ],
)
def test_any_loss_of_outputs_and_targets(loss, same):
    before, after, (x, y) = state(0), state(1), data()
    line = evaluate_line(network(), before, after, (x, y), loss, batch_norm="stored", **FAST)
    mean = same or (lambda outputs, y: loss(outputs, y).mean())
    np.testing.assert_allclose(line.curve["train_loss"], plain_losses(network(), before, after, x, y, mean), rtol=1e-5)
    assert line.curve["train_accuracy"].notna().all()


def test_squared_error_of_real_targets_and_of_classes():
    before, after, (x, y) = state(0), state(1), data()
    hot = F.one_hot(y, 3).float()

    def squared(outputs, targets):
        return (outputs - targets).square().sum(1).mean()

    expected = plain_losses(network(), before, after, x, hot, squared)
    for targets in (y, hot):
        line = evaluate_line(network(), before, after, (x, targets), "squared_error", batch_norm="stored", **FAST)
        np.testing.assert_allclose(line.curve["train_loss"], expected, rtol=1e-5)
        assert line.curve["train_accuracy"].isna().any() == (targets is hot)


def test_a_loss_that_is_no_mean_over_examples_is_refused():
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 30.0]))
    with pytest.raises(UserError, match="neither the mean nor the sum"):
        evaluate_line(network(), state(0), state(1), data(), weighted, **FAST)


def test_targets_that_are_no_classes_are_refused():
    x, y = data()
    with pytest.raises(UserError, match="classes 0 to 12, but the network has 3 outputs"):
        evaluate_line(network(), state(0), state(1), (x, y + 10 * (y == 2)), **FAST)


def test_a_frozen_parameter_that_differs_moves_but_counts_in_no_distance():
    def frozen():
        net = network()
        net[4].weight.requires_grad_(False)
        return net

    before, after, (x, y) = state(0), state(1), data()
    line = evaluate_line(frozen, before, after, (x, y), batch_norm="stored", **FAST)
    np.testing.assert_allclose(line.curve["train_loss"], plain_losses(network(), before, after, x, y), rtol=1e-5)
    whole = evaluate_line(network, before, after, (x, y), batch_norm="stored", **FAST)
    gap = float((after["4.weight"] - before["4.weight"]).norm())
    assert line.row["distance"][0] ** 2 + gap**2 == pytest.approx(whole.row["distance"][0] ** 2, rel=1e-5)
    assert any("differ between the checkpoints (4.weight" in remark for remark in line.remarks)


def test_several_checkpoints_give_the_line_of_each_to_the_last():
    states = [state(seed) for seed in range(3)]
    lines = evaluate_lines(network(), states, data(), **FAST)
    assert [line.end for line in lines] == ["after", "after"]
    alone = evaluate_line(network(), states[1], states[2], data(), **FAST)
    np.testing.assert_allclose(lines[1].curve["train_loss"], alone.curve["train_loss"], rtol=1e-6)


def test_a_test_split_is_evaluated_with_the_statistics_of_the_training_split():
    x, y = data(60)
    both = ((x[:40], y[:40]), (x[40:], y[40:]))
    line = evaluate_line(network(), state(0), state(1), both, **FAST)
    net = network()
    net.load_state_dict(state(1))
    net.train()
    for layer in (net[1], net[5]):
        layer.momentum = 1.0
    with torch.no_grad():
        net(x[:40])
        expected = float(F.cross_entropy(net.eval()(x[40:]), y[40:]))
    assert line.curve["test_loss"].iloc[-1] == pytest.approx(expected, rel=1e-5)


def test_the_standard_error_of_min_delta_is_that_of_the_jackknife():
    random = np.random.default_rng(0)
    losses_NA = random.normal(size=(30, 4)) + np.array([1.0, 0.9, 1.3, 0.5])
    blocks = _BlockLosses(4)
    for start in range(0, 30, 3):
        for part in (slice(0, 2), slice(2, 4)):
            blocks.add(part, slice(start, start + 3), torch.from_numpy(losses_NA[start : start + 3, part].sum(0)))
    values = []
    for start in range(0, 30, 3):
        mean = np.delete(losses_NA, range(start, start + 3), axis=0).mean(0)
        values.append(max(mean[j] - mean[i] for j in range(4) for i in range(j)))
    assert blocks.standard_error() == pytest.approx(np.sqrt(9 / 10 * np.square(values - np.mean(values)).sum()))
    assert _largest_change(np.array([[3.0, 2.0, 1.5, 0.0]])) == [-0.5]


def test_the_standard_error_is_as_large_as_min_delta_scatters_between_samples():
    x, y = data(2000)
    prepared = prepare_network(network(), [Checkpoint("before", state(0)), Checkpoint("after", state(1))], x)
    some = []
    for k in range(20):
        evaluator = LineEvaluator(prepared, examples_of((x[k::20], y[k::20])), batch_norm="stored")
        some.append(evaluator.evaluate(*prepared.points, Detail(100, ALPHAS)))
    scatter = np.std([line.min_delta for line in some], ddof=1)
    assert np.mean([line.noise for line in some]) == pytest.approx(scatter, rel=0.5)


def test_smaller_batches_are_tried_where_memory_is_too_little():
    tried, said = [], []

    def compute(rows):
        tried.append(rows)
        if rows > 20:
            raise RuntimeError(
                "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte"
            )
        return "done"

    assert with_smaller_batches(compute, 100, said.append) == ("done", 12)
    assert tried == [100, 50, 25, 12]
    assert said[-1] == "memory was too little; trying 12 examples at once"


class Greedy(nn.Module):
    """A network for whose activations memory is too little if there are more than seven examples."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(36, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))

    def forward(self, x):
        if len(x) > 7:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 2 bytes")
        return self.layers(x)


def test_a_line_is_evaluated_in_smaller_batches_where_memory_is_too_little():
    torch.manual_seed(0)
    before, after, (x, y) = Greedy().state_dict(), Greedy().state_dict(), data(200)
    line = evaluate_line(Greedy, before, after, (x, y), batch_norm="stored", **FAST)

    class Frugal(Greedy):
        def forward(self, x):
            return self.layers(x)

    np.testing.assert_allclose(line.curve["train_loss"], plain_losses(Frugal(), before, after, x, y), rtol=1e-5)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    def compute(rows):
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        with_smaller_batches(compute, 100, print)


def test_a_curve_a_row_and_a_figure():
    line = evaluate_line(network(), state(0), state(1), data(), alphas=ALPHAS, gauss_examples=4)
    assert list(line.curve) == ["alpha", "train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    assert len(line.row) == 1
    assert line.row["gauss_length_turning"][0] > 0
    assert line.row["min_delta"][0] == line.min_delta
    assert [ax.get_title() for ax in line.figure().axes] == ["loss", "accuracy"]
    assert "min Δ" in str(line)
    rise = line.largest_rise()
    assert rise is None or rise.height == pytest.approx(line.min_delta)
    assert all(one.start < one.top and one.height > 0 for one in line.rises())


def test_examples_that_the_network_cannot_take_are_refused():
    with pytest.raises(UserError, match=r"cannot take examples of shape \(1, 7, 7\)"):
        evaluate_line(network(), state(0), state(1), (torch.zeros(20, 1, 7, 7), torch.arange(20) % 3), **FAST)


@pytest.mark.parametrize("name", ["random_in_evaluation", "mixes_examples", "writes_into_a_buffer", "copied_weight"])
def test_networks_that_cannot_have_a_line_are_refused(name, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "networks"))
    import zoo

    before, after = (getattr(zoo, name)().state_dict() for _ in range(2))
    data = torch.randn(20, 1, 8, 8), torch.arange(20) % 10
    with pytest.raises(UserError, match="factory: 'Of'|factory: 'Sequential'"):
        evaluate_line(getattr(zoo, name), before, after, data, **FAST)


LIMITED = """
import resource
import sys

import torch
from torch import nn

import stages.networks.evaluation as evaluation
import stages.single_line.line_evaluator as evaluator
from stages.api import evaluate_line

torch.set_num_threads(1)


def net():
    layers = nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 4, 3)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


states = []
for seed in (0, 1):
    torch.manual_seed(seed)
    states.append(net().state_dict())
x, y = torch.randn(1500, 1, 32, 32), torch.arange(1500) % 4
evaluator.rows_that_fit = lambda *given: 2**20  # as if there were more memory than there is
evaluator.BLOCKS = 1
evaluation.ACTIVATION_BYTES["cpu"] = 2**33
if sys.argv[1] == "limited":
    used = 4096 * int(open("/proc/self/statm", encoding="utf-8").read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (used + 300 * 2**20,) * 2)
print(evaluate_line(net, *states, (x, y), alphas=3, gauss_examples=0).curve["train_loss"].tolist())
"""


@pytest.mark.long
def test_a_line_is_the_same_where_memory_is_short():
    found = []
    for how in ("free", "limited"):
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "OMP_NUM_THREADS": "1"}
        done = subprocess.run([sys.executable, "-c", LIMITED, how], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        found.append(ast.literal_eval(done.stdout))
    np.testing.assert_allclose(*found, rtol=1e-6)


class ChangesWhatItReads(nn.Module):
    """The input of a convolution is changed in place before the sum that would be folded into the convolution."""

    def __init__(self):
        super().__init__()
        self.enter, self.conv = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        y = self.enter(x)
        z = self.conv(y)
        return (z + F.relu_(y)).mean((2, 3))


def test_batch_norm_is_not_folded_where_outputs_would_be_others():
    before, after = (ChangesWhatItReads().state_dict() for _ in range(2))
    x, y = data()
    line = evaluate_line(ChangesWhatItReads, before, after, (x, y), **FAST)
    np.testing.assert_allclose(line.curve["train_loss"], plain_losses(ChangesWhatItReads(), before, after, x, y), 1e-5)
