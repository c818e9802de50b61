import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.artifacts import lock, tracked
from tools.artifacts.pipeline import Pipeline, Stage, read
from tools.check_artifacts import check

DEFAULT = Path("dvc.yaml")
TOOL = Path(__file__).resolve().parents[2] / "tools" / "check_artifacts.py"


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def faults(root):
    return list(check(root, [DEFAULT]))


def test_a_clean_clone_has_no_fault_although_it_has_no_data(clone):
    assert not (clone / "data").exists()
    assert faults(clone) == []


@pytest.mark.parametrize(
    ("tamper", "stage", "words"),
    [
        (lambda: edit(Path("params.yaml"), "tolerance: 0.001", "tolerance: 0.002"), "train@classifiers", "params.yaml"),
        (lambda: edit(Path("stages/train.py"), "import", "import os, "), "train@classifiers", "stages/train.py"),
        (lambda: edit(Path("dvc.yaml"), "-m stages.measure", "-m stages.measure -v"), "measure", "command changed"),
        (lambda: edit(Path("reports/measures.csv"), "0.25", "0.26"), "measure", "reports/measures.csv modified"),
        (lambda: Path("reports/metrics.json").unlink(), "measure", "reports/metrics.json deleted"),
        (lambda: Path("reports/figures/figure_05_what.png").unlink(), "measure", "reports/figures modified"),
        (lambda: shutil.rmtree("reports/tables"), "measure", "reports/tables deleted"),
        (lambda: edit(Path("source/power_law.csv"), "1.0", "2.0"), "measure", "dependency source modified"),
    ],
    ids=["parameter", "script", "command", "number", "metrics", "figure", "tables", "input"],
)
def test_an_edit_without_a_run_is_named_with_its_stage_and_remedy(clone, tamper, stage, words):
    tamper()
    found = list(lock.stale(read(clone, [DEFAULT])))
    hit = [fault for fault in found if f"stage {stage}: " in fault and words in fault]
    assert hit, found
    assert f"dvc repro {stage}" in hit[0]


def test_only_the_stages_that_an_edit_concerns_are_named(clone):
    text = (clone / "params.yaml").read_text()
    (clone / "params.yaml").write_text("threshold: 2.0".join(text.rsplit("threshold: 3.0", 1)))
    assert {fault.split()[2] for fault in lock.stale(read(clone, [DEFAULT]))} == {"train@autoencoders:", "measure:"}


def test_a_report_that_was_removed_from_git_too_is_missed(clone):
    subprocess.run(["git", "rm", "-q", "reports/measures.csv"], check=True)
    assert "dvc.lock: stage measure: output reports/measures.csv deleted" in "\n".join(faults(clone))


def test_a_stage_that_is_gone_is_an_orphan_in_the_lock(clone):
    text = (clone / "dvc.lock").read_text()
    (clone / "dvc.lock").write_text(text.replace("  measure:\n", "  train@extra:\n    cmd: echo\n  measure:\n"))
    [pipeline] = read(clone, [DEFAULT])
    [fault] = lock.orphans(pipeline)
    assert "train@extra is not in dvc.yaml" in fault


def test_a_stage_that_never_ran_is_missing_from_the_lock(clone):
    with (clone / "dvc.yaml").open("a") as file:
        file.write("  report:\n    cmd: python -m stages.measure\n    deps: [stages]\n")
    [pipeline] = read(clone, [DEFAULT])
    [fault] = lock.missing(pipeline)
    assert "stage report is missing; run `dvc repro report`" in fault
    assert list(lock.stale([pipeline])) == []


def test_without_a_lock_every_stage_is_missing(clone):
    (clone / "dvc.lock").unlink()
    [pipeline] = read(clone, [DEFAULT])
    assert len(list(lock.missing(pipeline))) == len(pipeline.stages) == 4


