"""Planes: their edge is the line, bit for bit; their points are where they are said to be."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from stages.config import BatchNormStatistics, Run
from stages.datasets.dataset import load_dataset
from stages.datasets.splits import Splits, save_dataset
from stages.lines.landscape import Landscape, Surface, Trajectory, load_landscape, save_landscape
from stages.lines.line import Endpoint
from stages.lines.plane_grid import SURFACE_VALUES, PlaneGrid, make_plane_grid
from stages.lines.plane_task import plane_task
from stages.lines.sweep import sweep_line
from stages.lines.trajectory_points import load_trajectory, trajectory_epochs, trajectory_key
from stages.lines.trajectory_task import trajectory_task
from stages.measures.projection import basis
from stages.networks.build import initial_parameters
from stages.networks.evaluation import evaluate_points, task_of
from stages.shared.store import Store
from stages.training.keys import run_key
from stages.training.stored_runs import StoredRuns
from stages.training.trained_run import to_arrays
from stages.training.training_loop import train
from stages.workers.task import TaskPaths

SETTINGS = BatchNormStatistics(estimate="cumulative", batch_size=64, momentum=0.1, examples=None)
RUNS = [
    Run(
        dataset="toy",
        network="mlp",
        hidden=(6, 5),
        activation="relu",
        batch_norm=True,
        loss="cross_entropy",
        optimizer="adam",
        lr=0.05,
        epochs=6,
        batch_size=16,
        snapshots=(2, 4),
        seed=seed,
    )
    for seed in range(2)
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two trained runs with their files, and where a plane's task finds them."""
    root = tmp_path_factory.mktemp("plane")
    rng = np.random.default_rng(0)
    x = rng.random((50, 1, 4, 4), dtype=np.float32)
    y = np.arange(50) % 3
    save_dataset(root / "toy.safetensors", "toy", Splits(x[:40], y[:40], x[40:], y[40:], 3))

    dataset = load_dataset(root / "toy.safetensors")
    keys = [run_key(run, dataset.checksum) for run in RUNS]
    for key, trained in zip(keys, train(RUNS, dataset, torch.device("cpu")), strict=True):
        Store(root / "store").put("runs", key, *to_arrays(trained, {}))
    return TaskPaths(root / "toy.safetensors", root / "store"), dataset, keys


def test_the_edge_of_a_plane_is_the_line_bit_for_bit(made):
    paths, dataset, keys = made
    alphas = np.linspace(0, 1, 7)
    points = (Endpoint(keys[0], "initial"), Endpoint(keys[0], "final"), Endpoint(keys[1], "initial"))
    sheet = PlaneGrid(points, tuple(alphas.tolist()), (0.0, 1.5))
    plane_task(paths, sheet, (0, 1), RUNS[0], SETTINGS)
    edge, above = (Store(paths.store).get("planes", key)[0] for key in sheet.keys(SETTINGS))
    stored = StoredRuns(Store(paths.store))
    first, last = (torch.from_numpy(stored.weights(keys[0], point)) for point in ("initial", "final"))
    task = task_of(RUNS[0], dataset, torch.device("cpu"))
    with torch.no_grad():
        line = sweep_line(task, first, last, torch.from_numpy(alphas).float(), SETTINGS, 0, 0)
    for name in SURFACE_VALUES:
        np.testing.assert_array_equal(edge[name], getattr(line, name))
        assert not np.array_equal(above[name], edge[name])


