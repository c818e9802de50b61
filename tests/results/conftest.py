"""A tiny project of which every stage was run, and its copies."""

import shutil

import pytest
from stage_functions import edit, job, run_all

from stages.simulate import simulate


@pytest.fixture(scope="session")
def original(tmp_path_factory, tiny_params):
    """A tiny project of which every stage up to `measure` was run, with a figure, tables and claims of classifiers."""
    root = tmp_path_factory.mktemp("original")
    (root / "params.yaml").write_text(tiny_params)
    edit(root, "figure_04: [small_autoencoders]", "figure_05: [tiny]\n  table_1: [tiny, small_autoencoders]")
    edit(root, "claims: {", "claims: {power_law: [tiny], ")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLI_STORE", str(root / ".cells"))
        patch.setenv("MLI_JOBS", "0")
        patch.setenv("MLI_DEVICE", "cpu")
        run_all(root)
        simulate(job(root))
    return root


@pytest.fixture
def finished(original, tiny_project, monkeypatch):
    """A copy of the finished project, in which stages find the store that made it."""
    shutil.copytree(original, tiny_project, dirs_exist_ok=True)
    monkeypatch.chdir(tiny_project)
    monkeypatch.delenv("MLI_ORIGIN", raising=False)
    return tiny_project


@pytest.fixture
def elsewhere(finished, tmp_path_factory, monkeypatch):
    """A function that enters another machine's project: the same parameters, no data, and an empty store."""

    def enter(name="elsewhere"):
        root = tmp_path_factory.mktemp(name)
        shutil.copyfile(finished / "params.yaml", root / "params.yaml")
        monkeypatch.setenv("MLI_STORE", str(root / ".cells"))
        monkeypatch.chdir(root)
        return root

    return enter