def test_a_second_pipeline_that_was_not_run_is_no_fault_and_said(clone, capsys):
    (clone / "paper").mkdir()
    text = (clone / "dvc.yaml").read_text().replace("cmd: ", "wdir: ..\n      cmd: ", 1)
    text = text.replace("    cmd: python -m stages.measure", "    wdir: ..\n    cmd: python -m stages.measure")
    text = text.replace("data/", "data/paper/").replace("reports/", "reports/paper/")
    (clone / "paper" / "dvc.yaml").write_text(text)
    (clone / "paper" / "params.yaml").write_text((clone / "params.yaml").read_text())
    assert list(check(clone, [DEFAULT, Path("paper/dvc.yaml")])) == []
    assert "paper/dvc.yaml: 0 of 4 stages were run" in capsys.readouterr().out


def test_parameters_and_reports_of_a_pipeline_are_those_in_its_commands():
    commands = ["python -m stages.train --suite a", "python -m stages.measure --params a/b.yaml --reports=c/d"]
    stages = tuple(Stage(command, command, command, (), ()) for command in commands)
    pipeline = Pipeline(Path("paper/dvc.yaml"), stages, None, {})
    assert pipeline.option("params", "params.yaml") == Path("a/b.yaml")
    assert pipeline.option("reports", "reports") == Path("c/d")
    assert pipeline.option("data", "data") == Path("data")


def test_without_git_only_the_sizes_go_unchecked(clone, capsys):
    shutil.rmtree(clone / ".git")
    assert faults(clone) == []
    assert "no git repository: sizes" in capsys.readouterr().out
    edit(clone / "reports/measures.csv", "0.25", "0.26")
    assert "reports/measures.csv modified" in "\n".join(faults(clone))


def test_a_large_tracked_file_is_named(clone):
    (clone / "small.bin").write_bytes(bytes(tracked.LIMIT - 1))
    (clone / "large ä.bin").write_bytes(bytes(tracked.LIMIT))
    (clone / "untracked.bin").write_bytes(bytes(tracked.LIMIT))
    subprocess.run(["git", "add", "small.bin", "large ä.bin"], check=True)
    [fault] = tracked.too_large(clone)
    assert fault.startswith("large ä.bin: 1.0 MiB")


def refused_by_git(clone, **environment):
    """Return the one line that the command prints and the fault beside which it prints it."""
    (clone / "reports/figures/figure_05_what.png").unlink()
    git = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_CONFIG_COUNT": "0"}
    done = subprocess.run(
        [sys.executable, TOOL], env=os.environ | git | environment, capture_output=True, encoding="utf-8"
    )
    assert (done.returncode, done.stderr) == (1, "5 faults\n"), done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


def test_without_the_program_git_a_sentence_says_so_beside_the_other_faults(clone, tmp_path):
    (tmp_path / "programs").mkdir()
    line = refused_by_git(clone, PATH=str(tmp_path / "programs"))
    assert line.startswith("git is not installed, so the sizes of tracked files cannot be checked; install it")


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files to another owner")
def test_a_checkout_of_another_owner_is_answered_with_the_remedy_of_git(clone):
    for path in (clone, *clone.rglob("*")):
        os.chown(path, 65534, 65534)
    line = refused_by_git(clone)
    assert line.startswith("git cannot list the tracked files; do as it says and run again: fatal: detected dubious")
    assert line.endswith(f"git config --global --add safe.directory {clone}")


def test_the_command_prints_a_line_a_fault_and_tells_by_its_exit_status(clone):
    clean = subprocess.run([sys.executable, TOOL], capture_output=True, text=True)
    assert (clean.returncode, clean.stdout, clean.stderr) == (0, "", "")
    (clone / "reports/figures/figure_05_what.png").unlink()
    tampered = subprocess.run([sys.executable, TOOL], capture_output=True, text=True)
    assert tampered.returncode == 1
    assert len(tampered.stdout.splitlines()) == 4  # the lock, the picture, and both pages that show it
    assert tampered.stderr == "4 faults\n"


@pytest.mark.long
def test_the_command_says_so_where_there_is_no_pipeline_or_no_parameters(clone):
    def outcome(*options):
        run = subprocess.run([sys.executable, TOOL, *options], capture_output=True, text=True)
        return run.returncode, run.stdout

    assert outcome("--pipeline", "absent/dvc.yaml") == (1, "absent/dvc.yaml: missing; run from the project's root\n")
    edit(clone / "params.yaml", "points: ", "points: fifty")
    status, text = outcome()
    assert status == 1
    assert "interpolate.alphas.points" in text
