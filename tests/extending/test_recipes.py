"""The recipes of docs/extending.md, followed to the letter in a copy of the project."""

import csv
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from small_project import ROOT, Project

PAGE = ROOT / "docs" / "extending.md"
BLOCK = re.compile(r"^`([^`\n]+)`:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SECTIONS = dict(part.split("\n", 1) for part in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.M)[1:])
TITLES = ("A network", "An optimizer", "A kind of line", "A dataset source")
RECIPES = {title: dict(BLOCK.findall(SECTIONS[title])) for title in TITLES}
DATASETS = {"digits": {"source": "digits"}}
BUILD = """\
from pathlib import Path
from stages.config import load
from stages.download import load_source
from stages.networks.build import build
from stages.training.optimizer_factory import optimizer_of

params = load(Path("params.yaml"))
for name, suite in params.suites.items():
    splits = load_source(suite.dataset, params.datasets[suite.dataset])
    runs = params.runs(name)
    network = build(runs[0], splits.train_x.shape[1:], splits.classes)
    theta = [value.flatten().expand(len(runs), -1).clone().detach() for value in network.parameters()]
    rule = optimizer_of(runs[0].optimizer, None, runs, theta, None, ())
    before = [value.clone() for value in theta]
    rule.step([value + 1 for value in theta], rule.rates(theta[0].new_ones(1, len(runs), 1))[0])
    moved = all(not (old == new).all() for old, new in zip(before, theta))
    print(name, list(suite.lines), type(network).__name__, len(runs), moved)
"""


@pytest.fixture
def project(tmp_path):
    shutil.copytree(ROOT / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    return Project(tmp_path)


def follow(project, *titles):
    """Do what recipes say; return the parameters."""
    params = {"datasets": dict(DATASETS), "suites": {}}
    for title in titles:
        for name, text in RECIPES[title].items():
            if name == "params.yaml":
                for group, values in yaml.safe_load(text).items():
                    params[group] |= values
            else:
                assert (project.folder / name).parent.is_dir(), f"{title}: {name} is no place of this project"
                (project.folder / name).write_text(text, encoding="utf-8")
    (project.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return params


def python(project, *arguments):
    done = project.run(sys.executable, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_recipe_is_short_and_names_one_new_file_beside_parameters():
    for title, blocks in RECIPES.items():
        assert len(blocks) == 2, title
        assert "params.yaml" in blocks, title
        for name, text in blocks.items():
            assert not (ROOT / name).exists() or name == "params.yaml"
            lines = [line for line in text.splitlines() if line.strip() and not line.strip().startswith(('"""', "#"))]
            assert len(lines) <= 25, (title, name, len(lines))


def test_what_the_recipes_add_is_found_and_works_once(project):
    follow(project, *RECIPES)
    said = python(project, "-c", BUILD).splitlines()
    assert said == [
        "low_rank [] Sequential 2 True",
        "lion [] FullyConnected 2 True",
        "legs ['legs'] FullyConnected 1 True",
        "stripes [] FullyConnected 2 True",
    ]


def test_the_code_of_a_recipe_is_among_what_stages_depend_on(project):
    follow(project, *RECIPES)
    shutil.copy(ROOT / "dvc.yaml", project.folder)
    python(project, "-m", "stages.inputs")
    depends = (project.folder / "data" / "inputs" / "code" / "train_grid.json").read_text()
    for blocks in RECIPES.values():
        for name in blocks.keys() - {"params.yaml"}:
            assert f'"{name}"' in depends


@pytest.mark.long
@pytest.mark.parametrize("title", RECIPES)
def test_stages_run_with_what_a_recipe_adds(project, title):
    params = follow(project, title)
    (suite,) = params["suites"]
    python(project, "-m", "stages.download", "--dataset", params["suites"][suite]["dataset"])
    python(project, "-m", "stages.train_grid", "--suite", suite)
    python(project, "-m", "stages.interpolate", "--suite", suite)
    python(project, "-m", "stages.measure")
    with Path(project.folder, "reports", "measures.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["suite"] for row in rows} == {suite}
    assert {row["status"] for row in rows} == {"converged"}
    assert all(float(row["distance"]) > 0 and float(row["min_delta"]) >= 0 for row in rows)
    if title == "A kind of line":
        legs = [row for row in rows if row["line"] == "legs"]
        assert [row["draw"] for row in legs] == ["0", "1", "2"]
    else:
        assert len(rows) == 2
