"""A tiny project of which every stage up to `measure` was run."""

import shutil

import pytest
from stage_functions import run_all


@pytest.fixture(scope="session")
def original(tmp_path_factory, tiny_params):
    """A tiny project of which every stage up to `measure` was run."""
    root = tmp_path_factory.mktemp("original")
    (root / "params.yaml").write_text(tiny_params)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLI_STORE", str(root / ".cells"))
        patch.setenv("MLI_JOBS", "0")
        patch.setenv("MLI_DEVICE", "cpu")
        run_all(root)
    return root


@pytest.fixture
def finished(original, tiny_project):
    """A copy of the finished project, in which stages find the store that made it."""
    shutil.copytree(original, tiny_project, dirs_exist_ok=True)
    return tiny_project
