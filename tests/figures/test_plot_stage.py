import re
from types import SimpleNamespace

import pandas as pd
import pytest
from figures_drawn import draw
from figures_results import MEASURE, SUITES, results
from results_in_memory import replaced

from stages.config.declared import declared_items
from stages.config.job import Job
from stages.figures.registry import figures, tables
from stages.lines.curves import load_curves, save_curves
from stages.lines.landscape import save_landscape
from stages.plot import plot
from stages.shared.csv_files import write_csv
from stages.shared.errors import UserError
from stages.theory import noisy_quadratic

MODEL = {"dimension": 5, "learning_rates": (0.1,), "steps": 10, "samples": 20, "seed": 0}


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Return a job over three suites, its inputs on disk, and a function that sets what to plot."""
    monkeypatch.setenv("MLI_STORE", str(tmp_path / ".cells"))
    monkeypatch.setenv("MLI_JOBS", "0")
    made = results(("classifiers", "autoencoders", "residual"))
    job = Job(None, None, tmp_path / "data", tmp_path / "reports")
    for name, curves in made.curves.items():
        save_curves(job.curves_file(name), curves)
        save_landscape(job.landscape_file(name), made.landscapes[name])
        epochs = made.epochs[made.epochs["suite"] == name]
        write_csv(job.training_folder(name) / "epochs.csv", epochs.drop(columns="suite"))
    write_csv(job.theory_file("noisy_quadratic"), noisy_quadratic.simulate_lines(**MODEL))
    write_csv(job.theory_file("two_layer_linear"), pd.DataFrame({"setting": []}))
    write_csv(job.reports / "measures.csv", made.measures)

    def asked(**keys):
        params = SimpleNamespace(plot=keys, measure=MEASURE, suite=SUITES.__getitem__)
        return Job(params, None, job.data, job.reports)

    return asked


def files(job):
    return {
        str(path.relative_to(job.reports)): path.read_bytes()
        for folder in ("figures", "svg", "tables")
        for path in (job.reports / folder).rglob("*")
    }


def test_files_are_named_for_what_they_show_and_those_of_removed_keys_go(job, capsys):
    first = job(figure_10=("classifiers",), figure_10_mine=("classifiers",), table_1_mine=("classifiers",))
    plot(first)
    kinds = {"figures": ("png", "csv"), "svg": ("svg",)}
    stems = ("figure_10_test_accuracy", "figure_10_test_accuracy_mine")
    names = {f"{folder}/{stem}.{kind}" for folder in kinds for kind in kinds[folder] for stem in stems}
    assert set(files(first)) == names | {"tables/table_1_mine.csv", "tables/table_1_mine.md"}
    assert capsys.readouterr().out == f"plot: 2 figures, 1 tables in {first.reports}; 3 drawn, the others reused\n"
    second = job(table_1=("classifiers",))
    plot(second)
    assert set(files(second)) == {"tables/table_1.csv", "tables/table_1.md"}
    assert {path.name for path in second.reports.iterdir()} == {
        "measures.csv",
        "figures",
        "findings.json",
        "svg",
        "tables",
    }


def test_the_stage_writes_the_same_bytes_again(job):
    asked = job(figure_10=("classifiers",), table_1=("classifiers",))
    plot(asked)
    first = files(asked)
    plot(asked)
    assert files(asked) == first
    assert len(first) == 5


def drawn(job, capsys):
    """Return how many figures and tables the stage draws."""
    capsys.readouterr()
    plot(job)
    return int(re.search(r"(\d+) drawn", capsys.readouterr().out)[1])


def test_only_what_has_changed_is_drawn_again(job, capsys, monkeypatch):
    asked = job(table_1=("classifiers",), table_1_mine=("classifiers",), table_1_both=("classifiers", "autoencoders"))
    assert drawn(asked, capsys) == 3
    assert drawn(asked, capsys) == 0
    before = files(asked)
    curves = load_curves(asked.curves_file("autoencoders"))
    save_curves(asked.curves_file("autoencoders"), replaced(curves, distance=2 * curves.distance))
    assert drawn(asked, capsys) == 1
    measures = asked.reports / "measures.csv"
    measures.write_text(measures.read_text().replace("\nautoencoders,", "\nothers,", 1))
    assert drawn(asked, capsys) == 1
    changed = {name for name, content in files(asked).items() if content != before[name]}
    assert {name.partition(".")[0] for name in changed} == {"tables/table_1_both"}
    suites = SUITES | {"classifiers": SUITES["classifiers"].model_copy(update={"tolerance": 1.0})}
    asked.params.suite = suites.__getitem__
    assert drawn(asked, capsys) == 3
    asked.params.measure = MEASURE.model_copy(update={"confidence": 0.5})
    assert drawn(asked, capsys) == 3
    monkeypatch.setattr("stages.plot.drawing_source", lambda name: "another")
    assert drawn(asked, capsys) == 3
    monkeypatch.setattr("stages.plot.version_of", lambda package: "another")
    assert drawn(asked, capsys) == 3
    with asked.theory_file("two_layer_linear").open("a") as file:  # which a figure of suites may read beside them
        file.write("another\n")
    assert drawn(asked, capsys) == 3


def test_workers_draw_the_same_bytes(job, capsys, monkeypatch, tmp_path):
    asked = job(figure_10=("classifiers",), table_1=("classifiers",))
    plot(asked)
    before = files(asked)
    monkeypatch.setenv("MLI_STORE", str(tmp_path / "empty"))
    monkeypatch.setenv("MLI_JOBS", "2")
    assert drawn(asked, capsys) == 2
    assert files(asked) == before


def test_a_damaged_figure_of_the_store_is_drawn_again(job, capsys, tmp_path):
    asked = job(figure_10=("classifiers",))
    plot(asked)
    before = files(asked)
    [kept] = (tmp_path / ".cells" / "figures").rglob("*.safetensors")
    kept.chmod(0o644)
    kept.write_bytes(kept.read_bytes()[:-1])
    assert drawn(asked, capsys) == 1
    assert files(asked) == before


def test_a_key_without_a_function_is_named_and_nothing_is_touched(job):
    plot(job(table_1=("classifiers",)))
    asked = job(figure_99=("classifiers",))
    before = files(asked)
    with pytest.raises(UserError, match=r"plot\.figure_99.*figure_03, .*table_1"):
        plot(asked)
    assert files(asked) == before


def test_booleans_and_blanks_survive_the_way_through_the_file(job):
    asked = job(figure_10=("classifiers", "autoencoders"), table_1=("classifiers",))
    plot(asked)
    table = pd.read_csv(asked.reports / "tables" / "table_1.csv")
    diverged = table[(table["optimizer"] == "adam") & (table["lr"] == 1)]
    assert diverged["diverged"].eq(3).all()
    assert diverged["converged"].eq(0).all()
    assert table["non_monotone"].sum() == 21


def test_lines_from_fresh_initialisations_survive_the_way_through_the_file(job):
    asked = job(figure_20=("residual",), table_2=("residual",))
    plot(asked)
    made = results(("residual",))
    data = pd.read_csv(asked.reports / "figures" / "figure_20_other_initialisations.csv")
    pd.testing.assert_frame_equal(data, draw("figure_20", made).data, rtol=1e-5, check_dtype=False)
    table = pd.read_csv(asked.reports / "tables" / "table_2.csv")
    pd.testing.assert_frame_equal(table, tables()["table_2"].make(made).data, rtol=1e-5, check_dtype=False)


def test_what_training_and_theory_left_survives_the_way_through_the_file(job):
    asked = job(figure_29=(), figure_31=("classifiers",))
    plot(asked)
    made = results()
    data = pd.read_csv(asked.reports / "figures" / "figure_31_distance_at_loss.csv")
    expected = draw("figure_31", made).data
    # The losses of this results agree but for rounding, so which rate is best does not survive.
    both = [table[table["panel"] == "all runs"] for table in (data, expected)]
    pd.testing.assert_frame_equal(*both, rtol=1e-5, check_dtype=False)
    assert len(both[0])
    theory = replaced(made, theory={"noisy_quadratic": noisy_quadratic.simulate_lines(**MODEL)})
    data = pd.read_csv(asked.reports / "figures" / "figure_29_noisy_quadratic.csv")
    pd.testing.assert_frame_equal(data, draw("figure_29", theory).data, rtol=1e-5, check_dtype=False)


def test_parameters_know_every_figure_and_table_that_is_drawn():
    assert list(declared_items()) == [*figures(), *tables()]