def test_every_point_of_the_grid_is_evaluated_where_its_coordinates_say(made):
    paths, dataset, keys = made
    points = (Endpoint(keys[0], "initial"), Endpoint(keys[0], "final"), Endpoint(keys[1], "final"))
    stored = StoredRuns(Store(paths.store))
    weights = [stored.weights(end.run_id, end.point) for end in points]
    axes = basis(*weights)
    sheet = make_plane_grid(points, axes, axes.coordinates(np.stack(weights)), grid=4, margin=0.25)
    plane_task(paths, sheet, range(4), RUNS[0], SETTINGS)
    found = np.stack([Store(paths.store).get("planes", key)[0]["loss_train"] for key in sheet.keys(SETTINGS)])
    theta = [
        axes.origin + alpha * axes.length * axes.x + height * axes.y
        for height in sheet.heights
        for alpha in sheet.alphas
    ]
    task = task_of(RUNS[0], dataset, torch.device("cpu"))
    train_split, _ = evaluate_points(task, torch.from_numpy(np.array(theta)).float(), SETTINGS)
    np.testing.assert_allclose(found.ravel(), train_split.loss, rtol=1e-4)


def test_the_grid_reaches_around_all_that_is_shown_by_the_margin():
    axes = replace(basis(np.zeros(3), np.array([2.0, 0, 0]), np.array([0, 1.0, 0])))
    shown = np.array([[0, 0, 0], [2, 0, 0], [1, 3, 0], [-2, 1, 9]])
    sheet = make_plane_grid((None, None, None), axes, shown, grid=5, margin=0.5)
    np.testing.assert_allclose(np.array(sheet.alphas) * axes.length, np.linspace(-4, 4, 5))
    np.testing.assert_allclose(sheet.heights, np.linspace(-1.5, 4.5, 5))


def test_rows_have_identities_of_their_own():
    points = tuple(Endpoint("a", point) for point in ("initial", "final", "zero"))
    one = PlaneGrid(points, (0.0, 0.5, 1.0), (0.0, 1.0))
    others = [replace(one, alphas=(0.0, 0.4, 1.0)), replace(one, points=points[::-1]), replace(one, heights=(2.0, 3.0))]
    keys = [key for sheet in (one, *others) for key in sheet.keys(SETTINGS)]
    keys += one.keys(SETTINGS.model_copy(update={"batch_size": 32}))
    assert len(set(keys)) == len(keys)


def test_what_a_run_passed_is_evaluated_at_its_own_weights(made):
    paths, dataset, keys = made
    assert trajectory_epochs(RUNS[0]) == (0, 2, 4, 6)
    trajectory_task(paths, keys[0], RUNS[0], SETTINGS)
    found = Store(paths.store).get("trajectories", trajectory_key(keys[0], RUNS[0], SETTINGS))[0]
    theta = load_trajectory(keys[0], RUNS[0], StoredRuns(Store(paths.store)))
    np.testing.assert_array_equal(theta[0], initial_parameters(RUNS[0], (1, 4, 4), 3)[2])
    task = task_of(RUNS[0], dataset, torch.device("cpu"))
    for place in range(4):
        alone, _ = evaluate_points(task, torch.from_numpy(theta[[place, place]]), SETTINGS)
        assert found["loss_train"][place] == pytest.approx(alone.loss[0].item(), rel=1e-6)
    assert found["loss_train"][-1] < found["loss_train"][0]


def test_a_landscape_survives_the_way_through_its_file(tmp_path):
    surface = Surface(
        labels=("b", "a", "c"),
        runs=("x", "x", "y"),
        kinds=("initial", "final", "final"),
        paths=("x",),
        x=np.arange(3.0),
        y=np.arange(2.0),
        **{name: np.random.default_rng(1).random((2, 3)) for name in SURFACE_VALUES},
        marks=np.zeros((3, 3)),
        steps=np.ones((4, 3)),
        lengths=np.array([4]),
    )
    trajectory = Trajectory(*(np.arange(4.0) + place for place in range(10)))
    path = tmp_path / "one.safetensors"
    save_landscape(path, Landscape({"second": surface, "first": surface}, {"x": trajectory}))
    back = load_landscape(path)
    assert list(back.planes) == ["second", "first"]
    for one in back.planes.values():
        for name, value in vars(surface).items():
            np.testing.assert_array_equal(getattr(one, name), value)
    for name, value in vars(trajectory).items():
        np.testing.assert_array_equal(getattr(back.trajectories["x"], name), value)
    assert isinstance(back.planes["first"].labels, tuple)
