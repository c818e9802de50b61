import math
from pathlib import Path

import pandas as pd
import pytest

from stages.measures.proportion import newcombe, wilson
from stages.shared.csv_files import write_csv
from tools import compare_runs

MEASURES = Path(__file__).resolve().parents[2] / "reports" / "measures.csv"


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    table = compare_runs.own_lines(MEASURES)
    return table[table["suite"] == "classifiers"].reset_index(drop=True)


def of(rows, optimizer, norm, lr):
    return (rows["optimizer"] == optimizer) & (rows["batch_norm"] == norm) & (rows["lr"] == lr)


def test_each_cell_has_its_shares_and_intervals(rows):
    other = rows.copy()
    cell = of(rows, "adam", True, 0.01)
    assert cell.sum() > 3
    other.loc[cell, "monotonic"] = [place > 0 for place in range(cell.sum())]
    other.loc[cell, "status"] = ["converged"] * (cell.sum() - 1) + ["diverged"]
    other.loc[cell, "final_train_loss"] = 0.25
    found = compare_runs.compare(rows, other, 0.9)
    assert len(found) == len(rows[compare_runs.CELL].drop_duplicates()) + 1
    row = found[of(found, "adam", True, 0.01)].iloc[0]
    kept = rows[cell & (rows["status"] == "converged") & rows["monotonic"].notna()]
    before = (int((kept["monotonic"] == False).sum()), len(kept))  # noqa: E712 (a column)
    after = (1, int(cell.sum()) - 1)
    assert (row["non_monotone_1"], row["converged_1"]) == before
    assert (row["non_monotone_2"], row["converged_2"]) == after
    assert (row["low_2"], row["high_2"]) == wilson(*after, 0.9)
    assert (row["low"], row["high"]) == newcombe(before, after, 0.9)
    assert row["difference"] == pytest.approx(after[0] / after[1] - before[0] / before[1])
    assert row["loss_1"] == kept["final_train_loss"].median()
    assert row["loss_2"] == 0.25
    same = found[~of(found, "adam", True, 0.01) & (found["optimizer"] != "all")]
    assert (same["difference"].dropna() == 0).all()
    assert found.iloc[-1]["converged_1"] == (rows["status"] == "converged").sum()


def test_a_cell_without_converged_runs_has_no_difference(rows):
    other = rows.assign(status="diverged")
    found = compare_runs.compare(rows, other, 0.95)
    assert found["difference"].isna().all()
    assert all(math.isnan(value) for value in found["low"])
    assert "In 0 of 0 cells" in compare_runs.markdown(found)


def test_the_command_prints_a_table(rows, tmp_path, capsys):
    other = rows.copy()
    cell = of(rows, "sgd", False, 0.1)
    other.loc[cell, ["status", "monotonic"]] = ["converged", False]
    for name, table in (("first", rows), ("second", other)):
        write_csv(tmp_path / f"{name}.csv", table)
    compare_runs.main([str(tmp_path / "first.csv"), str(tmp_path / "second.csv")])
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.startswith("| sgd | no | 0.1 |")]
    assert f"{cell.sum()} of {cell.sum()}: 1.00" in line
    assert lines[-2].startswith("In 1 of ")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.iloc[1:], "different grids: 1 configurations of the first are not in the second, 0 of"),
        (lambda rows: rows.assign(seed=99), "different grids"),
        (lambda rows: rows.drop(columns="distance"), "has no column distance"),
    ],
)
def test_tables_that_cannot_be_compared(rows, tmp_path, change, message):
    write_csv(tmp_path / "first.csv", rows)
    write_csv(tmp_path / "second.csv", change(rows))
    with pytest.raises(SystemExit, match=message):
        compare_runs.main([str(tmp_path / "first.csv"), str(tmp_path / "second.csv")])
    with pytest.raises(SystemExit, match="absent.csv is missing"):
        compare_runs.main([str(tmp_path / "absent.csv"), str(tmp_path / "second.csv")])
