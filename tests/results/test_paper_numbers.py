"""The paper's numbers: what they must be to agree with one another, and files that are refused."""

import pandas as pd
import pytest

from stages.results.paper_numbers import NUMBERS, read_paper_numbers
from stages.shared.errors import UserError


@pytest.fixture(scope="module")
def numbers() -> pd.DataFrame:
    return read_paper_numbers()


def cells(numbers, place, quantity=None):
    rows = numbers[numbers["place"] == place]
    return rows if quantity is None else rows[rows["quantity"] == quantity]


def test_each_number_stands_once(numbers):
    assert not numbers.drop(columns=["value", "error", "count"])[numbers["place"] != "table 3"].duplicated().any()


@pytest.mark.parametrize("place", ["table 1", "table 2", "table 3", "table 4"])
def test_a_proportion_is_that_of_a_whole_number_of_runs(numbers, place):
    rows = cells(numbers, place, "non_monotone").dropna(subset="value")
    assert (((rows["value"] * rows["count"]).round() / rows["count"] - rows["value"]).abs() <= 0.0051).all()


def test_the_sizes_of_the_tables(numbers):
    assert numbers.groupby("place").size()[[f"table {number}" for number in range(1, 8)]].tolist() == [
        4 * 8,
        2 * 2 * 4,
        4,
        2 * 2 * 4,
        2 * 5 * 4,
        2 * 3 * 4,
        2 * 4,
    ]


def test_71_percent_at_rate_1_are_the_sum_of_two_cells(numbers):
    rows = cells(numbers, "table 1")
    rows = rows[(rows["optimizer"] == "sgd") & (rows["lr"] == 1)]
    stated = cells(numbers, "section 4.1").iloc[0]
    assert rows["count"].sum() == stated["count"]
    assert (rows["value"] * rows["count"]).round().sum() / stated["count"] == pytest.approx(stated["value"], abs=0.005)


def test_all_but_one_count_of_table_1_are_multiples_of_four(numbers):
    rows = cells(numbers, "table 1")
    risen = (rows["value"].fillna(0) * rows["count"]).round().astype(int)
    odd = rows[(rows["count"] % 4 != 0) | (risen % 4 != 0)]
    assert odd[["optimizer", "lr", "batch_norm", "count"]].to_numpy().tolist() == [["adam", 0.003, True, 22]]


def test_a_mean_min_delta_is_zero_where_no_run_is_non_monotone(numbers):
    for place in ("table 2", "table 4"):
        rows = cells(numbers, place, "min_delta")
        assert ((rows["value"] == 0) == (rows["count"] == 0)).all()


def test_table_7_repeats_the_distances_of_pure_sgd_of_table_5(numbers):
    pure = cells(numbers, "table 5", "distance").query("switch_after == 'never'").set_index("lr")
    again = cells(numbers, "table 7").query("magnitude.isna()", engine="python").set_index("lr")
    assert (pure.loc[again.index, ["value", "error"]] == again[["value", "error"]]).all(axis=None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("place,", "places,", "got columns places"),
        (",0.17,", ",1.17,", "expected a proportion in"),
        (",0.17,", ",seventeen,", "value: got 'seventeen'"),
        (",0.17,", ",,", "a number is missing"),
        (",20,24,", ",25,24,", "expected at most total, 24"),
        (",proportion,", ",percents,", "unit: got 'percents'"),
        ("mlp,1024-1024,,", "mlp,1024-1024,", "line 2: got 20 fields, expected 21"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path, old, new, message):
    bad = tmp_path / "numbers.csv"
    bad.write_text(NUMBERS.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_paper_numbers(bad)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="numbers.csv is missing"):
        read_paper_numbers(tmp_path / "numbers.csv")
