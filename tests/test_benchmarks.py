"""The sides of a benchmark compute the same thing."""

import numpy as np
import pytest
import torch

from benchmarks import usual
from benchmarks.run import mlp
from benchmarks.sides import alternate
from stages.config import BatchNormStatistics
from stages.datasets.dataset import Dataset
from stages.lines.sweep import walk
from stages.networks.build import initial_parameters
from stages.networks.evaluation import task_of

WHOLE = BatchNormStatistics(estimate="cumulative", batch_size=512, momentum=0.1, examples=None)


def images() -> Dataset:
    random = torch.Generator().manual_seed(0)
    x = torch.randint(256, (90, 1, 28, 28), generator=random) / 255
    y = torch.randint(10, (90,), generator=random)
    return Dataset("mnist", x[:60], y[:60], x[60:], y[60:], 10, "0" * 64)


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_usual_line_is_ours(batch_norm, resident):
    run, data = mlp((12, 9), batch_norm), images()
    task = task_of(run, data, torch.device("cpu"))
    start, end = (initial_parameters(mlp((12, 9), batch_norm, seed), (1, 28, 28), 10)[2] for seed in (0, 1))
    net = usual.network(run, 784, 10)
    ends = [[part.clone() for part in task.layout.split(theta).values()] for theta in (start, end)]
    alphas = np.linspace(0, 1, 5)
    with torch.no_grad():
        ours = walk(task, start, end, torch.from_numpy(alphas).float(), WHOLE, 60, 0)
    theirs = usual.line(net, *ends, alphas.tolist(), data, resident).reshape(5, 2, 2)
    np.testing.assert_allclose(theirs[:, 0, 0], ours.loss_train, rtol=1e-5)
    np.testing.assert_allclose(theirs[:, 1, 1], ours.accuracy_test, rtol=1e-6)
    if not batch_norm:  # theirs freezes the statistics
        length = usual.gauss_length(net, *ends, alphas.tolist(), data.train_x)
        assert length == pytest.approx(ours.gauss_smooth.mean(), rel=1e-3)


def test_sides_are_run_in_turn():
    seen = []
    found = alternate({"one": lambda: seen.append(1), "two": lambda: seen.append(2)}, repeats=2)
    assert seen == [1, 2, 1, 2, 1, 2]
    assert set(found) == {"one", "two"}
    assert all(side.wall >= 0 and side.cpu >= 0 for side in found.values())
