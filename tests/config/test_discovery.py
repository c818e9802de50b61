"""Classes that are found in a folder, and composed into one."""

import subprocess
import sys
from pathlib import Path

import pytest
from small_project import ROOT

from stages.config import LINE_KINDS, FreshLines, Run
from stages.config.discovery import find_classes, import_named, with_fields
from stages.config.line_kind import LineKind
from stages.config.network import Network
from stages.config.network_fields import Depth, Width
from stages.config.params import SOURCES
from stages.config.run import ARCHITECTURES, NETWORKS, OPTIMIZER_OPTIONS, OPTIMIZERS
from stages.config.schema import Frozen
from stages.shared.source_files import local_imports

SHARED = "stages.config.network_fields"


class Base(Frozen):
    name_of_run: str


class Plain(Depth, Network):
    name = "plain"


class Wide(Width, Depth, Network):
    name = "wide"
    extra: int
    more: float = 0.5


class Again(Network):
    name = "again"
    extra: int


def test_every_module_of_a_folder_is_searched_once():
    found = find_classes("stages.lines.kinds", LineKind)
    assert found == LINE_KINDS
    assert FreshLines in found
    assert {kind.__module__.rpartition(".")[2] for kind in found} == {
        file.stem for file in (ROOT / "stages/lines/kinds").glob("[!_]*.py")
    }


@pytest.mark.parametrize(
    ("package", "base", "known"),
    [
        ("stages.networks.architectures", Network, NETWORKS.values()),
        ("stages.training.optimizer_options", Frozen, OPTIMIZERS.values()),
        ("stages.datasets.sources", Frozen, SOURCES),
    ],
)
def test_what_is_found_has_names_of_its_own(package, base, known):
    assert list(find_classes(package, base)) == list(known)


def test_a_composed_class_has_shared_fields_in_their_order_then_own_ones():
    whole = with_fields(Base, SHARED, (Wide, Plain))
    assert list(whole.model_fields)[:1] == ["name_of_run"]
    assert list(whole.model_fields)[-2:] == ["extra", "more"]
    fields = [field for field in ("layers", "width_multiplier") if field in whole.model_fields]
    assert [name for name in whole.model_fields if name in fields] == fields


def test_a_field_without_a_default_may_be_left_out_of_the_composed_class():
    whole = with_fields(Base, SHARED, (Wide,))(name_of_run="a")
    assert (whole.extra, whole.more, whole.layers) == (None, 0.5, None)
    with pytest.raises(ValueError, match="valid integer"):
        with_fields(Base, SHARED, (Wide,))(name_of_run="a", extra="text")


def test_a_field_that_two_classes_declare_is_refused():
    with pytest.raises(TypeError, match=r"Again.extra: declared elsewhere too; declare it once, in stages.config.net"):
        with_fields(Base, SHARED, (Wide, Again))


def test_a_run_has_every_field_of_every_network_and_optimizer():
    for kind in (*ARCHITECTURES, *OPTIMIZER_OPTIONS):
        for name, field in kind.model_fields.items():
            assert Run.model_fields[name].default == (None if field.is_required() else field.default)


@pytest.mark.parametrize("kind", [*ARCHITECTURES, *OPTIMIZER_OPTIONS, *SOURCES], ids=lambda kind: kind.__name__)
def test_what_builds_a_declared_thing_can_be_imported(kind):
    reference = next(getattr(kind, name) for name in ("builder", "rule", "loader") if hasattr(kind, name))
    assert callable(import_named("stages", reference))


def test_reading_parameters_imports_no_slow_library():
    slow = "torch torchvision numpy pandas sklearn transformers seaborn scipy"
    code = f"import sys, stages.config; print(*(name for name in {slow.split()} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_stages_depend_on_all_modules_of_a_searched_folder(tmp_path):
    (tmp_path / "kinds").mkdir()
    for name in ("__init__", "one", "two"):
        (tmp_path / "kinds" / f"{name}.py").write_text("")
    (tmp_path / "used.py").write_text("KINDS = find_classes('kinds', Base)\n")
    (tmp_path / "other.py").write_text("KINDS = other('kinds', Base)\n")
    folder = {Path("kinds", f"{name}.py") for name in ("__init__", "one", "two")}
    assert local_imports(tmp_path, {Path("used.py")}) == {Path("used.py")} | folder
    assert local_imports(tmp_path, {Path("other.py")}) == {Path("other.py")}
