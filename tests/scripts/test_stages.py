import json
import os
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from stage_functions import ROOT, SUITES, contents, edit, job, kept, keys, run_all

from stages.download import download
from stages.interpolate import interpolate
from stages.lines.curves import load_curves
from stages.lines.line_task import line_task
from stages.measure import measures
from stages.plot import plot
from stages.report import report
from stages.results.gathering import gather, gathered
from stages.shared.csv_files import read_csv
from stages.shared.errors import UserError
from stages.shared.files import read_arrays, write_arrays
from stages.shared.progress import Bar
from stages.shared.store import Store
from stages.train_grid import train_grid
from stages.training.train_task import train_task


def test_every_output_is_there_and_nothing_else(original):
    ids = {suite: keys(original, suite) for suite in SUITES}
    expected = {"data/datasets/digits.safetensors"}
    expected |= {f"reports/{name}" for name in ("measures.csv", "power_law.csv", "metrics.json")}
    for suite in SUITES:
        expected |= {f"data/runs/{suite}.json"}
        digests = json.loads((original / f"data/runs/{suite}.json").read_text())
        store = Store(original / ".cells")
        assert digests == {key: store.get("runs", key)[1]["sha256"] for key in ids[suite]}
        expected |= {f"data/training/{suite}/{name}.csv" for name in ("runs", "epochs")}
        expected |= {f"data/{kind}/{suite}.safetensors" for kind in ("curves", "landscapes")}
    assert set(contents(original)) == expected
    assert len(ids["tiny"]) == 4


def test_the_tables_of_training_have_a_row_a_run_and_epoch(original):
    runs = read_csv(original / "data/training/tiny/runs.csv")
    assert runs["run_id"].tolist() == list(keys(original, "tiny"))
    assert runs["epochs_done"].tolist() == [2] * 4
    assert set(runs["status"]) <= {"converged", "above threshold"}
    for row in runs.itertuples():
        assert row.status == ("converged" if row.final_train_loss <= 2.0 else "above threshold")
    assert runs["train_accuracy"].between(0, 1).all()
    epochs = read_csv(original / "data/training/tiny/epochs.csv")
    assert epochs["run_id"].tolist() == [key for key in runs["run_id"] for _ in range(2)]
    assert epochs["epoch"].tolist() == [1, 2] * 4
    assert (epochs["distance"] > 0).all()
    np.testing.assert_allclose(runs["final_epoch_loss"], epochs["loss"][1::2])


def test_a_diverged_run_is_a_row_without_numbers(original):
    runs = read_csv(original / "data/training/small_autoencoders/runs.csv")
    assert runs["status"].tolist() == ["converged", "diverged"]
    ended = ["final_train_loss", "final_test_loss", "train_accuracy", "test_accuracy"]
    assert runs.loc[1, ended].isna().all()
    assert runs.loc[0, ["final_train_loss", "final_test_loss"]].notna().all()
    curves = load_curves(original / "data/curves/small_autoencoders.safetensors")
    assert np.isfinite(curves.loss_train[0]).all()
    assert np.isnan(curves.loss_train[1]).all()


def test_curves_run_from_the_initial_to_the_final_weights_of_each_run(original):
    curves = load_curves(original / "data/curves/tiny.safetensors")
    runs = read_csv(original / "data/training/tiny/runs.csv")
    assert list(curves.run_ids) == runs["run_id"].tolist()
    np.testing.assert_array_equal(curves.alphas, [0, 0.25, 0.5, 0.75, 1])
    assert curves.loss_train.shape == curves.accuracy_test.shape == (4, 5)
    assert curves.gauss_smooth.shape == curves.gauss_turning.shape == (4, 8)
    assert curves.paths.shape == (4, 5, 2, 10)
    np.testing.assert_allclose(curves.loss_train[:, -1], runs["final_train_loss"], rtol=1e-5)
    np.testing.assert_allclose(curves.loss_test[:, -1], runs["final_test_loss"], rtol=1e-5)
    np.testing.assert_allclose(curves.accuracy_train[:, -1], runs["train_accuracy"], atol=0.002)
    epochs = read_csv(original / "data/training/tiny/epochs.csv")
    np.testing.assert_allclose(curves.distance, epochs["distance"][1::2], rtol=1e-5)


