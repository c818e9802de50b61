"""The committed report on records of other machines is made from the packs that are committed."""

import shutil
from pathlib import Path

import pytest

from tools.artifacts import packs

PROJECT = Path(__file__).parents[2]
PARAMS, REPORTS = Path("paper/params.yaml"), Path("reports/paper")


def test_the_packs_give_the_measures_and_verdicts_that_are_committed():
    assert list(packs.check(PROJECT, PARAMS, REPORTS)) == []


@pytest.fixture
def project(tmp_path):
    """A copy of the packs, their parameters and the table of measures."""
    for name in (PARAMS.parent, REPORTS):
        shutil.copytree(PROJECT / name, tmp_path / name)
    return tmp_path


@pytest.mark.long
def test_a_table_of_other_numbers_and_a_missing_one_are_faults(project):
    table = project / REPORTS / "measures.csv"
    table.write_text(table.read_text().replace("converged", "diverged", 1))
    [fault] = packs.check(project, PARAMS, REPORTS)
    assert fault == "reports/paper/measures.csv: not what the records in paper/packs give; run `make paper-report`"
    shutil.copyfile(PROJECT / REPORTS / "measures.csv", table)
    verdicts = project / REPORTS / "verdicts.json"
    verdicts.write_text(verdicts.read_text().replace("underpowered", "opposite", 1))
    [fault] = packs.check(project, PARAMS, REPORTS)
    assert fault.startswith("reports/paper/verdicts.json: not what the records in paper/packs give")
    table.unlink()
    [fault] = packs.check(project, PARAMS, REPORTS)
    assert fault.startswith("reports/paper/measures.csv: missing, but paper/packs holds records; run")


def test_a_report_on_runs_of_this_machine_too_is_not_checked(project):
    table = project / REPORTS / "measures.csv"
    lines = table.read_text().splitlines()
    lines[1] = lines[1].replace('"NVIDIA H200, PyTorch 2.11, single precision"', "here")
    table.write_text("\n".join(lines))
    assert list(packs.check(project, PARAMS, REPORTS)) == []
