"""The synthetic suites of the tests of figures."""

import sys
from pathlib import Path

import pytest

FOLDER = str(Path(__file__).parents[1] / "figures")


@pytest.fixture(scope="session")
def material():
    return _of_figures("figures_material").material


@pytest.fixture(scope="session")
def landscape():
    return _of_figures("landscape_material").landscape


def _of_figures(name):
    from importlib import import_module

    if FOLDER not in sys.path:
        sys.path.append(FOLDER)
    return import_module(name)
