"""Stages on files that are missing, damaged, or of other parameters: refused by name with the remedy, or made again."""

import shutil

import pytest
from stage_functions import contents, edit, job, keys

from stages.interpolate import interpolate
from stages.measure import measures
from stages.shared.errors import UserError
from stages.shared.files import read_arrays, write_arrays
from stages.shared.store import Store
from stages.train_grid import train_grid


def tamper(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_damaged_entry_of_the_store_is_made_again(finished, capsys):
    before = contents(finished)
    key = next(iter(keys(finished, "tiny")))
    tamper(finished / ".cells" / "runs" / key[:2] / f"{key}.safetensors")
    train_grid(job(finished, "tiny"))
    assert "train_grid tiny: 4 runs, 3 reused, 1 trained" in capsys.readouterr().out
    assert contents(finished) == before


def test_a_tampered_run_is_refused_when_its_line_has_to_be_walked(finished):
    curves = finished / "data/curves/tiny.safetensors"
    before = curves.read_bytes()
    path = Store(finished / ".cells").path("runs", list(keys(finished, "tiny"))[1])
    tamper(path)
    interpolate(job(finished, "tiny"))  # every line is in the store
    assert curves.read_bytes() == before
    shutil.rmtree(finished / ".cells/lines")
    with pytest.raises(UserError) as caught:
        interpolate(job(finished, "tiny"))
    assert str(caught.value).startswith(f"{path.resolve()} is damaged; delete it and run stage train_grid")
    assert curves.read_bytes() == before
    train_grid(job(finished, "tiny"))
    interpolate(job(finished, "tiny"))
    assert curves.read_bytes() == before


def test_runs_of_other_parameters_are_refused(finished):
    edit(finished, "lr: [0.1]", "lr: [0.1, 0.2]")
    with pytest.raises(UserError, match=r"tiny\.json has no run .* suite tiny was not trained .* run train_grid first"):
        interpolate(job(finished, "tiny"))


def test_weights_that_are_gone_from_the_store_are_asked_for_and_trained_again(finished):
    before = contents(finished)
    path = Store(finished / ".cells").path("runs", next(iter(keys(finished, "tiny"))))
    path.unlink()
    with pytest.raises(UserError, match=f"{path} is missing, the weights of a run of suite tiny; run stage train_grid"):
        interpolate(job(finished, "tiny"))
    train_grid(job(finished, "tiny"))
    interpolate(job(finished, "tiny"))
    assert contents(finished) == before


def test_other_weights_under_the_same_identity_are_refused(finished):
    store, run_id = Store(finished / ".cells"), next(iter(keys(finished, "tiny")))
    arrays, about = store.get("runs", run_id)
    store.put("runs", run_id, {name: array + 1 for name, array in arrays.items()}, about)
    with pytest.raises(
        UserError, match=r"holds other weights than stage train_grid of suite tiny listed in .*tiny\.json"
    ):
        interpolate(job(finished, "tiny"))


@pytest.mark.parametrize("content", [b"", b"[]", b"{"])
def test_a_missing_or_damaged_list_of_runs_or_dataset_is_named(finished, content):
    path = finished / "data/runs/tiny.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"tiny\.json .*; delete it and run `dvc repro`"):
        interpolate(job(finished, "tiny"))
    path.unlink()
    with pytest.raises(UserError, match=r"tiny\.json is missing; run the stage that makes it"):
        interpolate(job(finished, "tiny"))
    (finished / "data/datasets/digits.safetensors").unlink()
    for stage in (train_grid, interpolate):
        with pytest.raises(UserError, match=r"digits\.safetensors is missing; run the stage that makes it"):
            stage(job(finished, "tiny"))


@pytest.mark.parametrize("stranger", ["data/curves/old.safetensors", "data/training/old/runs.csv"])
def test_what_a_removed_suite_left_behind_is_refused(finished, stranger):
    before = contents(finished)
    (finished / stranger).parent.mkdir(exist_ok=True)
    (finished / stranger).write_bytes(b"")
    with pytest.raises(UserError, match=r"old\S* is of no suite in the parameters; delete it"):
        measures(job(finished))
    (finished / stranger).unlink()
    assert contents(finished) == before


def test_tables_of_another_grid_are_refused(finished):
    edit(finished, "lr: [0.1]", "lr: [0.1, 0.2]")
    with pytest.raises(UserError, match=r"suites\.tiny: its runs, outcomes and curves are not of the same grid"):
        measures(job(finished))


def test_tables_of_another_grid_of_the_same_size_are_refused(finished):
    edit(finished, "lr: [0.1]", "lr: [0.2]")
    with pytest.raises(UserError, match=r"suites\.tiny: its runs, outcomes and curves are not of the same grid"):
        measures(job(finished))


def test_a_table_of_something_else_is_refused(finished):
    path = finished / "data/training/tiny/runs.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"runs\.csv"):
        measures(job(finished))


def test_curves_without_a_run_of_the_grid_are_refused(finished):
    path = finished / "data/curves/tiny.safetensors"
    arrays, about = read_arrays(path)
    short = {name: array if name == "alphas" else array[:3] for name, array in arrays.items()}
    write_arrays(path, short, about | {"run_ids": about["run_ids"][:3], "lines": about["lines"][:3]})
    with pytest.raises(UserError, match=r"suites\.tiny: its runs, outcomes and curves are not of the same grid"):
        measures(job(finished))
