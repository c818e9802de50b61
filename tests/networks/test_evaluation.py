import itertools

import pytest
import torch

from stages.config import BatchNormStatistics, Run
from stages.datasets.dataset import Dataset
from stages.networks.evaluation import ACTIVATION_BYTES, batches, chunk_points, combine, evaluate_points, task_of


@pytest.mark.parametrize(
    ("count", "size", "least", "sizes"),
    [
        (10, 4, 1, [4, 4, 2]),
        (9, 4, 1, [4, 4, 1]),
        (9, 4, 2, [4, 5]),  # one example alone has no variance
        (8, 4, 2, [4, 4]),
        (1, 4, 2, [1]),
        (3, 5, 1, [3]),
    ],
)
def test_batches_cover_every_example_once(count, size, least, sizes):
    found = list(batches(count, size, least))
    assert [part.stop - part.start for part in found] == sizes
    assert [index for part in found for index in range(part.start, part.stop)] == list(range(count))


def settings(estimate: str) -> BatchNormStatistics:
    return BatchNormStatistics(estimate=estimate, batch_size=2, momentum=0.25, examples=None)


def observed():
    for rows, mean, variance in ((4, 1.0, 2.0), (4, 3.0, 4.0), (2, 10.0, 7.0)):
        yield rows, {"l.mean": torch.tensor([mean]), "l.variance": torch.tensor([variance])}


def test_cumulative_statistics_are_the_mean_over_examples():
    found = combine(observed(), settings("cumulative"))
    assert float(found["l.mean"]) == pytest.approx((4 * 1 + 4 * 3 + 2 * 10) / 10)
    assert float(found["l.variance"]) == pytest.approx((4 * 2 + 4 * 4 + 2 * 7) / 10)


def test_moving_statistics_are_torchs():
    layer = torch.nn.BatchNorm1d(1, momentum=0.25)
    mean, variance = layer.running_mean.clone(), layer.running_var.clone()
    for _, batch in observed():
        mean = 0.75 * mean + 0.25 * batch["l.mean"]
        variance = 0.75 * variance + 0.25 * batch["l.variance"]
    found = combine(observed(), settings("momentum"))
    assert torch.allclose(found["l.mean"], mean)
    assert torch.allclose(found["l.variance"], variance)


MLP = {"network": "mlp", "hidden": (33, 17), "activation": "tanh"}
RESNET = {"network": "resnet", "layers": 8, "width_multiplier": 0.2}
NETWORKS = [MLP, MLP | {"batch_norm": True}, RESNET | {"batch_norm": True}, RESNET | {"initialization": "fixup"}]
KIBIBYTES = [128, 1]  # several chunks of rows and points; a chunk a point
SLOW = [(network, 1) for network in NETWORKS[2:]]


@pytest.mark.parametrize(
    ("network", "kibibytes"),
    [
        pytest.param(*case, marks=pytest.mark.long if case in SLOW else ())
        for case in itertools.product(NETWORKS, KIBIBYTES)
    ],
)
def test_company_changes_no_bit_of_an_evaluation(network, kibibytes, monkeypatch):
    monkeypatch.setitem(ACTIVATION_BYTES, "cpu", kibibytes * 2**10)
    random = torch.Generator().manual_seed(0)
    x, y = torch.randn(700, 1, 3, 3, generator=random), torch.randint(3, (700,), generator=random)
    dataset = Dataset("toy", x[:500], y[:500], x[500:], y[500:], 3, "0" * 64)
    common = {"dataset": "toy", "loss": "cross_entropy", "optimizer": "sgd", "lr": 0.1, "epochs": 1, "batch_size": 8}
    task = task_of(Run(**common, **network, seed=0), dataset, torch.device("cpu"))
    theta = torch.randn(40, task.layout.size, generator=random)
    every = BatchNormStatistics(estimate="cumulative", batch_size=128, momentum=0.1, examples=None)
    together = evaluate_points(task, theta, every)
    # The last is one more than a chunk holds, where that is more than one.
    room = chunk_points(task, every, len(theta))
    for company in ([3], [3, 30], [30, 3, 7], list(range(25, 40)), [30, 30], list(range(min(room + 1, 40)))):
        for ours, alone in zip(together, evaluate_points(task, theta[company], every), strict=True):
            assert torch.equal(ours.loss[company], alone.loss)
            assert torch.equal(ours.accuracy[company], alone.accuracy)
