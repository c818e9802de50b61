import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages.measures.table import measure_lines
from stages.reporting.beyond import MEASURES, beyond, spread


def rows(**changes):
    count = 6
    table = pd.DataFrame({name: np.arange(count) / 10 for name in MEASURES})
    table["min_delta"] = [0.0, 0.0, 0.0, 0.5, 0.5, 0.5]
    table["monotonic"] = pd.Series([True, True, True, False, False, None], dtype=object)
    table["status"] = "converged"
    table["line"] = "initial_to_final"
    table["suite"] = ["a", "a", "b", "b", "b", "b"]
    table["run_id"] = [f"run{row}" for row in range(count)]
    return table.assign(**changes)


def test_lines_with_a_verdict_are_split_by_it():
    told = beyond(rows(), {"a": 0.0, "b": 1.0})
    assert told.counts == {"monotone": 3, "other": 2}
    assert [row["column"] for row in told.rows] == list(MEASURES)
    assert told.rows[0]["monotone"] == "0.1 (0.01 to 0.19)"
    assert told.rows[0]["other"] == "0.35 (0.305 to 0.395)"


@pytest.mark.parametrize("left", [{"line": "other"}, {"status": "diverged"}])
def test_other_lines_and_runs_that_are_not_admitted_do_not_count(left):
    assert beyond(rows(**left), {"a": 0.0, "b": 0.0}).counts == {"monotone": 0, "other": 0}


def test_a_run_of_two_suites_counts_once():
    assert beyond(rows(run_id=list("xxyzzz")), {"a": 0.0, "b": 0.0}).counts == {"monotone": 2, "other": 1}


def test_bumps_between_alphas_are_counted_by_the_tolerance_of_each_suite():
    told = beyond(rows(min_delta_refined=[0.0, 0.3, 0.3, 1, 1, 1]), {"a": 0.1, "b": 0.4})
    assert told.notes[0].startswith("Between the α of the grid, 1 of 3 monotone lines")
    assert "by 0.3 at most" in told.notes[0]
    told = beyond(rows(min_delta_refined=[np.nan, 0.3, 0.3, 1, 1, 1]), {"a": 0.3, "b": 0.3})
    assert (
        told.notes[0] == "Between the α of the grid, 0 of 2 monotone lines rise by more than their suite's tolerance."
    )


def test_rises_within_the_noise_are_counted():
    told = beyond(rows(min_delta_noise=[9, 9, 9, 0.6, 0.4, 9]), {"a": 0.0, "b": 0.0})
    assert told.notes[1].startswith("Of 2 non-monotone lines with batch norm, 1 rise by no more than")
    told = beyond(rows(min_delta_noise=[9, 9, 9, 0.6, np.nan, 9]), {"a": 0.0, "b": 0.0})
    assert told.notes[1].startswith("Of 1 non-monotone lines with batch norm, 1 rise")


def test_a_spread_is_of_what_is_finite():
    assert spread(np.array([1.0, np.nan, 3.0])) == "2 (1.1 to 2.9, 2 lines)"
    assert spread(np.array([np.nan])) == "—"


def test_every_one_is_a_column_of_the_measures():
    sys.path.append(str(Path(__file__).parent / "measures"))
    from test_table import curves

    assert set(MEASURES) <= set(measure_lines(curves(), 0.0, 0.1))
