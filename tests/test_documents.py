"""README and docs/: short, true where a test can tell, with links that lead somewhere and commands that work."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from documents import DOCUMENTS, RECIPES, ROOT, Command, anchors, blocks, commands, links, table_rows, text_of
from small import HEADER
from small_project import Project, new_project

from stages.config import load
from stages.results.measures_file import read_measures

PARAMS = (
    HEADER
    + """claims: {power_law: [classifiers]}
plot: {figure_05: [classifiers], figure_07: [classifiers], figure_11: [classifiers], table_1: [classifiers]}
suites:
  classifiers:
    dataset: digits
    threshold: 1.0
    tolerance: 0.001
    gauss_examples: 8
    path_examples: 0
    lines: {}
    planes: {}
    runs: {network: mlp, loss: cross_entropy, activation: tanh, epochs: 2, batch_size: 32, seed: 0, train_size: 300}
    grids:
      main: {hidden: [[8]], batch_norm: [true, false], optimizer: [sgd, adam], lr: [0.01, 0.1]}
"""
)
NOT_RUN = {
    r"make (install|bench|lint test)\b": "installs from the network, takes half an hour, or runs these tests",
    r"make test(-all)?\b": "runs these tests",
    r"\.ci/packages": "installs packages of the system",
    r"(MLI_\w+=\S+ )*make (mnist|paper)(-report)?\b": "needs downloads and days, or their results",
    r"(MLI_\w+=\S+ )*dvc (repro|exp run) (mnist|paper)/": "needs downloads and hours",
    r"python -m stages\.\w+ .*--params paper/": "needs downloads and hours",
    r"MLI_DEVICE=cuda": "needs a GPU",
    r"(MLI_SCHEDULER=\S+ |PYTHONPATH=\. dask )": "needs a cluster; tests of workers start small ones",
    r"ssh ": "needs another machine",
    r"dvc queue start": "starts processes that outlive it",
    r"python -m (examples\.\w+|stages\.line)\b": "takes a minute; tests/scripts/test_line_command.py runs the command",
    r"(python -m mine\.example|dvc repro mine/)": "takes three minutes; tests/pipeline/test_pipeline.py runs both",
}
"""Commands that no test here runs, with the reason; what they name is checked all the same."""
ALL = [command for document in DOCUMENTS if document not in RECIPES for command in commands(document)]
RULES = re.findall(r"^([a-z -]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
TARGETS = {target for rule in RULES for target in rule.split()}
COPIED = ("Makefile", "tools", "mine", "paper")
SHELL = {".", "cat", "cd", "git", "mkdir", "openssl", "ssh"}


def reason(command: Command) -> str | None:
    """Return why a command is not run here; None for one that is."""
    return next((why for pattern, why in NOT_RUN.items() if re.match(pattern, command.text)), None)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_are_short(document):
    limits = {"README.md": 150} | dict.fromkeys(RECIPES, 1000)
    assert len(text_of(document).splitlines()) <= limits.get(document, 120)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_and_picture_leads_somewhere(document):
    for link in links(document):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        name = os.path.relpath(target, ROOT)
        assert target.exists(), link
        assert not anchor or anchor in anchors(name), link


def test_every_page_is_on_the_map():
    named = {link for link in links("README.md") if link.startswith("docs/")}
    assert named == {document for document in DOCUMENTS if document.startswith("docs/")}


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name.startswith("docs/") and name not in RECIPES])
def test_a_page_asks_a_question_and_begins_with_a_command(document):
    assert re.match(r"# .+\?\n\n```sh\n", text_of(document))


def test_every_block_says_what_it_is():
    for document in DOCUMENTS:
        fences = re.findall(r"^```(.*)$", text_of(document), flags=re.MULTILINE)
        assert set(fences[::2]) <= {"sh", "yaml", "mermaid", "python", "html", "text"}, document
        assert not any(fences[1::2]), document


def test_the_numbers_of_the_readme_are_those_of_the_parameters_and_reports():
    params = load(ROOT / "params.yaml")
    words = " ".join(text_of("README.md").split())
    kinds = [sum(key.startswith(kind) for key in params.plot) for kind in ("figure", "table")]
    assert "{} figures, {} tables, and a verdict on {} claims".format(*kinds, len(params.claims)) in words
    table = read_measures(ROOT / "reports/measures.csv")
    own = table[(table["suite"] == "classifiers") & (table["line"] == "initial_to_final")]
    own = own[own["status"] == "converged"]
    near = own[own["normalized_distance"] < 3]
    far = own[own["normalized_distance"] >= 3]
    counts = [len(near), int((near["min_delta"] > 0.001).sum()), len(far), int((far["min_delta"] > 0.001).sum())]
    said = re.search(r"Of (\d+) classifiers .*?, (\w+) has .*?Of the (\d+) that .*?, (\d+) have", words)
    assert [int(word.replace("none", "0")) for word in said.groups()] == counts


@pytest.mark.parametrize(
    ("scale", "suite", "units"), [("mnist", "classifiers_512", "128"), ("paper", "classifiers_mnist", "1,024")]
)
def test_the_numbers_of_the_readme_on_mnist_are_those_of_the_reports(scale, suite, units):
    words = " ".join(text_of("README.md").split())
    table = read_measures(ROOT / "reports" / scale / "measures.csv")
    own = table[(table["suite"] == suite) & (table["line"] == "initial_to_final")]
    kept = own[own["status"] == "converged"]
    groups = [kept[kept["normalized_distance"] < 3], kept[kept["normalized_distance"] >= 3]]
    counts = [count for rows in groups for count in (int((rows["min_delta"] > 0.001).sum()), len(rows))]
    said = re.search(rf"{units} units (\d+) of (\d+) .*?and (\d+) of (\d+).*?\[(\d+) runs\]\(reports/{scale}/", words)
    assert [int(number) for number in said.groups()] == [*counts, len(own)]


def test_variables_that_are_named_are_read_and_those_that_are_read_are_named():
    def found(paths):
        texts = (path.read_text(encoding="utf-8") for path in paths)
        return {name for text in texts for name in re.findall(r"\bMLI_[A-Z][A-Z_]*[A-Z]\b", text)}

    assert found(ROOT / document for document in DOCUMENTS) == found((ROOT / "stages").rglob("*.py"))


def test_the_suites_and_packages_that_are_named_are_those_that_there_are():
    params = load(ROOT / "params.yaml")
    rows = table_rows("docs/results.md", "## Suites")
    assert sorted(suite for row in rows for suite in re.findall(r"`(\w+)`", row[0])) == sorted(params.suites)
    for suites, _, where in rows:
        wanted = {key for key, fed in params.plot.items() if set(fed) & set(re.findall(r"`(\w+)`", suites))}
        assert items(where) == wanted, suites
    packages = {name for row in table_rows("docs/architecture.md", "## Packages") for name in row[0].split(", ")}
    assert packages == {f"`{path.parent.name}`" for path in (ROOT / "stages").glob("*/__init__.py")}


def test_the_graph_of_packages_is_that_of_the_import_contract():
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contract = settings.split("\nlayers = [\n")[1].split("\n]")[0].splitlines()
    layers = [set(re.findall(r"\w+", line)) for line in contract[3:]]  # without the scripts
    graph = blocks("docs/architecture.md", "mermaid")[1]
    chains = [[set(re.findall(r"\w+", place)) for place in line.split("-->")] for line in graph.splitlines()[1:]]
    assert [{"scripts"}, *layers] == chains[0] + chains[1][1:]
    assert chains[0][-1] == chains[1][0]


def items(words: str) -> set[str]:
    """Return the keys of `plot` that words name, such as `figures 3, 5 to 7, tables 2 to 4`."""
    keys = set()
    for kind, numbers in re.findall(r"(figure|table)s? ((?:\d+(?: to \d+)?(?:, )?)+)", words):
        for first, last in re.findall(r"(\d+)(?: to (\d+))?", numbers):
            style = "figure_{:02}" if kind == "figure" else "table_{}"
            keys |= {style.format(number) for number in range(int(first), int(last or first) + 1)}
    return keys


def test_parameters_of_the_examples_are_accepted(tmp_path):
    for example in blocks("docs/own-data.md", "yaml"):
        values = yaml.safe_load(PARAMS)
        for group, entries in yaml.safe_load(example).items():
            values[group] |= entries
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
        params = load(tmp_path / "params.yaml")
        assert all(params.runs(name) for name in params.suites)
    values = yaml.safe_load(PARAMS)
    [example] = blocks("docs/experiments.md", "yaml")
    values["suites"]["wide"] = values["suites"]["classifiers"]
    values["plot"] |= yaml.safe_load(example)["plot"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    assert len(load(tmp_path / "params.yaml").plot) == 6
    [example] = blocks("docs/own-checkpoints.md", "yaml")
    suite = yaml.safe_load((ROOT / "mine/params.yaml").read_text(encoding="utf-8"))["suites"]["mine"]
    assert yaml.safe_load(example) == {name: suite[name] for name in ("runs", "grids")}


def check_make(words: list[str]) -> None:
    assert {word for word in words if "=" not in word} <= TARGETS


def check_python(words: list[str]) -> None:
    file = words[1].replace(".", "/") + ".py" if words[0] == "-m" else words[0]
    assert (ROOT / file).is_file(), file


def check_dvc(words: list[str]) -> None:
    from dvc.cli.parser import get_main_parser

    given = get_main_parser().parse_args(words)  # exits where an option is unknown
    for setting in getattr(given, "set_param", None) or ():
        key, _, _ = setting.partition("=")
        file, _, key = key.rpartition(":")
        place = yaml.safe_load((ROOT / (file or "params.yaml")).read_text(encoding="utf-8"))
        for part in key.split("."):
            place = place[part]
    for target in getattr(given, "targets", None) or () if words[0] in ("repro", "exp") else ():
        file, _, stage = target.rpartition(":") if not target.endswith(".yaml") else (target, "", "")
        pipeline = ROOT / (file or "dvc.yaml")
        assert pipeline.is_file(), target
        if stage:
            name, _, item = stage.partition("@")
            entry = yaml.safe_load(pipeline.read_text(encoding="utf-8"))["stages"][name]
            group = entry["foreach"].strip("${}") if item else None
            assert (
                not item or item in yaml.safe_load(pipeline.with_name("params.yaml").read_text(encoding="utf-8"))[group]
            )


def check_dask(words: list[str]) -> None:
    pytest.importorskip("distributed", reason="the optional extra of requirements-cluster.txt")
    from distributed.cli import dask_scheduler, dask_worker

    cli = {"scheduler": dask_scheduler, "worker": dask_worker}[words[0]].main
    cli.make_context(words[0], words[1:])  # raises where an option is unknown


CHECKS = {"make": check_make, "python": check_python, "dvc": check_dvc, "dask": check_dask}


@pytest.mark.parametrize("command", ALL, ids=lambda command: f"{command.document}: {command.text.splitlines()[0]}")
def test_what_a_command_names_exists(command):
    for words in command.parts:
        while "=" in words[0]:  # variables that are set for one command
            assert re.fullmatch(r"(MLI_[A-Z_]+|PYTHONPATH)=\S+", words[0]), words[0]
            words = words[1:]
        if words[0] in CHECKS:
            CHECKS[words[0]](words[1:])
        else:
            assert words[0] in SHELL or (ROOT / words[0]).is_file(), words[0]


@pytest.mark.parametrize("command", [command for command in ALL if "--params paper/" in command.text])
def test_options_of_a_stage_that_is_not_run_here_are_known(command, tmp_path):
    [[_, *words]] = command.parts
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stderr.strip() == "error: paper/params.yaml is missing; run from the project's root"


def test_each_reason_not_to_run_a_command_is_needed():
    for pattern in NOT_RUN:
        assert any(re.match(pattern, command.text) for command in ALL), pattern


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Project:
    """A project with small parameters and all that commands name, run and committed on branch main."""
    project = new_project(tmp_path_factory.mktemp("finished") / "project", PARAMS)
    for name in (
        "Makefile",
        "requirements.txt",
        "requirements-cluster.txt",
        "constraints.txt",
        "tools",
        "mine",
        "paper",
    ):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, project.folder / name, dirs_exist_ok=True)
        else:
            shutil.copyfile(ROOT / name, project.folder / name)
    shutil.rmtree(project.folder / "mine" / "weights", ignore_errors=True)
    (project.folder / ".venv").mkdir()
    for path in Path(sys.prefix).iterdir():
        (project.folder / ".venv" / path.name).symlink_to(path)
    (project.folder / ".venv" / ".installed").unlink(missing_ok=True)
    (project.folder / ".venv" / ".installed").touch()
    assert project.dvc("repro").returncode == 0
    for command in (["add", "-A"], ["commit", "-qm", "results"], ["branch", "-M", "main"]):
        assert project.run("git", *command).returncode == 0
    return project


@pytest.mark.long
@pytest.mark.parametrize("document", sorted({command.document for command in ALL if not reason(command)}))
def test_the_commands_of_a_document_work_one_after_the_other(document, finished, tmp_path):
    project = finished.copy(tmp_path / "project")
    script = "\n".join(command.text for command in commands(document) if not reason(command))
    done = project.run("bash", "-exc", script)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stderr, done.stderr
