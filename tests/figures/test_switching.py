"""Tables 5 to 7, held to cells worked by hand."""

import io

import numpy as np
import pandas as pd
import pytest
from figures_results import results, without_rows
from results_in_memory import replaced

from stages.figures.switching import adam_to_sgd, grafting, sgd_to_adam

ONE = {"hidden": [(64, 64)], "activation": ["tanh"], "optimizer": ["sgd"], "lr": [0.1]}
TO_ADAM = {"switch_optimizer": "adam", "switch_lr": 0.001}
DIVERGED = {"status": "diverged", "monotonic": np.nan, "distance": np.nan, "gauss_length_smooth": np.nan}
ABOVE = {"status": "above threshold", "monotonic": False, "distance": 1e6, "gauss_length_smooth": 1e6}


def made_of(*rows):
    """Return suites whose runs are a monotone, admitted one of SGD but for the given columns."""
    made = results(grids={"classifiers": ONE})
    plain = made.measures.iloc[0].to_dict() | {"distance": 1.0, "gauss_length_smooth": 1.0, "monotonic": True}
    plain |= dict.fromkeys(("switch_after", "switch_optimizer", "switch_lr", "magnitude"), np.nan)
    rows = [plain | {"run_id": f"r{i}", "status": "converged"} | row for i, row in enumerate(rows)]
    return replaced(made, measures=pd.DataFrame(rows).astype({"monotonic": object}))


