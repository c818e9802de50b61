"""The sides of a benchmark compute the same thing."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import baselines, gpu, gpu_suites, single_line
from benchmarks.run import mlp_run
from benchmarks.timing import time_in_turn
from stages.config import BatchNormStatistics, load
from stages.datasets.dataset import Dataset
from stages.lines.sweep import sweep_line
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
    run, data = mlp_run((12, 9), batch_norm), images()
    task = task_of(run, data, torch.device("cpu"))
    start, end = (initial_parameters(mlp_run((12, 9), batch_norm, seed), (1, 28, 28), 10)[2] for seed in (0, 1))
    net = baselines.build_network(run, 784, 10)
    ends = [[part.clone() for part in task.layout.split(theta).values()] for theta in (start, end)]
    alphas = np.linspace(0, 1, 5)
    with torch.no_grad():
        ours = sweep_line(task, start, end, torch.from_numpy(alphas).float(), WHOLE, 60, 0)
    theirs = baselines.evaluate_line(net, *ends, alphas.tolist(), data, resident).reshape(5, 2, 2)
    np.testing.assert_allclose(theirs[:, 0, 0], ours.loss_train, rtol=1e-5)
    np.testing.assert_allclose(theirs[:, 1, 1], ours.accuracy_test, rtol=1e-6)
    if not batch_norm:  # theirs freezes the statistics
        length = baselines.gauss_length(net, *ends, alphas.tolist(), data.train_x)
        assert length == pytest.approx(ours.gauss_smooth.mean(), rel=1e-3)


def test_the_loop_over_state_dicts_is_a_single_line():
    before, after, x, y = single_line.ends(40)
    ours = single_line.line(single_line.resnet20(), before, after, x, y, 3)
    theirs = single_line.loop(single_line.resnet20(), before, after, x, y, np.linspace(0, 1, 3))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_the_line_of_loss_landscapes_is_ours():
    pytest.importorskip("loss_landscapes", reason="of benchmarks/requirements.txt")
    run, data = mlp_run((12, 9)), images()
    task = task_of(run, data, torch.device("cpu"))
    start, end = (initial_parameters(mlp_run((12, 9), seed=seed), (1, 28, 28), 10)[2] for seed in (0, 1))
    nets = [baselines.build_network(run, 784, 10) for _ in range(2)]
    for net, theta in zip(nets, (start, end), strict=True):
        weights = list(task.layout.split(theta).values())
        baselines.set_weights(net, weights, weights, 0.0)
    with torch.no_grad():
        ours = sweep_line(task, start, end, torch.tensor([0.25, 0.5, 0.75, 1.0]), WHOLE, 1, 0)
    theirs = baselines.evaluate_landscape(*nets, 4, data)
    np.testing.assert_allclose(theirs, [ours.loss_train, ours.loss_test], rtol=1e-5)


TINY = gpu.Sizes(16, 64, 1, 6, 5, (0.01,), (2, 3), (1,), 1)


def test_the_benchmark_on_a_gpu_is_whole(monkeypatch, capsys):
    monkeypatch.setattr(gpu, "step_seconds", lambda runs, *_: 1e-3 * len(runs))
    monkeypatch.setattr(gpu, "line_seconds", lambda *_: 0.5)
    monkeypatch.setattr(gpu, "compare_suites", lambda *_: iter(["| classifiers | 1.0e-07 | 1.0e-07 | 1.0 | agrees |"]))
    monkeypatch.setattr(gpu, "mnist_like", images)
    monkeypatch.setattr(gpu, "SMOKE", TINY)
    gpu.main(["--smoke"])
    text = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "784-" in line]
    assert [row[0] for row in rows[1:]] == ["2 x 784-5-5-10", "3 x 784-5-5-10"]
    assert [row[1:3] for row in rows[1:]] == [["2", ""], ["3", "0.6"]]
    minutes = (6 * 200 * 2e-3 * 2 + 2 * 6 * 2 * 0.5) / 60  # an epoch is a step; a kind with and one without batch norm
    assert f"Table 1 (24 runs of 200 epochs, one process), trained in float32: {minutes:.3g} minutes" in text
    monkeypatch.setattr(gpu, "compare_suites", lambda *_: iter(["| classifiers | 1 | 1 | 1.0 | DIFFERS |"]))
    with pytest.raises(SystemExit, match="a suite differs from the CPU"):
        gpu.main(["--smoke"])


def test_a_step_and_its_least_work():
    runs = gpu.table_1_stack((6, 5), (0.01, 0.1), batch_norm=True)
    assert gpu.step_seconds(runs, images(), torch.device("cpu"), gpu.STEP_OPTIONS["plain"], 1) > 0
    operations, moved = gpu.least_work(runs)
    assert operations == 4 * 2 * 128 * (2 * 784 * 6 + 3 * 6 * 5 + 3 * 5 * 10)
    assert moved == 4 * (784 * 6 + 6 * 5 + 5 * 10) * (2 * 6 + 2 * 8)
    assert gpu.measure_bandwidth(torch.device("cpu"), 64) > 0


def test_a_way_is_set_by_the_environment(monkeypatch):
    monkeypatch.setenv("MLI_FUSED_UPDATES", "0")
    with gpu.set_options(gpu.STEP_OPTIONS["and TF32"]):
        assert (os.environ["MLI_FUSED_UPDATES"], os.environ["MLI_TRAINING_PRECISION"]) == ("1", "tf32")
    assert (os.environ["MLI_FUSED_UPDATES"], os.environ["MLI_TRAINING_PRECISION"]) == ("0", "")
    assert list(gpu.available_options(torch.device("cuda"))) == list(gpu.STEP_OPTIONS)
    assert not any(way.fused for way in gpu.available_options(torch.device("cuda")).values())


@pytest.fixture(scope="module")
def params():
    return load(Path(__file__).resolve().parents[1] / "params.yaml")


def test_suites_are_cut_to_runs_of_two_epochs(params):
    for name in params.suites:
        runs = gpu_suites.some_runs(params.runs(name))
        assert 1 <= len(runs) <= 4
        assert all(run.train_size <= 500 for run in runs)
        assert all(run.epochs == 2 and run.switch_after in (None, 1) for run in runs)


def test_a_suite_that_computes_something_else_is_seen(params, monkeypatch):
    name = "landscape_failing"
    place = torch.device("cpu")
    again = list(gpu_suites.compare_suites(params, [name], place, time.monotonic() + 60))
    assert again[0].startswith(f"| {name} | 0.0e+00 | 0.0e+00 |")
    assert again[0].endswith("agrees |")
    monkeypatch.setattr(gpu_suites, "relative_difference", lambda *_: 2e-4)
    assert next(gpu_suites.compare_suites(params, [name], place, time.monotonic() + 60)).endswith("DIFFERS |")
    assert next(gpu_suites.compare_suites(params, [name], place, time.monotonic() - 1)).endswith("not reached |")


def test_differences_are_relative_to_the_largest_value():
    found, expected = np.array([1.0, -3.0, 8.2]), np.array([1.0, -2.0, 8.0])
    assert gpu_suites.relative_difference(found, expected) == 1 / 8


def test_sides_are_run_in_turn():
    seen = []
    found = time_in_turn({"one": lambda: seen.append(1), "two": lambda: seen.append(2)}, repeats=2)
    assert seen == [1, 2, 1, 2, 1, 2]
    assert set(found) == {"one", "two"}
    assert all(side.wall >= 0 and side.cpu >= 0 for side in found.values())
