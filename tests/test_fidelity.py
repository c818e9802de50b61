"""The page on agreement with the paper, on results made up at its own scale."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent / "figures"))
from figures_results import CLASSIFIERS, results
from results_in_memory import replaced

from stages.figures.registry import tables
from stages.reporting.fidelity import compare, page
from stages.shared.csv_files import write_csv

ONE = {"optimizer": ["sgd"], "batch_norm": [True], "lr": [0.1]}


def made_of(*rows):
    """Return suites whose runs are converged, monotone ones of SGD on MNIST, but for the given columns."""
    made = results(grids={"classifiers": CLASSIFIERS | ONE})
    plain = made.measures.iloc[0].to_dict() | {"dataset": "mnist", "hidden": "1024-1024", "activation": "tanh"}
    plain |= {"status": "converged", "monotonic": True, "batch_norm": True}
    plain |= dict.fromkeys(("switch_after", "switch_optimizer", "switch_lr", "magnitude"), np.nan)
    rows = [plain | {"run_id": f"r{i}"} | row for i, row in enumerate(rows)]
    return replaced(made, measures=pd.DataFrame(rows).astype({"monotonic": object}))


@pytest.fixture
def compared(tmp_path):
    def function(made, *names):
        for name in names:
            if name.startswith("table"):
                write_csv(tmp_path / f"{name}.csv", tables()[name].make(made).data)
        return compare(tmp_path, dict.fromkeys(names, made))

    return function


def test_table_1_and_the_71_percent_of_the_text(compared):
    rows = [{"lr": 1.0, "monotonic": i > 1} for i in range(7)] + [{"lr": 0.01, "monotonic": False}] * 3
    found = compared(made_of(*rows), "table_1").set_index(["place", "cell", "quantity"])
    first = found.loc["table 1", "optimizer sgd, batch_norm True, lr 1", "non_monotone"]
    # 2 of 7 against 20 of 24: p = 0.0125 by Fisher's test; against 20 of 28: 0.08.
    assert (first["ours"], first["runs"], first["paper"], first["agrees"]) == (pytest.approx(2 / 7), 7, 0.83, False)
    assert found.loc["section 4.1", "sgd, lr 1.0", "non_monotone"]["agrees"]
    assert not found.loc["table 1", "optimizer sgd, batch_norm True, lr 0.01", "non_monotone"]["agrees"]
    assert found.loc["table 1", "optimizer sgd, batch_norm True, lr 0.01", "converged"]["agrees"]
    text = page(found.reset_index(), "../docs/fidelity.md")
    assert "3 of 5 numbers agree." in text
    assert "(../docs/fidelity.md)" in text
    differ = text.partition("## Numbers that differ")[2]
    assert differ.count("\n| table 1") == 2


def test_a_power_law_agrees_if_its_interval_holds_the_papers(compared):
    random = np.random.default_rng(0)
    x = np.exp(random.normal(size=40))
    for noise, agrees in ((0.0, False), (0.9, True)):
        y = x * np.exp(noise * random.normal(size=40))
        pairs = zip(x, y, strict=True)
        rows = ({"normalized_distance": a, "gauss_length_smooth_grid": b} for a, b in pairs)
        (row,) = compared(made_of(*rows), "figure_07").to_dict("records")
        assert (row["place"], row["paper"], row["runs"], row["agrees"]) == ("figure 7", 0.616, 40, agrees)


def test_accuracies_of_both_kinds_of_line(compared):
    rows = [{"test_accuracy": 0.9714 + 0.0001 * i, "monotonic": True} for i in (-1, 0, 1)]
    rows += [{"test_accuracy": 0.90 + 0.0001 * i, "monotonic": False} for i in (-1, 0, 1)]
    found = compared(made_of(*rows), "figure_10").set_index("cell")["agrees"]
    assert found.to_dict() == {"mnist, mlp, non-monotone": False, "mnist, mlp, monotone": True}


def test_switched_runs_are_compared_with_the_sentence_on_all_of_them(compared):
    switched = {"lr": 0.001, "switch_after": 2.0, "switch_optimizer": "adam", "switch_lr": 0.001, "batch_norm": False}
    found = compared(made_of(*[switched] * 3, {"lr": 0.001, "batch_norm": False}), "table_5")
    stated = found[found["place"] == "section C.4"].set_index("cell")["agrees"]
    assert stated.to_dict() == {"sgd, then adam": False, "sgd, switch never": True}


def test_other_data_are_not_compared(compared):
    found = compared(made_of({"dataset": "digits"}), "table_1", "figure_07", "figure_10")
    assert found.empty
    assert "nothing is compared" in page(found, "x.md")
