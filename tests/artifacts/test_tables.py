import numpy as np
import pandas as pd
import pytest

from stages.measures.table import OWN_LINE
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


@pytest.mark.parametrize("column", ["run_id", "status", "min_delta_test", "seed", "draw", "layers"])
def test_a_missing_column_is_named(reports, params, measures, column):
    [fault] = faults(reports, params, measures.drop(columns=column))
    assert f"measures.csv: no column {column};" in fault


def test_a_missing_row_is_named_by_what_was_to_be_trained(reports, params, measures):
    gone = measures.iloc[3]
    [fault] = faults(reports, params, measures.drop(index=3))
    assert "suite classifiers, line initial_to_final: 1 of" in fault
    assert "missing" in fault
    assert f"such as hidden {gone['hidden']}, optimizer {gone['optimizer']}, lr {gone['lr']:g};" in fault


def test_a_row_too_many_is_named(reports, params, measures):
    found = faults(reports, params, pd.concat([measures, measures.iloc[[3]]]))
    assert ["more than one row of run" in found[0], "not in the parameters" in found[1], len(found)] == [True, True, 2]


def test_a_row_of_another_run_is_named_on_both_sides(reports, params, measures):
    measures.loc[3, "lr"] = 0.5
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


def test_a_residual_network_of_other_layers_is_named_on_both_sides(reports, params, measures):
    row = measures.index[measures["suite"] == "residual"][3]
    measures.loc[row, "layers"] = 14
    missing, unknown = faults(reports, params, measures)
    assert "1 of 8 runs missing, such as layers 8," in missing
    assert "not in the parameters, such as layers 14," in unknown


def fresh(measures, draw=None, kind="fresh"):
    """Return a mask of the lines of a kind from fresh initialisations, all or those of a draw."""
    return (measures["line"] == kind) & (True if draw is None else measures["draw"] == draw)


def changed(measures, where, **columns):
    return measures.assign(**{name: measures[name].mask(where, value) for name, value in columns.items()})


def to_run(measures, run):
    return measures["run_id"] == f"residual{run:04}"


