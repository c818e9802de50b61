"""docs/parameters.md explains every key of the parameters as their classes do."""

import re
from collections.abc import Iterator

import pytest
from small_project import ROOT

from stages.config import Run
from stages.config.yaml_reader import read_yaml
from tools.parameters_page import PAGE, page

EXPLAINED = set(re.findall(r"^\| `([\w.]+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE))


def test_the_page_is_what_the_classes_say():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tools.parameters_page"


def test_every_key_of_a_run_is_explained():
    assert set(Run.model_fields) - EXPLAINED == set()


def leaves(values: dict, path: tuple[str, ...] = ()) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield ".".join((*path, key))


@pytest.mark.parametrize("group", ["interpolate", "measure", "theory"])
def test_every_key_of_a_group_is_explained(group):
    values = read_yaml((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert set(leaves(values[group])) - EXPLAINED == set()


def test_a_type_is_said_with_its_bounds_and_a_default_as_it_is_written():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert any(line.startswith("| `lr` | number > 0 |  | Learning rate") for line in lines)
    assert any(line.startswith("| `betas` | list of 2, each number ≥ 0, < 1 | `[0.9, 0.999]` |") for line in lines)
    assert any(line.startswith("| `train_size` | integer > 0 or null | `null` |") for line in lines)
    assert any(
        line.startswith("| `mlp` |") and "`hidden` (required), `activation` (required)" in line for line in lines
    )