def test_the_table_of_measures_has_a_row_a_line_with_its_own_configuration(original):
    table = read_csv(original / "reports/measures.csv")
    assert table["suite"].tolist() == ["tiny"] * 4 + ["small_autoencoders"] * 2
    runs = [run for suite in SUITES for run in keys(original, suite).items()]
    for row, (key, run) in zip(table.to_dict("records"), runs, strict=True):
        assert (row["run_id"], row["line"]) == (key, "initial_to_final")
        fields = ("dataset", "network", "activation", "batch_norm", "loss", "optimizer", "lr", "epochs", "seed")
        assert [row[name] for name in fields] == [getattr(run, name) for name in fields]
    assert table["status"].tolist()[-1] == "diverged"
    assert table["monotonic"].isna().tolist() == [False] * 5 + [True]
    curves = load_curves(original / "data/curves/tiny.safetensors")
    np.testing.assert_allclose(table["initial_train_loss"][:4], curves.loss_train[:, 0], rtol=1e-8)
    np.testing.assert_allclose(table["normalized_distance"][:4], curves.distance / curves.start_norm, rtol=1e-8)


def test_the_metrics_count_every_run(original):
    metrics = json.loads((original / "reports/metrics.json").read_text())
    assert list(metrics) == list(SUITES)
    for suite, lines in (("tiny", 4), ("small_autoencoders", 2)):
        numbers = metrics[suite]
        assert numbers["lines"] == lines
        assert numbers["converged"] + numbers["above_threshold"] + numbers["diverged"] == lines
    assert metrics["small_autoencoders"]["diverged"] == 1
    laws = read_csv(original / "reports/power_law.csv")
    estimators = ("smooth", "turning", "smooth_grid", "turning_grid")
    assert laws[["suite", "estimator"]].to_numpy().tolist() == [[s, e] for s in SUITES for e in estimators]


def test_a_second_time_everything_is_reused_and_the_same_bytes(finished, capsys):
    before, store = contents(finished), {kind: kept(finished, kind) for kind in ("runs", "evaluations", "lines")}
    run_all(finished)
    assert contents(finished) == before
    assert {kind: kept(finished, kind) for kind in store} == store
    told = capsys.readouterr().out
    assert "train_grid tiny: 4 runs, 4 reused, 0 trained" in told
    assert "train_grid small_autoencoders: 2 runs, 2 reused, 0 trained; 1 converged, 0 above threshold, 1 div" in told
    assert "interpolate tiny: 4 lines, 4 reused, 0 evaluated, 0 of diverged runs left out" in told
    assert "interpolate small_autoencoders: 2 lines, 1 reused, 0 evaluated, 1 of diverged runs left out" in told


