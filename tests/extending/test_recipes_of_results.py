"""The recipes of docs/extending.md, followed to the letter in a copy of the project."""

import csv
import json
import re
import shutil
import sys

import pytest
import yaml
from small_project import ROOT, Project

PAGE = ROOT / "docs" / "extending.md"
BLOCK = re.compile(r"^`([^`\n]+)`:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SECTIONS = dict(part.split("\n", 1) for part in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.M)[1:])
TITLES = ("A measure", "A claim", "A figure", "A table")
RECIPES = {title: dict(BLOCK.findall(SECTIONS[title])) for title in TITLES}
NAMES = """\
from stages.claims.registry import claims
from stages.config.declared import declared_claims, declared_items
from stages.figures.registry import figures, tables
from stages.measures.registry import declared_measures

assert set(claims()) == set(declared_claims())
assert [*figures(), *tables()] == list(declared_items())
print(list(declared_measures())[-1], "relu_networks_are_monotone" in claims(), [*figures()][-1], [*tables()][-1])
"""


@pytest.fixture
def project(tmp_path, tiny_params):
    """A copy of the project in which each recipe has been followed, with one small suite."""
    shutil.copytree(ROOT / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "paper").mkdir()
    shutil.copy(ROOT / "paper/numbers.csv", tmp_path / "paper")
    params = yaml.safe_load(tiny_params)
    params |= {"claims": {}, "plot": {}, "suites": {"tiny": params["suites"]["tiny"]}}
    for title, blocks in RECIPES.items():
        for name, text in blocks.items():
            if name == "params.yaml":
                for group, values in yaml.safe_load(text).items():
                    params[group] |= values
            else:
                assert (tmp_path / name).parent.is_dir(), f"{title}: {name} is no place of this project"
                (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return Project(tmp_path)


def python(project, *arguments):
    done = project.run(sys.executable, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_recipe_is_short_and_names_one_new_file_beside_parameters():
    for title, blocks in RECIPES.items():
        assert len(blocks.keys() - {"params.yaml"}) == 1, title
        for name, text in blocks.items():
            assert name == "params.yaml" or not (ROOT / name).exists()
            assert len([line for line in text.splitlines() if line.strip()]) <= 25, title


def test_what_the_recipes_add_is_found_under_its_name(project):
    assert python(project, "-c", NAMES).split() == ["area_under_loss", "True", "figure_50", "table_20"]


@pytest.mark.long
def test_the_report_shows_what_the_recipes_add(project):
    for stage in ("download", "train_grid", "interpolate", "measure", "plot", "report"):
        done = project.stage(stage)
        assert done.returncode == 0, done.stderr
    reports = project.folder / "reports"
    with (reports / "measures.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[-1] == "area_under_loss"
    assert all(float(row["area_under_loss"]) > 0 for row in rows)
    converged = sum(row["status"] == "converged" for row in rows)
    claim = json.loads((reports / "claims.json").read_text())["relu_networks_are_monotone"]
    assert claim["counts"] == {"lines": converged}
    assert len((reports / "figures" / "figure_50_barrier_by_distance.csv").read_text().splitlines()) == converged + 1
    page = (reports / "README.md").read_text(encoding="utf-8")
    assert "Lines of networks with ReLU are monotone." in page
    assert "| `area_under_loss` | area under the training loss | here |" in page
    finding = json.loads((reports / "findings.json").read_text(encoding="utf-8"))["figure_50"]
    assert f"{converged} lines" in finding
    assert f"![{finding}](figures/figure_50_barrier_by_distance.png)" in page
    assert "| optimizer   | status" in page
