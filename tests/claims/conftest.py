"""The synthetic suites of the tests of figures."""

import sys
from pathlib import Path

import pytest

FOLDER = str(Path(__file__).parents[1] / "figures")


@pytest.fixture(scope="session")
def results():
    return _of_figures("figures_results").results


@pytest.fixture(scope="session")
def landscape():
    return _of_figures("landscape_results").landscape


def _of_figures(name):
    from importlib import import_module

    if FOLDER not in sys.path:
        sys.path.append(FOLDER)
    return import_module(name)
