"""Projects of a few seconds, to be damaged."""

import pytest
from small_project import Project, new_project


@pytest.fixture(scope="session")
def sources(tmp_path_factory, tiny_params) -> Project:
    """A project of which nothing was run; figure 9 reads planes, which others leave alone."""
    params = tiny_params.replace("  figure_03: [tiny]\n", "  figure_03: [tiny]\n  figure_09: [tiny]\n")
    assert params != tiny_params
    return new_project(tmp_path_factory.mktemp("faults") / "sources", params)


@pytest.fixture(scope="session")
def finished(sources, tmp_path_factory) -> Project:
    """A project of which everything was run."""
    project = sources.copy(tmp_path_factory.mktemp("finished") / "project")
    done = project.dvc("repro")
    assert done.returncode == 0, done.stderr[-3000:]
    return project


@pytest.fixture
def project(finished, tmp_path) -> Project:
    """A finished project to be damaged."""
    return finished.copy(tmp_path / "project")
