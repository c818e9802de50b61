import numpy as np
import pandas as pd
import pytest

from stages.measures.registry import declared_measures
from stages.reporting.measure_summary import median_and_range, summarise_measures

SUMMARISED = [name for name, measure in declared_measures().items() if measure.summarised]


def rows(**changes):
    count = 6
    table = pd.DataFrame({name: np.arange(count) / 10 for name in SUMMARISED})
    table["min_delta"] = [0.0, 0.0, 0.0, 0.5, 0.5, 0.5]
    table["monotonic"] = pd.Series([True, True, True, False, False, None], dtype=object)
    table["status"] = "converged"
    table["line"] = "initial_to_final"
    table["suite"] = ["a", "a", "b", "b", "b", "b"]
    table["run_id"] = [f"run{row}" for row in range(count)]
    return table.assign(**changes)


def test_lines_with_a_verdict_are_split_by_it():
    told = summarise_measures(rows(), {"a": 0.0, "b": 1.0})
    assert told.counts == {"monotone": 3, "non_monotone": 2}
    assert [row["column"] for row in told.rows] == SUMMARISED
    assert told.rows[0]["monotone"] == "0.1 (0.01 to 0.19)"
    assert told.rows[0]["non_monotone"] == "0.35 (0.305 to 0.395)"


@pytest.mark.parametrize("left", [{"line": "other"}, {"status": "diverged"}])
def test_other_lines_and_runs_that_did_not_converge_do_not_count(left):
    assert summarise_measures(rows(**left), {"a": 0.0, "b": 0.0}).counts == {"monotone": 0, "non_monotone": 0}


def test_a_run_of_two_suites_counts_once():
    assert summarise_measures(rows(run_id=list("xxyzzz")), {"a": 0.0, "b": 0.0}).counts == {
        "monotone": 2,
        "non_monotone": 1,
    }


def test_bumps_between_alphas_are_counted_by_the_tolerance_of_each_suite():
    told = summarise_measures(rows(min_delta_refined=[0.0, 0.3, 0.3, 1, 1, 1]), {"a": 0.1, "b": 0.4})
    assert told.notes[0].startswith("Between the α of the grid, 1 of 3 monotone lines")
    assert "by 0.3 at most" in told.notes[0]
    told = summarise_measures(rows(min_delta_refined=[np.nan, 0.3, 0.3, 1, 1, 1]), {"a": 0.3, "b": 0.3})
    assert (
        told.notes[0] == "Between the α of the grid, 0 of 2 monotone lines rise by more than their suite's tolerance."
    )


def test_the_range_is_of_finite_values():
    assert median_and_range(np.array([1.0, np.nan, 3.0])) == "2 (1.1 to 2.9, 2 lines)"
    assert median_and_range(np.array([np.nan])) == "—"


def test_just_the_measures_that_ask_for_it_are_summarised():
    assert {"min_delta_refined", "barrier", "gauss_length_turning"} < set(SUMMARISED)
    assert not {"min_delta", "monotonic", "distance"} & set(SUMMARISED)
