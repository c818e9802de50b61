"""Lines of every kind, planes and trajectories through the stages."""

import json
import shutil

import numpy as np
import pytest
import torch
from small import HEADER

from stages.config import load
from stages.config.job import Job
from stages.datasets.dataset import load_dataset
from stages.download import download
from stages.interpolate import interpolate
from stages.lines.curves import load_curves
from stages.lines.landscape import load_landscape
from stages.measure import measures
from stages.networks.evaluation import evaluate_points, task_of
from stages.results import gathering
from stages.results.gathering import gather
from stages.results.local_runs import finished_records, stored_records
from stages.shared.csv_files import read_csv
from stages.shared.store import Store
from stages.train_grid import train_grid
from stages.training.keys import run_key
from stages.training.stored_runs import StoredRuns

PARAMS = (
    HEADER
    + """claims: {}
plot: {}
suites:
  landscape:
    dataset: digits
    threshold: 5.0
    tolerance: 0.001
    gauss_examples: 4
    path_examples: 0
    lines:
      initials: {kind: pairs, start: initial, end: initial, matching: null, among: &sound {lr: [0.1]}}
      crossed: {kind: pairs, start: initial, end: final, matching: null, among: *sound}
      finals: {kind: pairs, start: final, end: final, matching: null, among: *sound}
      by_weights: {kind: pairs, start: final, end: final, matching: weights, among: *sound}
      by_activations: {kind: pairs, start: final, end: final, matching: activations, among: *sound}
      permuted_initial: {kind: permuted, point: initial, count: 2, among: {}}
      permuted_final: {kind: permuted, point: final, count: 2, among: {seed: [0]}}
      snapshots: {kind: snapshots, among: {seed: [0]}}
      noise: {kind: noise, count: 2, among: {seed: [0]}}
      zero: {kind: zero, among: {}}
      from_initial: {kind: layers, of: layer, rest: initial, among: {seed: [0]}}
      from_final: {kind: layers, of: layer, rest: final, among: {seed: [0]}}
      shuffled: {kind: statistics, batch_norm: {batch_size: 512, order: shuffled}, among: {seed: [0]}}
      redrawn:
        kind: statistics
        batch_norm: {estimate: momentum, batch_size: 30, order: redrawn}
        count: 2
        among: {seed: [0, 2]}
    planes:
      two_finals:
        points:
          initial_1: {point: initial, among: {seed: [0]}}
          final_1: {point: final, among: {seed: [0]}}
          final_2: {point: final, among: {seed: [1]}}
          initial_2: {point: initial, among: {seed: [1]}}
        grid: 5
        margin: 0.0
      lost:
        points:
          initial_1: {point: initial, among: {seed: [0]}}
          final_1: {point: final, among: {seed: [0]}}
          final_2: {point: final, among: {seed: [2]}}
        grid: 5
        margin: 0.1
    runs: {network: mlp, hidden: [8, 6], activation: relu, batch_norm: true, loss: cross_entropy, optimizer: sgd,
           train_size: 120, epochs: 4, batch_size: 40, snapshots: [1, 3]}
    grids:
      main: {lr: [0.1], seed: [0, 1]}
      lost: {lr: [1.0e+30], seed: [2]}
"""
)
COUNTS = {"initials": 1, "crossed": 2, "finals": 1, "by_weights": 1, "by_activations": 1, "permuted_initial": 6}
COUNTS |= {"permuted_final": 2, "snapshots": 2, "noise": 2, "zero": 3, "from_initial": 3, "from_final": 3}
COUNTS |= {"shuffled": 1, "redrawn": 4}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with two trained runs and one that diverged."""
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLI_STORE", str(root / ".cells"))
        patch.setenv("MLI_JOBS", "0")
        patch.setenv("MLI_DEVICE", "cpu")
        (root / "params.yaml").write_text(PARAMS)
        (root / "reports").mkdir()
        download(job(root, "digits"))
        train_grid(job(root, "landscape"))
        interpolate(job(root, "landscape"))
        measures(job(root))
        yield root


def run_ids(root):
    return list(json.loads((root / "data/runs/landscape.json").read_text()))


def job(root, name=None):
    return Job(load(root / "params.yaml"), name, root / "data", root / "reports")


def lines(root, kind):
    """Return the rows of a kind of lines with finite losses, in order."""
    curves = load_curves(root / "data/curves/landscape.safetensors")
    finite = np.isfinite(curves.loss_train).all(1)
    return curves, [row for row, line in enumerate(curves.lines) if line == kind and finite[row]]


def test_every_line_asked_for_is_there_and_those_of_diverged_runs_are_rows_without_numbers(project):
    table = read_csv(project / "reports/measures.csv")
    assert table["line"].value_counts().drop("initial_to_final").to_dict() == COUNTS
    lost = table[table["status"] == "diverged"]
    rows = {"initial_to_final": 1, "permuted_initial": 2, "zero": 1, "redrawn": 2}
    assert lost["line"].value_counts().to_dict() == rows
    assert lost["min_delta"].isna().all()
    zero = table[(table["line"] == "zero") & (table["status"] != "diverged")]
    assert zero["normalized_distance"].isna().all()
    assert np.isfinite(zero["distance"]).all()


def test_the_ends_of_lines_have_the_losses_of_their_points(project):
    dataset = load_dataset(project / "data/datasets/digits.safetensors")
    runs = {run_key(run, dataset.checksum): run for run in job(project).params.runs("landscape")}
    stored, settings = StoredRuns(Store(project / ".cells")), job(project).params.interpolate.batch_norm
    points = {"initials": ("initial",) * 2, "crossed": ("initial", "final"), "finals": ("final",) * 2}
    points |= dict.fromkeys(("by_weights", "by_activations"), ("final", "final"))
    points |= dict.fromkeys(("permuted_initial", "permuted_final"), ("initial", "final"))
    for kind, (start, end) in points.items():
        curves, rows = lines(project, kind)
        assert rows
        for row in rows:
            theta = np.stack([stored.weights(curves.starts[row], start), stored.weights(curves.run_ids[row], end)])
            task = task_of(runs[curves.run_ids[row]], dataset, torch.device("cpu"))
            train, test = evaluate_points(task, torch.from_numpy(theta), settings)
            np.testing.assert_allclose(curves.loss_train[row, [0, -1]], train.loss, rtol=2e-5)
            np.testing.assert_allclose(curves.loss_test[row, [0, -1]], test.loss, rtol=2e-5)
            np.testing.assert_allclose(curves.accuracy_train[row, [0, -1]], train.accuracy, atol=1e-9)


def test_a_matching_brings_optima_closer(project):
    curves, (plain,) = lines(project, "finals")
    for kind in ("by_weights", "by_activations"):
        _, (matched,) = lines(project, kind)
        assert curves.distance[matched] < curves.distance[plain]


def test_lines_of_one_layer_begin_or_end_at_the_runs_own_points(project):
    curves, _ = lines(project, "from_initial")
    own = curves.loss_train[curves.lines.index("initial_to_final")]
    for kind, place in (("from_initial", 0), ("from_final", -1)):
        rows = lines(project, kind)[1]
        assert [curves.parts[row] for row in rows] == ["layers.1", "layers.4", "layers.7"]
        np.testing.assert_allclose(curves.loss_train[rows, place], own[place], rtol=1e-6)
        away = curves.distance[rows]
        assert np.square(away).sum() == pytest.approx(curves.distance[0] ** 2)  # layers have no parameter in common


def test_lines_with_other_statistics_are_the_own_line_but_for_these(project):
    curves, (same,) = lines(project, "shuffled")  # of the whole split, whose statistics know no order
    own = curves.loss_train[curves.run_ids.index(curves.run_ids[same])]
    np.testing.assert_allclose(curves.loss_train[same], own, rtol=1e-5)
    _, (first, second) = lines(project, "redrawn")
    assert (curves.draws[first], curves.draws[second]) == (0, 1)
    for row, other in ((first, own), (second, own), (first, curves.loss_train[second])):
        assert np.abs(curves.loss_train[row] - other).max() > 1e-4


def test_planes_have_their_points_where_they_lie_and_paths_between_them(project):
    found = load_landscape(project / "data/landscapes/landscape.safetensors")
    assert list(found.planes) == ["two_finals"]  # the other has a point of a diverged run
    plane = found.planes["two_finals"]
    assert plane.labels == ("initial_1", "final_1", "final_2", "initial_2")
    assert plane.loss_train.shape == (5, 5)
    np.testing.assert_array_equal(plane.marks[:3, 2], 0)
    assert plane.marks[3, 2] > 0
    assert plane.lengths.tolist() == [4, 4]
    np.testing.assert_allclose(plane.steps[[0, 3]], plane.marks[:2], atol=1e-4)
    np.testing.assert_allclose(plane.steps[[4, 7]], plane.marks[[3, 2]], atol=1e-4)
    dataset = load_dataset(project / "data/datasets/digits.safetensors")
    ids = [run_key(run, dataset.checksum) for run in job(project).params.runs("landscape")]
    assert plane.paths == tuple(ids[:2])
    assert list(found.trajectories) == ids[:2]
    curves = load_curves(project / "data/curves/landscape.safetensors")
    for row, run_id in enumerate(ids[:2]):
        np.testing.assert_array_equal(found.trajectories[run_id].epoch, [0, 1, 3, 4])
        path = found.trajectories[run_id].loss_train
        np.testing.assert_allclose(path[[0, -1]], curves.loss_train[row, [0, -1]], rtol=1e-5)


def test_a_second_time_all_is_reused_and_the_files_are_the_same_bytes(project, monkeypatch, capsys):
    for name, value in (("MLI_STORE", project / ".cells"), ("MLI_JOBS", "0"), ("MLI_DEVICE", "cpu")):
        monkeypatch.setenv(name, str(value))
    files = [project / "data" / kind / "landscape.safetensors" for kind in ("curves", "landscapes")]
    before = [path.read_bytes() for path in files]
    interpolate(job(project, "landscape"))
    assert [path.read_bytes() for path in files] == before
    own, others, planes = capsys.readouterr().out.splitlines()
    assert own == "interpolate landscape: 3 lines, 2 reused, 0 evaluated, 1 of diverged runs left out"
    assert others == "interpolate landscape, other lines: 32 lines, 27 reused, 0 evaluated, 5 of diverged runs left out"
    assert planes == "interpolate landscape: 1 planes, 0 of 5 rows evaluated, 1 of diverged runs"


def test_what_the_store_has_of_a_finished_suite_is_the_suite_as_it_is_written(project, monkeypatch):
    monkeypatch.setenv("MLI_STORE", str(project / ".cells"))
    whole = job(project)
    for found in (finished_records(whole, "landscape"), stored_records(whole, "landscape", Store.default())[0]):
        monkeypatch.setattr(gathering, "local_records", lambda *_, found=found: found)
        some = gather(whole)
        assert some.unfinished == ()
        for file in (whole.curves_file("landscape"), whole.landscape_file("landscape")):
            assert (some.data / file.relative_to(whole.data)).read_bytes() == file.read_bytes()
        before, after = (one.training_folder("landscape") for one in (whole, some))
        assert (before / "epochs.csv").read_bytes() == (after / "epochs.csv").read_bytes()
        assert read_csv(before / "runs.csv").equals(read_csv(after / "runs.csv").drop(columns="origin"))


def test_lines_planes_and_trajectories_of_half_of_the_runs_are_those_between_them(project, tmp_path, monkeypatch):
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("MLI_STORE", str(tmp_path / ".cells"))
    second = run_ids(tmp_path)[1]
    Store.default().path("runs", second).unlink()
    for path in job(tmp_path).files_of("landscape"):
        path.unlink()
    some = gather(job(tmp_path))
    measures(some)
    assert str(some.progress["landscape"]) == "2 of 3 runs evaluated"
    table = read_csv(tmp_path / "reports/measures.csv")
    assert set(table["run_id"]) == set(run_ids(tmp_path)) - {second}
    alone = ("permuted_initial", "permuted_final", "snapshots", "noise", "zero", "from_initial", "from_final")
    assert set(table["line"]) == {"initial_to_final", *alone, "shuffled", "redrawn"}
    whole = read_csv(project / "reports/measures.csv")
    assert table.equals(
        whole[whole["run_id"].isin(table["run_id"]) & whole["line"].isin(table["line"])].reset_index(drop=True)
    )
    landscape = load_landscape(some.landscape_file("landscape"))
    assert list(landscape.planes) == []
    assert list(landscape.trajectories) == run_ids(tmp_path)[:1]
