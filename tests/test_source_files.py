"""The modules that a script runs, directly or not, are found from the source."""

import pytest

from stages.shared.source_files import local_imports, module_files


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


def test_a_registry_imports_all_modules_beside_it(tmp_path):
    files = {"stages/script.py": "from stages.deep import registry", "stages/deep/registry.py": "import stages.flat"}
    write(tmp_path, files | {"stages/deep/leaf.py": "", "stages/flat.py": "", "stages/other.py": ""})
    found = local_imports(tmp_path, module_files(tmp_path, "stages.script"))
    assert {path.as_posix() for path in found} == {*files, "stages/deep/leaf.py", "stages/flat.py"}


def test_a_call_that_finds_classes_imports_all_modules_of_its_package(tmp_path):
    call = 'KINDS = find_classes("stages.kinds", Kind)'
    write(tmp_path, {"stages/script.py": call, "stages/kinds/a.py": "import stages.flat", "stages/flat.py": ""})
    found = local_imports(tmp_path, module_files(tmp_path, "stages.script"))
    assert {path.as_posix() for path in found} == {"stages/script.py", "stages/kinds/a.py", "stages/flat.py"}
