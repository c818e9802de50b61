"""The file measures.csv leaves out what its readers can say, and nothing else."""

import pandas as pd
import pytest

from stages.config import Run
from stages.measures.table import describe
from stages.results.measures_file import OF_THE_RUN, completed, read_measures, write_measures
from stages.shared.csv_files import read_csv, write_csv

COMMON = {"dataset": "digits", "loss": "cross_entropy", "lr": 0.1, "epochs": 4, "batch_size": 8}
MLP = COMMON | {"network": "mlp", "hidden": (8, 8), "activation": "relu"}
RUNS = {
    "sgd": Run(**MLP, optimizer="sgd", momentum=0.5, seed=0),
    "adam": Run(**MLP, optimizer="adam", batch_norm=True, seed=1, weight_decay=0.01, milestones=(2,), decay=0.5),
    "kfac": Run(**MLP, optimizer="kfac", kl_clip=None, seed=2, train_size=30, data_seed=4),
    "switch": Run(**MLP, optimizer="sgd", switch_after=2, switch_optimizer="rmsprop", switch_lr=0.01, seed=3),
    "resnet": Run(**COMMON, network="resnet", layers=8, optimizer="sgd", seed=4, initialization="fixup"),
}


@pytest.fixture
def table():
    """The own line of each run and, first of all, a line to each by which one diverges."""
    rows = []
    for line in ("fresh", "initial_to_final"):
        for name, run in RUNS.items():
            row = {"suite": "some", "run_id": name, "line": line, "origin": "here"} | describe(run)
            row |= {"status": "converged", "test_accuracy": 0.5 + 0.01 * run.seed, "min_delta": 1e-9 * run.seed}
            for outcome in ("final_train_loss", "final_epoch_loss", "final_test_loss", "train_accuracy"):
                row[outcome] = 0.1 * run.seed
            rows.append(row)
    rows[0]["status"] = "diverged"
    return pd.DataFrame(rows, dtype=object).astype({"min_delta": float, "final_train_loss": float})


@pytest.fixture
def written(table, tmp_path):
    write_measures(tmp_path / "measures.csv", table, RUNS)
    return tmp_path / "measures.csv"


def test_what_is_read_is_the_table_with_all_cells(table, written, tmp_path):
    write_csv(tmp_path / "whole.csv", table)
    pd.testing.assert_frame_equal(read_measures(written), read_csv(tmp_path / "whole.csv"))


def test_a_table_with_all_cells_is_read_as_it_is(table, tmp_path):
    write_csv(tmp_path / "whole.csv", table[table["run_id"] != "kfac"])
    pd.testing.assert_frame_equal(read_measures(tmp_path / "whole.csv"), read_csv(tmp_path / "whole.csv"))


def test_only_what_a_run_uses_is_written_and_only_in_the_row_of_its_own_line(written):
    cells = pd.read_csv(written, dtype=str, keep_default_na=False)
    own = cells[cells["line"] == "initial_to_final"].set_index("run_id")
    assert own["momentum"].to_dict() == {"sgd": "0.5", "adam": "", "kfac": "0.9", "switch": "0.9", "resnet": "0.9"}
    assert own["betas"].to_dict() == dict.fromkeys(RUNS, "") | {"adam": "0.9-0.999"}
    assert own["smoothing"].to_dict() == dict.fromkeys(RUNS, "") | {"switch": "0.99"}
    assert own["kl_clip"].to_dict() == dict.fromkeys(RUNS, "") | {"kfac": "null"}
    assert own["decay"].to_dict() == dict.fromkeys(RUNS, "") | {"adam": "0.5"}
    assert own["data_seed"].to_dict() == dict.fromkeys(RUNS, "") | {"kfac": "4"}
    assert own["gain"].to_dict() == dict.fromkeys(RUNS, "1.0") | {"resnet": ""}
    assert own["scalar_lr_factor"].to_dict() == dict.fromkeys(RUNS, "") | {"resnet": "1.0"}
    assert own["flip"].eq("False").all()
    others = cells[cells["line"] == "fresh"]
    assert others[list(OF_THE_RUN)].eq("").all(axis=None)
    assert others["status"].tolist() == ["diverged", *["converged"] * 4]


def test_a_line_to_a_run_without_an_own_line_says_all_itself(table, tmp_path):
    write_measures(tmp_path / "measures.csv", table[table["line"] == "fresh"].reset_index(drop=True), RUNS)
    read = read_measures(tmp_path / "measures.csv")
    assert read["hidden"].tolist()[:4] == ["8-8"] * 4
    assert read["momentum"].tolist() == [0.5, 0.9, 0.9, 0.9, 0.9]


def test_a_field_that_is_not_used_changes_no_run():
    other = {"betas": (0.5, 0.6), "smoothing": 0.5, "epsilon": 1.0, "momentum": 0.1, "damping": 5.0, "decay": 0.7}
    other |= {"factor_decay": 0.1, "factor_interval": 3, "inverse_interval": 4, "kl_clip": 9.0, "data_seed": 7}
    other |= {"scalar_lr_factor": 0.3, "order_seed": 0}
    assert set(other) <= set().union(*(run.unused for run in RUNS.values())) | {"order_seed"}
    for run in RUNS.values():
        for name in run.unused & set(other):
            changed = run.model_construct(**dict(run) | {name: other[name]})
            assert changed.spec() == run.spec(), name
        for name in set(other) - run.unused - {"order_seed"}:
            assert run.model_construct(**dict(run) | {name: other[name]}).spec() != run.spec(), name


def test_other_text_is_left_as_it_is():
    assert not completed("").strip()
    text = 'suite,run_id,line,note\nsome,a,initial_to_final,"x, y"\n'
    assert completed(text) == text
