"""The stages on residual networks, with lines from fresh initialisations."""

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
from stages.measure import measures
from stages.networks.build import initial_parameters
from stages.networks.evaluation import evaluate_points, task_of
from stages.shared.csv_files import read_csv
from stages.shared.seeds import derive
from stages.shared.store import Store
from stages.train_grid import train_grid
from stages.training.keys import evaluation_key, run_key
from stages.training.stored_runs import StoredRuns

PARAMS = (
    HEADER
    + """claims: {}
plot: {}
suites:
  residual:
    dataset: digits
    threshold: 5.0
    tolerance: TOLERANCE
    gauss_examples: 2
    path_examples: 0
    lines:
      fresh: {kind: fresh, count: 2, initialization: own, among: {}}
      other: {kind: fresh, count: 3, initialization: block_identity, among: {initialization: [standard]}}
    planes: {}
    runs: {network: resnet, layers: 8, width_multiplier: 0.125, train_size: 40, loss: cross_entropy, epochs: 2,
           batch_size: 20, batch_norm: true}
    grids:
      main: {initialization: [standard, block_identity], optimizer: [sgd, adam], lr: [0.1], seed: [0, 1]}
"""
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project whose tolerance parts its runs into monotone and non-monotone ones."""
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLI_STORE", str(root / ".cells"))
        patch.setenv("MLI_JOBS", "0")
        patch.setenv("MLI_DEVICE", "cpu")
        (root / "params.yaml").write_text(PARAMS.replace("TOLERANCE", "0.0"))
        (root / "reports").mkdir()
        download(job(root, "digits"))
        train_grid(job(root, "residual"))
        interpolate(job(root, "residual"))
        measures(job(root))
    return root


def job(root, name=None):
    return Job(load(root / "params.yaml"), name, root / "data", root / "reports")


def runs(root):
    dataset = load_dataset(root / "data/datasets/digits.safetensors")
    return dataset, {run_key(run, dataset.checksum): run for run in job(root).params.runs("residual")}


def test_a_run_loaded_back_has_bit_identical_losses(project):
    dataset, configured = runs(project)
    store = Store(project / ".cells")
    folder = StoredRuns(Store(project / ".cells"))
    settings = job(project).params.interpolate.batch_norm
    for run_id, run in configured.items():
        theta = torch.from_numpy(folder.weights(run_id, "final"))[None]
        train, test = evaluate_points(task_of(run, dataset, torch.device("cpu")), theta, settings)
        kept = store.get("evaluations", evaluation_key(run_id, settings))[0]["numbers"].tolist()
        assert [float(value) for part in (train, test) for value in (part.loss, part.accuracy)] == kept


def test_fresh_lines_lead_from_initialisations_of_the_right_kind_to_the_end_of_a_run(project):
    dataset, configured = runs(project)
    curves = load_curves(project / "data/curves/residual.safetensors")
    folder = StoredRuns(Store(project / ".cells"))
    settings = job(project).params.interpolate.batch_norm
    fresh = [row for row, line in enumerate(curves.lines) if line != "initial_to_final"]
    assert fresh
    for row in fresh:
        run = configured[curves.run_ids[row]]
        scheme = run.initialization if curves.lines[row] == "fresh" else "block_identity"
        drawn = run.model_copy(update={"initialization": scheme, "seed": derive("fresh", curves.draws[row])})
        start = initial_parameters(drawn, (1, 8, 8), 10)[2]
        ends = torch.stack([start, torch.from_numpy(folder.weights(curves.run_ids[row], "final"))])
        train, test = evaluate_points(task_of(run, dataset, torch.device("cpu")), ends, settings)
        np.testing.assert_allclose(curves.loss_train[row][[0, -1]], train.loss, rtol=1e-5)
        np.testing.assert_allclose(curves.loss_test[row][[0, -1]], test.loss, rtol=1e-5)
        assert np.isnan(curves.gauss_smooth[row]).all()
        assert curves.distance[row] == pytest.approx(float((ends[1] - ends[0]).double().norm()))


def test_fresh_lines_are_all_there_and_lead_to_the_runs_of_largest_contrast(project):
    table = read_csv(project / "reports/measures.csv")
    own = table[table["line"] == "initial_to_final"]
    assert len(own) == 8
    assert set(own["monotonic"].astype(str)) == {"True", "False"}
    for kind, count, among in (
        ("fresh", 2, own),
        ("other", 3, own[own["initialization"] == "standard"]),
    ):
        lines = table[table["line"] == kind]
        ends = set(lines["run_id"])
        assert ends <= set(among["run_id"])
        for run_id in ends:
            assert lines.loc[lines["run_id"] == run_id, "draw"].astype(int).tolist() == list(range(count))
        risen = among[among["monotonic"].astype(str) == "False"].astype({"min_delta": float})
        verdicts = [verdict for verdict in (True, False) if (among["monotonic"].astype(str) == str(verdict)).any()]
        assert len(ends) == len(verdicts)
        if len(risen):
            assert risen.sort_values("min_delta").iloc[-1]["run_id"] in ends


def test_a_change_of_the_tolerance_evaluates_only_lines_to_other_runs(project, monkeypatch, capsys):
    """A tolerance above every rise leaves no non-monotone run: its lines go, and come back from the store."""
    for name, value in (("MLI_STORE", project / ".cells"), ("MLI_JOBS", "0"), ("MLI_DEVICE", "cpu")):
        monkeypatch.setenv(name, str(value))
    before = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(PARAMS.replace("TOLERANCE", "1000.0"))
    try:
        interpolate(job(project, "residual"))
        curves = load_curves(project / "data/curves/residual.safetensors")
        own, fresh = capsys.readouterr().out.splitlines()
        assert own.startswith("interpolate residual: 8 lines, 8 reused, 0 evaluated")
        assert fresh.startswith("interpolate residual, other lines: 5 lines")
        assert list(curves.lines).count("fresh") == 2
    finally:
        (project / "params.yaml").write_text(before)
        interpolate(job(project, "residual"))
    _, again = capsys.readouterr().out.splitlines()
    assert again.startswith("interpolate residual, other lines: 10 lines, 10 reused, 0 evaluated")