@pytest.mark.parametrize("stage", ["train_grid", "interpolate"])
def test_where_everything_is_reused_pytorch_is_not_imported_and_no_server_started(finished, stage):
    code = f"""
import sys
from pathlib import Path

import stages.{stage} as module
from stages.command import Job, load
from stages.workers import fork_server

job = Job(load(Path("params.yaml")), "tiny", Path("data"), Path("reports"))
getattr(module, "{stage}")(job)
print([name for name in ("torch", "scipy", "matplotlib") if name in sys.modules], fork_server._started)
"""
    environment = {"PYTHONPATH": str(ROOT), "MLI_STORE": str(finished / ".cells"), "MLI_JOBS": "2", "MLI_DEVICE": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=finished, env=os.environ | environment, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[] False", done.stderr


def test_without_the_store_all_is_made_again_as_the_same_bytes(finished, capsys):
    before = contents(finished)
    shutil.rmtree(finished / ".cells")
    run_all(finished)
    assert "train_grid tiny: 4 runs, 0 reused, 4 trained" in capsys.readouterr().out
    assert contents(finished) == before


def test_a_new_learning_rate_trains_only_its_own_runs(finished, capsys):
    before, runs, lines = contents(finished), kept(finished, "runs"), kept(finished, "lines")
    edit(finished, "lr: [0.1]", "lr: [0.1, 0.2]")
    train_grid(job(finished, "tiny"))
    interpolate(job(finished, "tiny"))
    measures(job(finished))
    told = capsys.readouterr().out
    assert "train_grid tiny: 8 runs, 4 reused, 4 trained" in told
    assert "interpolate tiny: 8 lines, 4 reused, 4 evaluated" in told
    for kind, old in (("runs", runs), ("lines", lines)):
        new = kept(finished, kind)
        assert len(new) == len(old) + 4
        assert {key: new[key] for key in old} == old
    listed = json.loads((finished / "data/runs/tiny.json").read_text())
    assert json.loads(before["data/runs/tiny.json"]).items() <= listed.items()
    assert len(listed) == 8
    table = read_csv(finished / "reports/measures.csv")
    assert table["lr"][:8].tolist() == [0.1, 0.2] * 4


def test_a_learning_rate_taken_away_is_gone_from_the_outputs_but_kept(finished, capsys):
    edit(finished, "optimizer: [sgd, adam]", "optimizer: [sgd]")
    train_grid(job(finished, "tiny"))
    assert "train_grid tiny: 2 runs, 2 reused, 0 trained" in capsys.readouterr().out
    assert set(json.loads((finished / "data/runs/tiny.json").read_text())) == set(keys(finished, "tiny"))
    assert len(kept(finished, "runs")) == 6


def test_another_threshold_trains_and_walks_nothing(finished, capsys):
    edit(finished, "threshold: 2.0", "threshold: 1.0e-9")
    train_grid(job(finished, "tiny"))
    assert "4 reused, 0 trained; 0 converged, 4 above threshold, 0 diverged" in capsys.readouterr().out


@pytest.mark.parametrize("suite", SUITES)
def test_bars_advance_by_epochs_and_alphas_and_end_at_all_of_it(finished, monkeypatch, suite):
    """No run is reused, and at most half of the lines are; the second suite has a run that diverges."""
    seen, reach = [], Bar.reach

    def noted(bar, done):
        reach(bar, done)
        seen.append((bar.desc, bar.n, bar.total))

    monkeypatch.setattr(Bar, "reach", noted)
    for kind in ("runs", "evaluations", "lines"):
        entries = sorted((finished / ".cells" / kind).rglob("*.safetensors"))
        if kind == "lines":
            ids = [run.encode() for run in keys(finished, suite)]
            entries = [path for path in entries if any(run in path.read_bytes() for run in ids)]
            entries = entries[: (len(entries) + 1) // 2]
        for path in entries:
            path.unlink()
    train_grid(job(finished, suite))
    interpolate(job(finished, suite))
    for name in (f"train_grid {suite}", f"interpolate {suite}"):
        steps = [n for desc, n, _ in seen if desc == name]
        total = next(total for desc, _, total in seen if desc == name)
        assert steps == sorted(steps)
        assert steps[-1] == total
        assert any(n != int(n) for n in steps)


def test_a_stage_out_of_time_leaves_no_output_and_goes_on_from_the_store(finished, monkeypatch):
    expected = contents(finished)
    monkeypatch.setenv("MLI_TIME", "3600")
    where = {train_task: "stages.training.training_tasks", line_task: "stages.lines.tasks"}
    for stage, kind, what, total, task in (
        (train_grid, "runs", "run", 4, train_task),
        (interpolate, "lines", "line", 4, line_task),
    ):
        for folder in (kind, "evaluations"):
            shutil.rmtree(finished / ".cells" / folder, ignore_errors=True)
        outputs = {"runs": ["runs", "training"], "lines": ["curves", "landscapes"]}[kind]
        for folder in outputs:  # as DVC does before it runs a stage
            for path in (finished / "data" / folder).glob("tiny*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        with monkeypatch.context() as patch:
            patch.setattr("stages.workers.task_queue.STARTED", time.monotonic())
            patch.setattr(f"{where[task]}.{task.__name__}", out_of_time_after(task, patch))
            with pytest.raises(UserError, match=rf"tiny: \d of {total} {what}s are done and kept") as told:
                stage(job(finished, "tiny"))
        done = int(re.search(r"(\d) of", str(told.value))[1])
        assert 0 < done < total
        assert len(kept(finished, kind)) == done
        assert not any(list((finished / "data" / folder).glob("*tiny*")) for folder in outputs)
        stage(job(finished, "tiny"))
    assert contents(finished) == expected


def out_of_time_after(task, patch):
    """Return the task of a stage whose time is over once one has ended."""

    def do(*arguments):
        found = task(*arguments)
        patch.setattr("stages.workers.task_queue.STARTED", time.monotonic() - 3601)
        return found

    return do


@pytest.mark.parametrize("stage", [train_grid, interpolate])
def test_a_limit_that_is_no_number_is_refused_before_anything_is_read(tiny_project, monkeypatch, stage):
    monkeypatch.setenv("MLI_TIME", "soon")
    with pytest.raises(UserError, match="MLI_TIME: got 'soon', expected a positive number"):
        stage(job(tiny_project, "tiny"))


def test_a_suite_of_nothing_but_diverged_runs_goes_through_every_stage(tiny_project):
    edit(tiny_project, "lr: [0.01, 10000.0]", "lr: [10000.0]")
    run_all(tiny_project)
    table = read_csv(tiny_project / "reports/measures.csv")
    assert table["status"].tolist()[4:] == ["diverged"]
    assert pd.isna(table["monotonic"][4])
    assert json.loads((tiny_project / "reports/metrics.json").read_text())["small_autoencoders"]["lines"] == 1


@pytest.mark.parametrize("stage", [train_grid, interpolate])
def test_an_unknown_suite_is_answered_with_those_there_are(tiny_project, stage):
    with pytest.raises(UserError, match=r"suites\.tinny: no such suite, expected one of tiny, small_autoencoders"):
        stage(job(tiny_project, "tinny"))
    assert not contents(tiny_project)


def test_runs_of_different_sizes_make_one_table(tiny_project):
    edit(tiny_project, "        lr: [0.1]", "        lr: [0.1]\n        train_size: [5, 30]")
    run_all(tiny_project)
    table = read_csv(tiny_project / "reports/measures.csv")
    tiny = table[table["suite"] == "tiny"]
    assert sorted(tiny["train_size"].unique()) == [5, 30]
    assert tiny["gauss_length_turning"].notna().all()
    assert load_curves(tiny_project / "data/curves/tiny.safetensors").examples.tolist() == [5, 8] * 4


def test_more_examples_than_there_are_is_refused_before_training(tiny_project):
    edit(tiny_project, "        lr: [0.1]", "        lr: [0.1]\n        train_size: [5, 3000]")
    download(job(tiny_project, "digits"))
    with pytest.raises(UserError, match=r"suites\.tiny: train_size: got 3000, expected at most 1437"):
        train_grid(job(tiny_project, "tiny"))
    assert not list((tiny_project / ".cells").rglob("*.safetensors"))


def test_a_line_that_is_not_finite_on_the_way_is_not_counted_as_monotone(finished):
    path = finished / "data/curves/tiny.safetensors"
    arrays, about = read_arrays(path)
    arrays["loss_train"][1, 2] = np.inf
    write_arrays(path, arrays, about)
    before = json.loads((finished / "reports/metrics.json").read_text())["tiny"]
    measures(job(finished))
    row = read_csv(finished / "reports/measures.csv").query("suite == 'tiny'").iloc[1]
    assert row["status"] == "diverged"
    assert pd.isna(row["monotonic"])
    after = json.loads((finished / "reports/metrics.json").read_text())["tiny"]
    assert after["diverged"] == before["diverged"] + 1
    assert after["converged"] + after["above_threshold"] == before["converged"] + before["above_threshold"] - 1


def test_a_report_of_what_there_is_lists_the_rest_with_the_command_that_runs_it(finished, capsys):
    edit(
        finished,
        "claims: {accuracy_does_not_differ: [tiny], ",
        "claims: {accuracy_does_not_differ: [tiny], distance_predicts_failure: [small_autoencoders], ",
    )
    for path in ("data/curves/tiny.safetensors", "reports/measures.csv"):
        (finished / path).unlink()
    with pytest.raises(UserError, match=r"tiny\.safetensors"):
        measures(job(finished))
    for kind in ("runs", "lines"):
        shutil.rmtree(finished / ".cells" / kind)
    some = gather(job(finished))
    assert some.unfinished == ("tiny",)
    measures(some)
    for stage in (plot, report):
        stage(gathered(job(finished)))
    assert set(read_csv(finished / "reports" / "measures.csv")["suite"]) == {"small_autoencoders"}
    assert sorted(path.name[:9] for path in (finished / "reports" / "figures").glob("*.png")) == ["figure_04"]
    assert list(json.loads((finished / "reports" / "claims.json").read_text())) == ["distance_predicts_failure"]
    readme = (finished / "reports" / "README.md").read_text()
    assert "| tiny | 0 of 4 runs evaluated |  | `dvc repro interpolate@tiny` |" in readme
    assert "small_autoencoders |" not in readme
    assert readme.count("not run, wants tiny.") == 1
    assert readme.count("not run, wants stage simulate.") == 1
    assert readme.count("Not drawn: wants tiny.") == 1


def test_a_report_of_nothing_is_refused(tiny_project):
    some = gather(job(tiny_project))
    assert some.unfinished == SUITES
    with pytest.raises(UserError, match="holds lines of no run"):
        measures(some)
    shutil.rmtree(tiny_project / "data" / "partial")
    with pytest.raises(UserError, match="run stage measure with --partial first"):
        gathered(job(tiny_project))
