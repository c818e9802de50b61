from pathlib import Path

import pytest

from stages.shared.source_files import local_imports, module_files
from tools.artifacts import imports
from tools.artifacts.pipeline import Pipeline, Stage, read

PROJECT = Path(__file__).resolve().parents[2]


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import stages.deep.leaf", {"stages/deep/__init__.py", "stages/deep/leaf.py"}),
        ("import stages.deep.leaf as leaf, json", {"stages/deep/__init__.py", "stages/deep/leaf.py"}),
        ("from stages import flat", {"stages/flat.py"}),
        ("from stages.flat import name", {"stages/flat.py"}),
        ("from stages.deep import leaf, name", {"stages/deep/__init__.py", "stages/deep/leaf.py"}),
        ("from stages.deep import name", {"stages/deep/__init__.py"}),
        ("from . import flat", {"stages/flat.py"}),
        ("from .deep.leaf import name", {"stages/deep/__init__.py", "stages/deep/leaf.py"}),
        ("def f():\n    from stages import flat", {"stages/flat.py"}),
        ("if True:\n    import stages.flat", {"stages/flat.py"}),
        ("from stages import through", {"stages/through.py", "stages/flat.py"}),
        ("from stages.circle import a", {"stages/circle/__init__.py", "stages/circle/a.py", "stages/circle/b.py"}),
        ("from stages.loose import part", {"stages/loose/part.py"}),
        ("import numpy, json\nfrom torch import nn", set()),
    ],
)
def test_every_way_to_import_is_followed(tmp_path, statement, expected):
    write(
        tmp_path,
        {
            "stages/__init__.py": "",
            "stages/script.py": statement,
            "stages/flat.py": "",
            "stages/through.py": "from stages.flat import name",
            "stages/deep/__init__.py": "",
            "stages/deep/leaf.py": "",
            "stages/circle/__init__.py": "from .a import x",
            "stages/circle/a.py": "from stages.circle import b",
            "stages/circle/b.py": "from .a import x",
            "stages/loose/part.py": "",
        },
    )
    found = local_imports(tmp_path, module_files(tmp_path, "stages.script"))
    assert {path.as_posix() for path in found} == expected | {"stages/__init__.py", "stages/script.py"}


def missing(root, deps, command="python -m stages.train --suite a"):
    stage = Stage("train", "train", command, tuple(Path(dep) for dep in deps), ())
    return list(imports.uncovered(root, Pipeline(Path("dvc.yaml"), (stage,), None, {})))


def test_a_folder_covers_what_is_in_it_and_a_file_itself(tmp_path):
    write(tmp_path, {"stages/__init__.py": "", "stages/train.py": "import stages.a.b", "stages/a/b.py": ""})
    files = ["stages/__init__.py", "stages/train.py"]
    assert missing(tmp_path, ["stages"]) == []
    assert missing(tmp_path, [*files, "stages/a"]) == []
    assert missing(tmp_path, [*files, "stages/a/b.py"]) == []
    assert missing(tmp_path, files) == ["dvc.yaml: stage train: stages/a/b.py is imported; add it to deps"]
    assert len(missing(tmp_path, [])) == 3


def test_a_file_of_digests_covers_the_code_of_its_own_stage_only(tmp_path):
    write(tmp_path, {"stages/__init__.py": "", "stages/train.py": "import stages.a.b", "stages/a/b.py": ""})
    command = "python -m stages.train --data here"
    assert missing(tmp_path, ["here/inputs/code/train.json"], command) == []
    assert len(missing(tmp_path, ["here/inputs/code/measure.json"], command)) == 3
    assert len(missing(tmp_path, ["data/inputs/code/train.json"], command)) == 3


def test_a_stage_whose_script_is_unknown_is_no_exception(tmp_path):
    assert "no local script" in missing(tmp_path, [], "echo done")[0]
    assert "no local script" in missing(tmp_path, [], "python -m stages.absent")[0]


def test_all_commands_of_a_stage_count(tmp_path):
    write(tmp_path, {"stages/a.py": "", "stages/b.py": ""})
    found = missing(tmp_path, ["stages/a.py"], "python -m stages.a\npython -m stages.b")
    assert found == ["dvc.yaml: stage train: stages/b.py is imported; add it to deps"]


@pytest.mark.long
def test_a_new_import_in_a_clone_is_found(clone):
    (clone / "stages" / "new.py").write_text("")
    with (clone / "stages" / "common.py").open("a") as file:
        file.write("from stages import new\n")
    [pipeline] = read(clone, [Path("dvc.yaml")])
    assert list(imports.uncovered(clone, pipeline)) == [
        f"dvc.yaml: stage train@{suite}: stages/new.py is imported; add it to deps"
        for suite in ("classifiers", "residual", "autoencoders")
    ]


def test_every_stage_of_this_project_depends_on_what_it_imports(monkeypatch):
    files = [Path(name) for name in ("dvc.yaml", "paper/dvc.yaml", "mine/dvc.yaml") if (PROJECT / name).exists()]
    if not files:
        pytest.skip("no dvc.yaml")
    monkeypatch.chdir(PROJECT)
    for pipeline in read(PROJECT, files):
        assert pipeline.stages, pipeline.file
        assert list(imports.uncovered(PROJECT, pipeline)) == []
