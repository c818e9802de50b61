"""The sides of a benchmark compute the same thing."""

import numpy as np
import pytest
import torch

from benchmarks import gpu, usual
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


def test_the_line_of_loss_landscapes_is_ours():
    pytest.importorskip("loss_landscapes", reason="of benchmarks/requirements.txt")
    run, data = mlp((12, 9)), images()
    task = task_of(run, data, torch.device("cpu"))
    start, end = (initial_parameters(mlp((12, 9), seed=seed), (1, 28, 28), 10)[2] for seed in (0, 1))
    nets = [usual.network(run, 784, 10) for _ in range(2)]
    for net, theta in zip(nets, (start, end), strict=True):
        weights = list(task.layout.split(theta).values())
        usual.put(net, weights, weights, 0.0)
    with torch.no_grad():
        ours = walk(task, start, end, torch.tensor([0.25, 0.5, 0.75, 1.0]), WHOLE, 1, 0)
    theirs = usual.landscape(*nets, 4, data)
    np.testing.assert_allclose(theirs, [ours.loss_train, ours.loss_test], rtol=1e-5)


def test_the_table_of_stack_sizes_is_of_this_device():
    rows = gpu.table(images(), torch.device("cpu"), (1, 3), epochs=1, matrix=64).splitlines()[-2:]
    cells = [[float(cell) for cell in row.strip("| ").split("|")] for row in rows]
    assert [row[0] for row in cells] == [1, 3]
    for size, seconds, minute, _ in cells:
        assert minute == pytest.approx(60 * size / (seconds * 200), rel=0.02)  # of three digits each


def test_sides_are_run_in_turn():
    seen = []
    found = alternate({"one": lambda: seen.append(1), "two": lambda: seen.append(2)}, repeats=2)
    assert seen == [1, 2, 1, 2, 1, 2]
    assert set(found) == {"one", "two"}
    assert all(side.wall >= 0 and side.cpu >= 0 for side in found.values())
