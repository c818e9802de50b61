"""Lines with batch-norm statistics of another kind, held to PyTorch's own layers of batch norm."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_sweep import run_of, toy
from torch import nn

from stages.config import BatchNormStatistics, Interpolate, LineStatistics, Refinement, StatisticsLines
from stages.lines.line import Endpoint, Line, own_line
from stages.lines.line_evaluation import LineEvaluation
from stages.lines.redrawn_statistics import redraw
from stages.lines.sweep import EvaluationOptions, shuffle_training_split, sweep_line
from stages.networks import evaluation
from stages.networks.evaluation import task_of

ALPHAS = 7
BATCH = 12  # the last of five batches has two of the fifty examples
ONCE = Refinement(levels=0, points=1)
MOMENTUM = LineStatistics(estimate="momentum", batch_size=BATCH, momentum=0.1, order="redrawn")
CUMULATIVE = LineStatistics(estimate="cumulative", batch_size=10, order="redrawn")


def ends(task):
    random = torch.Generator().manual_seed(5)
    return [torch.randn(task.layout.size, dtype=torch.float64, generator=random) for _ in range(2)]


def swept(settings, draw, task=None):
    task = task or task_of(run_of(batch_norm=True), toy(), torch.device("cpu"), torch.float64)
    alphas = torch.linspace(0, 1, ALPHAS, dtype=torch.float64)
    with torch.no_grad():
        return sweep_line(task, *ends(task), alphas, settings, 0, 0, EvaluationOptions(ONCE, draw))


def as_in_the_release(settings, orders):
    """Return the training losses at each alpha: statistics are reset, estimated by a pass in training mode, and used
    in evaluation mode."""
    data = toy()
    start, end = ends(task_of(run_of(batch_norm=True), data, torch.device("cpu"), torch.float64))
    momentum = settings.momentum if settings.estimate == "momentum" else None  # None: the mean over batches
    first, second = (nn.BatchNorm1d(size, momentum=momentum) for size in (6, 5))
    layers = [nn.Linear(9, 6), first, nn.Tanh(), nn.Linear(6, 5), second, nn.Tanh(), nn.Linear(5, 3)]
    network = nn.Sequential(nn.Flatten(), *layers).double()
    losses = []
    for alpha, order in zip(torch.linspace(0, 1, ALPHAS, dtype=torch.float64), orders, strict=True):
        nn.utils.vector_to_parameters(torch.lerp(start, end, alpha), network.parameters())
        for layer in (first, second):
            layer.reset_running_stats()
        network.train()
        with torch.no_grad():
            for batch in data.train_x[order].double().split(settings.batch_size):
                network(batch)
            losses.append(float(F.cross_entropy(network.eval()(data.train_x.double()), data.train_y)))
    return losses


@pytest.mark.parametrize("settings", [MOMENTUM, CUMULATIVE], ids=["moving average", "mean"])
def test_redrawn_statistics_are_those_of_a_training_pass_at_each_alpha(settings):
    orders = [redraw(50, 3, place) for place in range(ALPHAS)]
    assert swept(settings, 3).loss_train == pytest.approx(as_in_the_release(settings, orders), rel=1e-9)


def test_shuffled_statistics_are_those_of_a_training_pass_in_one_order():
    settings = MOMENTUM.model_copy(update={"order": "shuffled"})
    task = task_of(run_of(batch_norm=True), toy(), torch.device("cpu"), torch.float64)
    order = shuffle_training_split(task, 3)
    found = swept(settings, None, order)
    places = [(task.train.x == example).flatten(1).all(1).nonzero().item() for example in order.train.x]
    assert found.loss_train == pytest.approx(as_in_the_release(settings, [torch.tensor(places)] * ALPHAS), rel=1e-9)


def test_permutations_differ_by_draw_and_alpha():
    drawn = {tuple(redraw(20, draw, place).tolist()) for draw in range(3) for place in range(4)}
    assert len(drawn) == 12
    assert all(sorted(order) == list(range(20)) for order in drawn)
    assert torch.equal(redraw(20, 1, 2), redraw(20, 1, 2))


def test_what_is_drawn_does_not_depend_on_the_chunks_of_alphas(monkeypatch):
    together = swept(MOMENTUM, 0)
    monkeypatch.setitem(evaluation.ACTIVATION_BYTES, "cpu", 1)
    apart = swept(MOMENTUM, 0)
    np.testing.assert_allclose(apart.loss_train, together.loss_train, rtol=1e-12)
    assert np.abs(swept(MOMENTUM, 1).loss_train - together.loss_train).min() > 1e-6


def test_redrawn_batches_are_for_losses_alone():
    task = task_of(run_of(batch_norm=True), toy(), torch.device("cpu"), torch.float64)
    alphas = torch.linspace(0, 1, 3, dtype=torch.float64)
    for gauss_examples, refinement in ((4, ONCE), (0, Refinement(levels=1, points=1))):
        with pytest.raises(ValueError, match="no derivatives and no fine grid"):
            sweep_line(task, *ends(task), alphas, MOMENTUM, gauss_examples, 0, EvaluationOptions(refinement, 0))


def test_lines_are_the_own_lines_with_numbers():
    runs = {"a": run_of(batch_norm=True), "b": run_of(batch_norm=True, seed=1)}
    kind = StatisticsLines(kind="statistics", batch_norm=MOMENTUM, count=2)
    found = list(kind.lines("release", runs, None))
    assert [(line.kind, line.end.run_id, line.draw) for line in found] == [
        ("release", "a", 0), ("release", "a", 1), ("release", "b", 0), ("release", "b", 1)
    ]  # fmt: skip
    assert [(line.start, line.end) for line in found[:1]] == [(Endpoint("a", "initial"), Endpoint("a", "final"))]
    assert {line.statistics for line in found} == {MOMENTUM}


def test_a_key_holds_the_lines_own_statistics_and_not_those_of_the_others():
    usual = LineEvaluation(Interpolate(), 0, 0)
    other = LineEvaluation(Interpolate(batch_norm=BatchNormStatistics(batch_size=64)), 0, 0)
    own = own_line("a")
    assert usual.key(own) != other.key(own)

    def line(statistics, draw=0):
        return Line("any", own.start, own.end, draw, statistics=statistics)

    changed = (MOMENTUM.model_copy(update={"order": "shuffled"}), MOMENTUM.model_copy(update={"batch_size": 13}))
    keys = [usual.key(one) for one in (own, *map(line, (MOMENTUM, CUMULATIVE, *changed)), line(MOMENTUM, 1))]
    assert len(set(keys)) == 6
    assert usual.key(line(MOMENTUM)) == other.key(line(MOMENTUM))