def seeds(distances, lengths=(1.0,), **row):
    """Return a run for each distance."""
    lengths = list(lengths) * (len(distances) // len(lengths))
    pairs = zip(distances, lengths, strict=True)
    return [row | {"seed": i, "distance": d, "gauss_length_smooth": g} for i, (d, g) in enumerate(pairs)]


def grid(table):
    """Return the cells of a table's Markdown, rows of columns, its head first."""
    rows = [line.strip("|").split("|") for line in table.markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in [rows[0], *rows[2:]]]


def cells_of(table, **keys):
    data = table.data
    for name, value in keys.items():
        data = data[data[name].isna() if value is None else data[name] == value]
    return data.to_dict("records")


def test_table_5_by_hand():
    rows = seeds([3.0, 5.0, 7.0], [1.0, 1.1, 1.5], lr=0.01, switch_after=10.0, **TO_ADAM)
    rows[0]["monotonic"] = rows[2]["monotonic"] = False
    rows += seeds([100.0, 100.0], [2.0, 4.0], lr=0.01, switch_after=2.0, **TO_ADAM)
    rows += seeds([0.5], [0.25], lr=0.1) + seeds([8.0, 9.0], [0.5, 0.75], lr=0.01)
    table = sgd_to_adam(made_of(*rows))
    assert grid(table) == [
        ["", "SGD lr", "2", "10", "never"],
        ["Gauss length (rad)", "0.01", "3.0 ± 1.0 (2)", "1.20 ± 0.15 (3)", "0.62 ± 0.12 (2)"],
        ["Gauss length (rad)", "0.1", "", "", "0.25 (1)"],
        ["distance", "0.01", "100 ± 0 (2)", "5.0 ± 1.2 (3)", "8.50 ± 0.50 (2)"],
        ["distance", "0.1", "", "", "0.5 (1)"],
        ["non-monotone / converged", "0.01", "0/2", "2/3", "0/2"],
        ["non-monotone / converged", "0.1", "", "", "0/1"],
    ]
    (cell,) = cells_of(table, lr=0.01, switch_after=10)
    wanted = {"optimizer": "sgd", "switch_optimizer": "adam", "switch_lr": 0.001, "trained": 3, "converged": 3}
    wanted |= {"non_monotone": 2, "diverged": 0, "above_threshold": 0, "distance_n": 3, "gauss_length_smooth_n": 3}
    assert {name: cell[name] for name in wanted} == wanted
    assert cell["distance_mean"] == pytest.approx(5)
    assert cell["distance_standard_error"] == pytest.approx(2 / 3**0.5)  # standard deviation over n - 1: 2
    assert cell["gauss_length_smooth_mean"] == pytest.approx(1.2)
    assert cell["gauss_length_smooth_standard_error"] == pytest.approx((0.07 / 3) ** 0.5)
    (never,) = cells_of(table, lr=0.1, switch_after=None)
    assert np.isnan(never["distance_standard_error"])
    assert "epochs after which Adam (lr 0.001) takes over from SGD" in table.markdown
    assert "8 runs: 2 of 8 non-monotone; 0 above threshold, 0 diverged left out" in table.markdown


def test_runs_that_are_not_converged_are_counted_but_not_averaged():
    switched = {"lr": 0.01, "switch_after": 2.0, **TO_ADAM}
    rows = [*seeds([4.0, 6.0], **switched), switched | DIVERGED, switched | ABOVE, {"lr": 0.1} | DIVERGED]
    table = sgd_to_adam(made_of(*rows))
    (cell,) = cells_of(table, lr=0.01)
    assert [cell[name] for name in ("trained", "diverged", "above_threshold", "converged")] == [4, 1, 1, 2]
    assert cell["distance_mean"] == 5
    assert cell["non_monotone"] == 0
    (gone,) = cells_of(table, lr=0.1)
    assert (gone["trained"], gone["converged"], gone["distance_n"]) == (1, 0, 0)
    assert np.isnan(gone["distance_mean"])
    assert [row[2:] for row in grid(table)[3:5]] == [["5.0 ± 1.0 (2)", ""], ["", "–"]]
    assert [row[2:] for row in grid(table)[5:]] == [["0/2", ""], ["", "–"]]
    assert "5 runs: 0 of 2 non-monotone; 1 above threshold, 2 diverged left out" in table.markdown


def test_a_converged_run_without_a_gauss_length_counts_for_its_distance():
    rows = seeds([4.0, 6.0], [np.nan, 3.0], lr=0.01, switch_after=2.0, **TO_ADAM)
    table = sgd_to_adam(made_of(*rows))
    assert [row[2] for row in grid(table)[1:]] == ["3 (1)", "5.0 ± 1.0 (2)", "0/2"]
    (cell,) = cells_of(table)
    assert (cell["gauss_length_smooth_n"], cell["distance_n"], cell["converged"]) == (1, 2, 2)


def test_each_table_takes_its_own_runs_and_counts_the_others():
    rows = [
        {"optimizer": "sgd", "switch_after": 2.0, **TO_ADAM, "distance": 1.0},
        {"optimizer": "sgd", "switch_after": 2.0, "switch_optimizer": "rmsprop", "switch_lr": 0.1, "distance": 2.0},
        {"optimizer": "adam", "switch_after": 2.0, "switch_optimizer": "sgd", "switch_lr": 0.03, "distance": 3.0},
        {"optimizer": "adam", "magnitude": "sgd", "distance": 4.0},
        {"optimizer": "sgd", "magnitude": "adam", "distance": 5.0},
        {"optimizer": "sgd", "distance": 6.0},
        {"optimizer": "adam", "distance": 7.0},
    ]
    made = made_of(*rows)
    assert list(sgd_to_adam(made).data["distance_mean"]) == [1, 6]
    assert list(adam_to_sgd(made).data["distance_mean"]) == [3, 7]
    assert sorted(grafting(made).data["distance_mean"]) == [4, 5, 6, 7]
    assert "5 runs of these suites have other optimizers or switches" in sgd_to_adam(made).markdown
    assert "3 runs of these suites have other optimizers or switches" in grafting(made).markdown
    assert list(adam_to_sgd(made).data["switch_optimizer"].fillna("")) == ["sgd", ""]


def test_rates_of_the_second_optimizer_are_not_averaged():
    rows = [
        {"switch_after": 2.0, **TO_ADAM, "switch_lr": rate, "distance": d} for rate, d in ((0.001, 1.0), (0.1, 3.0))
    ]
    table = sgd_to_adam(made_of(*rows))
    assert grid(table)[0] == ["", "SGD lr", "2 (lr 0.001)", "2 (lr 0.1)"]
    assert list(table.data["distance_mean"]) == [1, 3]


def test_table_7_by_hand():
    rows = seeds([9.0, 11.0], optimizer="sgd", lr=0.01) + seeds([13.0], optimizer="sgd", magnitude="sgd", lr=0.01)
    rows += seeds([20.0, 30.0], optimizer="adam", magnitude="sgd", lr=0.01)
    rows += seeds([8.0], optimizer="adam", magnitude="sgd", lr=0.1)
    rows += [row | {"monotonic": False} for row in seeds([380.0, 382.0], optimizer="sgd", magnitude="adam", lr=0.001)]
    rows += [{"optimizer": "adam", "magnitude": "sgd", "lr": 0.1} | DIVERGED]
    table = grafting(made_of(*rows))
    assert grid(table) == [
        ["", "step size", "lr", "direction SGD", "direction Adam"],
        ["distance", "SGD", "0.01", "11.0 ± 1.2 (3)", "25.0 ± 5.0 (2)"],
        ["distance", "SGD", "0.1", "", "8 (1)"],
        ["distance", "Adam", "0.001", "381.0 ± 1.0 (2)", ""],
        ["non-monotone / converged", "SGD", "0.01", "0/3", "0/2"],
        ["non-monotone / converged", "SGD", "0.1", "", "0/1"],
        ["non-monotone / converged", "Adam", "0.001", "2/2", ""],
    ]
    (cell,) = cells_of(table, step_size="sgd", direction="adam", lr=0.1)
    assert (cell["trained"], cell["diverged"], cell["converged"]) == (2, 1, 1)
    assert "heads of the paper's columns look swapped" in table.markdown
    assert "9 runs: 2 of 8 non-monotone; 0 above threshold, 1 diverged left out" in table.markdown


def test_other_optimizers_may_be_grafted_too():
    rows = [{"optimizer": "rmsprop", "magnitude": "adam"}, {"optimizer": "rmsprop"}, {"optimizer": "adam"}]
    head, *lines = grid(grafting(made_of(*rows)))
    assert head[3:] == ["direction RMSProp", "direction Adam"]
    assert [line[1] for line in lines] == ["Adam", "Adam"]


@pytest.mark.parametrize("table", [sgd_to_adam, adam_to_sgd, grafting])
def test_suites_without_such_runs_have_a_table_without_cells(table):
    made = made_of({"optimizer": "rmsprop"})
    for one, others in ((without_rows(made), 0), (made, 1)):
        empty = table(one)
        assert empty.data.empty
        assert len(grid(empty)) == 1
        assert "0 runs: 0 of 0 non-monotone; 0 above threshold, 0 diverged left out" in empty.markdown
        assert (f"{others} runs of these suites" in empty.markdown) == bool(others)


@pytest.mark.parametrize("table", [sgd_to_adam, adam_to_sgd, grafting])
def test_where_every_run_diverged_each_cell_is_a_dash(table):
    rows = [{"optimizer": name} | DIVERGED for name in ("sgd", "adam")]
    rows += [{"switch_after": 2.0, **TO_ADAM} | DIVERGED, {"optimizer": "sgd", "magnitude": "adam"} | DIVERGED]
    made = table(made_of(*rows))
    assert {cell for row in grid(made)[1:] for cell in row[-2:]} <= {"–", "0.1"}
    assert made.data["diverged"].sum() == made.data["trained"].sum() > 0


def test_the_columns_survive_the_way_through_a_file():
    made = made_of({"switch_after": 2.0, **TO_ADAM}, {"optimizer": "sgd"}, {"optimizer": "adam", "magnitude": "sgd"})
    text = made.measures.to_csv(index=False)
    read = replaced(made, measures=pd.read_csv(io.StringIO(text)))
    for table in (sgd_to_adam, grafting):
        pd.testing.assert_frame_equal(table(read).data, table(made).data, check_dtype=False)
    again = pd.read_csv(io.StringIO(sgd_to_adam(read).data.to_csv(index=False)))
    assert list(again["switch_after"].isna()) == [False, True]
