import numpy as np
import pandas as pd
import pytest

from tools.artifacts import tables


@pytest.fixture
def measures(reports):
    return pd.read_csv(reports / "measures.csv", dtype={"monotonic": str})


def faults(reports, params, measures=None):
    if measures is not None:
        measures.to_csv(reports / "measures.csv", index=False)
    return list(tables.check(reports, params))


def test_complete_tables_have_no_fault(reports, params):
    assert faults(reports, params) == []


@pytest.mark.parametrize("column", ["run_id", "status", "min_delta_test", "seed"])
def test_a_missing_column_is_named(reports, params, measures, column):
    [fault] = faults(reports, params, measures.drop(columns=column))
    assert f"measures.csv: no column {column};" in fault


def test_a_missing_row_is_named_by_what_was_to_be_trained(reports, params, measures):
    gone = measures.iloc[5]
    [fault] = faults(reports, params, measures.drop(index=5))
    assert "suite classifiers, line initial_to_final: 1 of" in fault
    assert "missing" in fault
    assert f"activation {gone['activation']}, batch_norm {gone['batch_norm']}, optimizer {gone['optimizer']}" in fault


def test_a_row_too_many_is_named(reports, params, measures):
    found = faults(reports, params, pd.concat([measures, measures.iloc[[5]]]))
    assert ["more than one row of run" in found[0], "not in the parameters" in found[1], len(found)] == [True, True, 2]


def test_a_row_of_another_run_is_named_on_both_sides(reports, params, measures):
    measures.loc[5, "lr"] = 0.5
    missing, unknown = faults(reports, params, measures)
    assert "1 of" in missing
    assert "runs missing" in missing
    assert "not in the parameters, such as" in unknown
    assert "lr 0.5" in unknown


def test_a_suite_without_rows_and_a_suite_too_many_are_named(reports, params, measures):
    measures["suite"] = measures["suite"].replace("autoencoders", "others")
    found = "\n".join(faults(reports, params, measures))
    assert "suite others is not in the parameters" in found
    assert "suite autoencoders has no row" in found


def test_each_kind_of_line_has_every_run(reports, params, measures):
    both = pd.concat([measures, measures.assign(line="zero_to_final")])
    assert faults(reports, params, both) == []
    [fault] = faults(reports, params, both.iloc[:-1])
    assert "suite autoencoders, line zero_to_final: 1 of" in fault


@pytest.mark.parametrize(
    ("row", "change", "words"),
    [
        (0, {"monotonic": "True"}, "diverged, but counted as monotonic"),
        (0, {"min_delta": 0.0}, "diverged, but min_delta not empty"),
        (5, {"status": "fine"}, "status fine, expected one of converged"),
        (5, {"status": None}, "status nan, expected one of"),
        (5, {"distance": np.nan}, "converged, but distance empty or not finite"),
        (1, {"barrier": np.inf}, "above threshold, but barrier empty or not finite"),
        (5, {"min_delta_error": np.nan}, "converged, but min_delta_error empty"),
        (5, {"test_accuracy": np.nan}, "converged, but test_accuracy empty"),
        (-1, {"min_delta": np.nan}, "converged, but min_delta empty"),
        (5, {"monotonic": None}, "converged, but monotonic is nan"),
    ],
)
def test_a_row_that_contradicts_its_status_is_named(reports, params, measures, row, change, words):
    index = measures.index[row]
    for column, value in change.items():
        measures.loc[index, column] = value
    [fault] = faults(reports, params, measures)
    assert f"run {measures.loc[index, 'run_id']}: {words}" in fault


@pytest.mark.parametrize(("name", "text"), [("measures.csv", ""), ("power_law.csv", ""), ("metrics.json", "{")])
def test_a_file_that_is_absent_or_cannot_be_read_is_named(reports, params, name, text):
    (reports / name).write_text(text)
    [fault] = faults(reports, params)
    assert fault.startswith(f"{reports / name}: no ")
    (reports / name).unlink()
    assert faults(reports, params) == [f"{reports / name}: missing; run `make repro`"]


def test_metrics_and_power_law_have_every_suite(reports, params):
    (reports / "metrics.json").write_text('{"classifiers": {}}')
    (reports / "power_law.csv").write_text("suite\nautoencoders\n")
    metrics, power_law = faults(reports, params)
    assert "metrics.json: suite autoencoders is missing" in metrics
    assert "power_law.csv: suite classifiers has no row" in power_law
