"""Files that git does not track (docs/experiments.md): an experiment in a copy lacks them unless they are named."""

import pytest
from small import HEADER
from small_project import Project, new_project

TEXT = """datasets:
  own: {source: text, file: data/own/text.txt, vocabulary: 300, block: 16, test_fraction: 0.2, evaluation_examples: 2,
        evaluation_seed: 0}
"""
SUITE = """claims: {}
plot: {}
suites:
  own:
    dataset: own
    threshold: 5.0
    tolerance: 0.0
    gauss_examples: 0
    path_examples: 0
    lines: {}
    planes: {}
    runs: {network: roberta, layers: 1, hidden_size: 8, heads: 2, loss: cross_entropy, optimizer: adam,
           schedule: linear, epochs: 1, batch_size: 8, seed: 0}
    grids: {main: {lr: [0.001]}}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """A project whose text lies in a folder that git ignores."""
    params = TEXT + "".join(HEADER.splitlines(keepends=True)[2:]) + SUITE
    made = new_project(tmp_path_factory.mktemp("untracked") / "project", params)
    (made.folder / "data/own").mkdir(parents=True)
    (made.folder / "data/own/text.txt").write_text("Mi vidas la ĉevalon.\n" * 60, encoding="utf-8")
    return made


@pytest.mark.long
@pytest.mark.parametrize("how", ["-C", "git add -f"])
def test_an_experiment_in_a_copy_has_untracked_files_only_if_they_are_named(project, tmp_path, how):
    copy = project.copy(tmp_path / "project")
    command = ("exp", "run", "--temp", "download@own")
    failed = copy.dvc(*command)
    assert failed.returncode != 0
    assert "error: datasets.own.file: data/own/text.txt is missing; put your text there" in failed.stderr
    if how == "-C":
        done = copy.dvc(*command, "-C", "data/own")
    else:
        assert copy.run("git", "add", "-f", "data/own/text.txt").returncode == 0
        done = copy.dvc(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "download own: " in done.stdout