PLANTED = {
    "a draw is missing": (
        lambda rows: rows[~(fresh(rows, 1) & to_run(rows, 0))],
        "line fresh, run residual0000: 2 lines, expected one of each of 3 draws",
    ),
    "a draw stands in another's place": (
        lambda rows: changed(rows, fresh(rows, 2) & to_run(rows, 1), draw=1),
        "line fresh, run residual0001: 3 lines, expected one of each of 3 draws",
    ),
    "a draw is there twice": (
        lambda rows: pd.concat([rows, rows[fresh(rows, 0) & to_run(rows, 1)]]),
        "line fresh, run residual0001: 4 lines, expected one of each of 3 draws",
    ),
    "a draw has no number": (
        lambda rows: changed(rows, fresh(rows, 0) & to_run(rows, 0), draw=np.nan),
        "line fresh, run residual0000: 3 lines, expected one of each of 3 draws",
    ),
    "a kind that the parameters do not name": (
        lambda rows: pd.concat([rows, rows[fresh(rows)].assign(line="zero")]),
        "line zero: not in the parameters",
    ),
    "a kind is missing": (
        lambda rows: rows[~fresh(rows, kind="fresh_block_identity")],
        "line fresh_block_identity",
    ),
    "a run of another suite": (
        lambda rows: changed(rows, fresh(rows) & to_run(rows, 1), run_id="classifiers0003"),
        "line fresh: ends in classifiers0003, residual0000,",
    ),
    "a run of no suite": (
        lambda rows: changed(rows, fresh(rows) & to_run(rows, 1), run_id="stranger"),
        "line fresh: ends in residual0000, stranger,",
    ),
    "no run": (
        lambda rows: changed(rows, fresh(rows) & to_run(rows, 1), run_id=None),
        "line fresh: ends in nan, residual0000,",
    ),
    "a run that it was not to be chosen from": (
        lambda rows: changed(rows, fresh(rows) & to_run(rows, 1), run_id="residual0004"),
        "line fresh: ends in residual0000, residual0004,",
    ),
    "three runs": (
        lambda rows: pd.concat([rows, rows[fresh(rows) & to_run(rows, 1)].assign(run_id="residual0002")]),
        "line fresh: ends in residual0000, residual0001, residual0002,",
    ),
    "two runs of one kind": (
        lambda rows: changed(rows, fresh(rows) & to_run(rows, 0), run_id="residual0002"),
        "line fresh: ends in residual0001, residual0002,",
    ),
    "the monotone run only, where there is another": (
        lambda rows: rows[~(fresh(rows) & to_run(rows, 1))],
        "line fresh: ends in residual0000,",
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_fault_in_lines_from_fresh_initialisations_is_named(reports, params, measures, fault):
    plant, words = PLANTED[fault]
    [found] = faults(reports, params, plant(measures))
    assert "measures.csv: suite residual" in found
    assert words in found
    assert found.endswith("run `make repro`")


def test_there_are_no_fresh_lines_to_runs_that_did_not_converge(reports, params, measures):
    among = (measures["suite"] == "residual") & (measures["initialization"] == "standard")
    own = measures["line"] == OWN_LINE
    assert (among & own).sum() == 4
    none = changed(measures[own | (measures["suite"] != "residual")], among, status="above threshold")
    assert faults(reports, params, none) == []
    one = changed(
        measures[own | (measures["suite"] != "residual") | to_run(measures, 1)],
        among & ~to_run(measures, 1),
        status="above threshold",
    )
    assert faults(reports, params, one) == []


@pytest.mark.parametrize(
    ("row", "change", "words"),
    [
        (0, {"monotonic": "True"}, "diverged, but counted as monotonic"),
        (0, {"min_delta": 0.0}, "diverged, but min_delta not empty"),
        (5, {"status": "fine"}, "status fine, expected one of converged"),
        (5, {"status": None}, "status nan, expected one of"),
        (5, {"gauss_length_smooth": np.nan}, "converged, but gauss_length_smooth empty or not finite"),
        (17, {"barrier": np.nan}, "converged, but barrier empty or not finite"),
        (5, {"distance": np.nan}, "converged, but distance empty or not finite"),
        (5, {"min_delta_refined": 0.2}, "min_delta_refined is below min_delta, which has fewer α"),
        (1, {"barrier": np.inf}, "above threshold, but barrier empty or not finite"),
        (5, {"min_delta_error": np.nan}, "converged, but min_delta_error empty"),
        (5, {"test_accuracy": np.nan}, "converged, but test_accuracy empty"),
        (-1, {"min_delta": np.nan}, "converged, but min_delta empty"),
        (5, {"monotonic": None}, "converged, but monotonic is nan"),
        (5, {"bump_alpha": np.nan}, "converged, but bump_alpha empty"),
        (5, {"initial_train_loss": np.nan}, "converged, but initial_train_loss empty"),
        (5, {"normalized_distance": np.nan}, "converged, but normalized_distance empty"),
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
    *metrics, power_law, other = faults(reports, params)
    for fault, suite in zip(metrics, ("residual", "autoencoders"), strict=True):
        assert f"metrics.json: suite {suite} is missing" in fault
    assert "power_law.csv: suite classifiers has no row" in power_law
    assert "power_law.csv: suite residual has no row" in other


def of(rows, line, place=0):
    """Return a mask of one line of a kind."""
    return rows.index == rows.index[rows["line"] == line][place]


OTHER = {
    "a pair is missing": (lambda rows: rows[~of(rows, "pairs")], "line pairs: 1 lines missing, such as from run"),
    "a pair is there twice": (lambda rows: pd.concat([rows, rows[of(rows, "pairs")]]), "line pairs: 1 lines too many"),
    "a pair leads the other way": (
        lambda rows: rows.assign(
            start_run_id=rows["start_run_id"].mask(of(rows, "pairs"), rows["run_id"]),
            run_id=rows["run_id"].mask(of(rows, "pairs"), rows["start_run_id"]),
        ),
        "line pairs: 1 lines missing",
    ),
    "an own pair among the crossed": (
        lambda rows: rows.assign(start_run_id=rows["start_run_id"].mask(of(rows, "crossed"), rows["run_id"])),
        "line crossed: 1 lines missing",
    ),
    "a draw of noise is missing": (lambda rows: rows[~of(rows, "noise")], "line noise: 1 lines missing"),
    "a line from zero is missing": (lambda rows: rows[~of(rows, "zero", 2)], "line zero: 1 lines missing"),
    "a snapshot of another epoch": (
        lambda rows: changed(rows, of(rows, "snapshots"), draw=2),
        "line snapshots: 1 lines missing",
    ),
    "a layer twice": (lambda rows: pd.concat([rows, rows[of(rows, "layers")]]), "line layers: 1 lines too many"),
    "no layer of a run": (
        lambda rows: rows[~((rows["line"] == "layers") & (rows["run_id"] == "classifiers0005"))],
        "line layers",
    ),
}


@pytest.mark.parametrize("fault", OTHER)
def test_a_fault_in_other_lines_is_named(reports, params, measures, fault):
    plant, words = OTHER[fault]
    found = faults(reports, params, plant(measures))
    assert any(words in one for one in found)
    assert all("suite classifiers, line" in one for one in found)


def test_a_suite_without_gauss_lengths_may_lack_them_and_no_other(reports, params, measures):
    suite = params.suite("classifiers").model_copy(update={"gauss_examples": 0})
    without = params.model_copy(update={"suites": params.suites | {"classifiers": suite}})
    there = measures["suite"] == "classifiers"
    lengths = [name for name in measures if name.startswith("gauss_length") or name == "fraction_below_half_pi"]
    empty = measures.assign(**{name: measures[name].mask(there) for name in lengths})
    assert faults(reports, without, empty) == []
    assert faults(reports, params, empty) != []


def test_lines_to_every_optimum_that_miss_one_are_named(reports, params):
    residual = params.suites["residual"]
    lines = residual.lines | {"fresh": residual.lines["fresh"].model_copy(update={"optima": "all"})}
    changed_suite = residual.model_copy(update={"lines": lines})
    wanted = params.model_copy(update={"suites": params.suites | {"residual": changed_suite}})
    [fault] = faults(reports, wanted)
    assert "line fresh: ends in residual0000, residual0001, expected every converged run of `among`;" in fault
