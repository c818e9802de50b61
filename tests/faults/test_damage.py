"""Files that were damaged or exchanged: refused by name with the remedy, or made again; nothing else is touched."""

import pickle
import shutil

import numpy as np
import pytest
import safetensors.numpy
from small_project import refused

pytestmark = pytest.mark.long


def truncate(path):
    content = path.read_bytes()
    path.unlink()  # it may be a link to the store's
    path.write_bytes(content[: len(content) // 2])


def flip(path):
    content = bytearray(path.read_bytes())
    path.unlink()
    content[-3] ^= 1
    path.write_bytes(content)


def empty(path):
    path.unlink()
    path.write_bytes(b"")


def exchange_for_pickle(path):
    path.unlink()
    path.write_bytes(pickle.dumps({"final.layers.1.weight": np.zeros(3)}))


def exchange_for_other_tensors(path):
    path.unlink()
    safetensors.numpy.save_file({"weights": np.zeros(3, dtype=np.float32)}, path)


DAMAGES = (truncate, flip, empty, exchange_for_pickle, exchange_for_other_tensors)
ARTIFACTS = {  # what a stage reads, that stage, and the one that makes it
    "data/datasets/digits.safetensors": ("train_grid", "download"),
    "data/runs/tiny.json": ("interpolate", "train_grid"),
    "data/curves/tiny.safetensors": ("measure", "interpolate"),
    "data/landscapes/tiny.safetensors": ("plot", "interpolate"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("artifact", ARTIFACTS)
def test_a_damaged_artifact_is_refused_by_name_and_made_again(project, artifact, damage):
    stage, maker = ARTIFACTS[artifact]
    path = sorted(project.folder.glob(artifact))[0]
    content, others = path.read_bytes(), project.contents()
    damage(path)
    if stage == "interpolate":  # lines that are in the store are not walked again
        for line in (project.folder / ".cells" / "lines").rglob("*.safetensors"):
            line.unlink()
    refused(project.stage(stage), path.name, "delete it and run")
    for name, before in others.items():
        if name != str(path.relative_to(project.folder)):
            assert (project.folder / name).read_bytes() == before, name
    path.unlink()
    assert project.stage(maker).returncode == 0
    assert path.read_bytes() == content
    assert project.stage(stage).returncode == 0
    assert project.contents() == others


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["runs", "evaluations", "lines"])
def test_a_damaged_entry_of_the_store_is_made_again(project, kind, damage):
    before = project.contents()
    path = sorted((project.folder / ".cells" / kind).rglob("*.safetensors"))[0]
    content = path.read_bytes()
    damage(path)
    for stage in ("train_grid", "train_grid of the other", "interpolate", "interpolate of the other"):
        done = project.stage(stage)
        assert done.returncode == 0, done.stderr
    assert project.contents() == before
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["runs.csv", "epochs.csv"])
@pytest.mark.parametrize("damage", [truncate, empty, exchange_for_pickle])
def test_a_damaged_table_is_refused_or_noticed_by_dvc(project, name, damage):
    path = project.folder / "data" / "training" / "tiny" / name
    before = project.contents()
    damage(path)
    assert "modified" in project.dvc("status").stdout
    done = project.stage("measure" if name == "runs.csv" else "plot")
    if done.returncode:
        refused(done, "tiny", "run")
    done = project.dvc("repro")  # which takes back what it has in its cache
    assert done.returncode == 0, done.stderr
    assert project.contents() == before


def test_tampered_reports_are_noticed_and_made_again(project):
    before = project.contents()
    path = project.folder / "reports" / "measures.csv"
    path.write_text(path.read_text().replace("converged", "diverged", 1))
    assert "modified" in project.dvc("status").stdout
    assert project.dvc("repro").returncode == 0
    assert project.contents() == before


def test_a_suite_that_is_removed_leaves_no_row_anywhere(project):
    text = (project.folder / "params.yaml").read_text()
    (project.folder / "params.yaml").write_text(text[: text.index("  small_autoencoders:")])
    project.edit("  figure_04: [small_autoencoders]\n", "")
    done = project.dvc("repro")
    if done.returncode:  # its artifacts are the user's to delete
        assert "is of no suite in the parameters; delete it" in done.stdout + done.stderr
        for path in ("curves/NAME.safetensors", "landscapes/NAME.safetensors", "runs/NAME.json"):
            (project.folder / "data" / path.replace("NAME", "small_autoencoders")).unlink()
        shutil.rmtree(project.folder / "data" / "training" / "small_autoencoders")
        done = project.dvc("repro")
    assert done.returncode == 0, done.stdout + done.stderr
    for name, content in project.contents("reports").items():
        assert b"small_autoencoders" not in content, name
    assert not (project.folder / "reports" / "figures" / "figure_04_autoencoder_lines.png").exists()
