"""Disks that are full or cannot be written: one sentence, nothing half-written, nothing lost."""

import shutil
import subprocess
import sys

import pytest
from small_project import STAGES, refused

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True).returncode != 0
        if shutil.which("unshare")
        else True,
        reason="needs a mount of one's own (unshare -rm)",
    ),
]

# A copy of the project on a disk of its own, of which all but LEFT bytes are used up; then there is room again.
FULL = """
set -e
mount -t tmpfs -o size=256m tmpfs "$DISK"
cp -a "$PROJECT/." "$DISK"
cd "$DISK"
head -c $(( $(df --output=avail -B1 . | tail -n 1) - LEFT )) /dev/zero > filler
set +e
"$@" > "$OUT/full.out" 2> "$OUT/full.err"
echo $? > "$OUT/full.code"
mkdir "$OUT/full" && cp -a data reports "$OUT/full" 2> /dev/null
find data reports .cells -name '.*.tmp' > "$OUT/full.left" 2> /dev/null
rm filler
"$@" > "$OUT/again.out" 2> "$OUT/again.err"
echo $? > "$OUT/again.code"
cp -a data reports "$OUT" 2> /dev/null
exit 0
"""
READ_ONLY = """
set -e
mount --bind "$PROJECT" "$DISK"
mount -o remount,ro,bind "$DISK"
cd "$DISK"
set +e
"$@" > "$OUT/full.out" 2> "$OUT/full.err"
echo $? > "$OUT/full.code"
exit 0
"""


class Outcome:
    def __init__(self, out, name):
        self.returncode = int((out / f"{name}.code").read_text())
        self.stdout, self.stderr = ((out / f"{name}.{which}").read_text() for which in ("out", "err"))


def on_a_disk(script, project, out, *command, left=0):
    out.mkdir()
    disk = out.with_name("disk")
    disk.mkdir()
    places = {"DISK": str(disk), "OUT": str(out), "PROJECT": str(project.folder), "LEFT": str(left)}
    done = subprocess.run(
        ["unshare", "-rm", "bash", "-c", script, "bash", *command],
        env=project.environment() | places,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


REPORT = ("README.md", "index.html", "explorer.html", "forest.png", "poster.png", "claims.json", "verdicts.json")
REPORT = (*REPORT, "headlines.json", "fidelity.csv", "fidelity.md")


def before(finished, folder, stage):
    """Return a project of which all stages before one were run."""
    project = finished.copy(folder)
    later = list(STAGES)[list(STAGES).index(stage) :]
    gone = {
        "download": ["data", ".cells"],
        "train_grid": ["data/runs/tiny.json", "data/training/tiny", ".cells"],
        "train_grid of the other": ["data/runs/small_autoencoders.json", "data/training/small_autoencoders", ".cells"],
        "interpolate": ["data/curves/tiny.safetensors", "data/landscapes/tiny.safetensors", ".cells/lines"],
        "interpolate of the other": ["data/curves/small_autoencoders.safetensors", ".cells/lines"],
        "simulate": ["data/theory"],
        "measure": ["reports/measures.csv", "reports/power_law.csv", "reports/metrics.json"],
        "plot": ["reports/figures", "reports/findings.json", "reports/tables"],
        "report": [f"reports/{name}" for name in REPORT],
    }
    for name in later:
        for path in gone[name]:
            target = project.folder / path
            if target.is_dir():
                shutil.rmtree(target)
            elif target.exists():
                target.unlink()
    return project


@pytest.mark.parametrize("left", [0, 3 * 4096])
@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_ends_a_stage_in_a_sentence_and_it_goes_on_when_there_is_room(finished, tmp_path, stage, left):
    project = before(finished, tmp_path / "project", stage)
    kept = project.contents()
    out = tmp_path / "out"
    on_a_disk(FULL, project, out, sys.executable, "-m", *STAGES[stage], left=left)
    full, again = Outcome(out, "full"), Outcome(out, "again")
    if left == 0 or full.returncode:  # a few pages may be enough
        refused(full, "No space left on device", "run again")
    assert (out / "full.left").read_text() == ""
    for name, content in kept.items():
        assert (out / "full" / name).read_bytes() == content, name
    assert again.returncode == 0, again.stderr
    expected = finished.contents()
    made = {str(path.relative_to(out)): path for name in ("data", "reports") for path in (out / name).rglob("*")}
    new = {name for name, path in made.items() if path.is_file()} - set(kept)
    assert new
    for name in new:
        assert made[name].read_bytes() == expected[name], name


@pytest.mark.parametrize("stage", STAGES)
def test_a_checkout_that_cannot_be_written_is_said(finished, tmp_path, stage):
    project = before(finished, tmp_path / "project", stage)
    kept = project.contents()
    on_a_disk(READ_ONLY, project, tmp_path / "out", sys.executable, "-m", *STAGES[stage])
    refused(Outcome(tmp_path / "out", "full"), "Read-only file system")
    assert project.contents() == kept


def test_dvc_in_a_checkout_that_cannot_be_written_or_on_a_full_disk_fails_and_loses_nothing(
    sources, finished, tmp_path
):
    on_a_disk(READ_ONLY, finished, tmp_path / "out", sys.executable, "-m", "dvc", "repro")
    assert Outcome(tmp_path / "out", "full").returncode != 0
    project = sources.copy(tmp_path / "full" / "project")
    on_a_disk(FULL, project, tmp_path / "full" / "out", sys.executable, "-m", "dvc", "repro", left=2**18)
    full, again = (Outcome(tmp_path / "full" / "out", name) for name in ("full", "again"))
    assert full.returncode != 0
    assert "No space left on device" in full.stdout + full.stderr
    assert again.returncode == 0, again.stderr
    for name, content in finished.contents().items():
        assert (tmp_path / "full" / "out" / name).read_bytes() == content, name
