"""Distances at equal loss, held to a few epochs worked by hand."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from figures_drawn import labelled, panels, rehearse, said, texts, titles
from figures_results import results, without_rows
from results_in_memory import replaced

from stages.figures.distance_at_loss import ALL, BEST, distance_at_loss
from stages.figures.style import THEME
from stages.results.travelled import LEVELS, best_rates, travelled

ONE = {"hidden": [(64, 64)], "activation": ["relu"], "optimizer": ["sgd"], "lr": [0.1]}
DIVERGED = {"status": "diverged", "monotonic": np.nan, "distance": np.nan, "normalized_distance": np.nan}


def draw(made):
    with mpl.rc_context(THEME):
        return distance_at_loss(made)


def made_of(*runs):
    """Return suites of runs given by their columns and epochs, pairs of loss and distance; the initial norm is 5."""
    made = results(grids={"classifiers": ONE})
    plain = made.measures.iloc[0].to_dict() | {"status": "converged", "monotonic": True, "final_train_loss": 0.01}
    plain |= {"distance": 10.0, "normalized_distance": 2.0}
    rows = [plain | {"run_id": f"r{i}"} | columns for i, (columns, _) in enumerate(runs)]
    epochs = [
        {"suite": "classifiers", "run_id": f"r{i}", "epoch": epoch, "loss": loss, "distance": distance}
        for i, (_, path) in enumerate(runs)
        for epoch, (loss, distance) in enumerate(path, start=1)
    ]
    epochs = pd.DataFrame(epochs, columns=["suite", "run_id", "epoch", "loss", "distance"])
    measures = pd.DataFrame(rows).astype({"monotonic": object})
    return replaced(made, measures=measures, epochs=epochs.sample(frac=1, random_state=0))


def cells_of(drawing, panel, **keys):
    data = drawing.data[drawing.data["panel"] == panel]
    for name, value in keys.items():
        data = data[data[name] == value]
    return data.to_dict("records")


def reaching(level, *distances, **columns):
    """Return runs that get to a level and those above, each after a distance (5 of it are 1)."""
    return [(columns | {"seed": i}, [(2.3, 0.1), (level, d), (level, 100 * d)]) for i, d in enumerate(distances)]


def test_the_first_epoch_at_or_below_a_level_counts():
    made = made_of(({}, [(2.0, 1.0), (0.9, 2.0), (1.1, 3.0), (0.3, 4.0), (0.02, 6.0), (0.001, 5.0)]))
    found = travelled(made.lines(), made.epochs)
    assert dict(zip(found["level"], found["travelled"], strict=True)) == {
        1.0: 0.4,
        0.3: 0.8,
        0.1: 1.2,
        0.03: 1.2,
        0.01: 1,
    }


def test_levels_that_a_run_did_not_reach_are_not_counted():
    made = made_of(({}, [(0.2, 1.0), (np.nan, 2.0)]), ({}, [(1.5, 1.0)]), ({}, []))
    found = travelled(made.lines(), made.epochs)
    assert list(zip(found["run_id"], found["level"], strict=True)) == [("r0", 1.0), ("r0", 0.3)]
    cells = cells_of(draw(made), ALL)
    assert [cell["level"] for cell in cells] == list(LEVELS)
    assert [(cell["runs"], cell["reached"], cell["shown"]) for cell in cells] == [(3, 1, 1)] * 2 + [(3, 0, 0)] * 3
    assert np.isnan([cell["median"] for cell in cells[2:]]).all()


def test_median_and_quartiles_by_hand():
    runs = reaching(0.3, 5.0, 10.0, 15.0, 20.0, 40.0) + reaching(1.0, 50.0)
    runs[-1][0]["seed"] = 9
    drawing = draw(made_of(*runs))
    (cell,) = cells_of(drawing, ALL, level=0.3)
    assert [cell[name] for name in ("low_quartile", "median", "high_quartile")] == [2.0, 3.0, 4.0]
    assert (cell["runs"], cell["reached"], cell["shown"]) == (6, 5, 5)
    (cell,) = cells_of(drawing, ALL, level=1.0)
    assert [cell[name] for name in ("low_quartile", "median", "high_quartile")] == [2.25, 3.5, 7.0]
    line = panels(drawing)[0].lines[0]
    np.testing.assert_allclose(line.get_data(), [[0.3, 1.0], [3.0, 3.5]])
    low, high = panels(drawing)[0].get_xlim()
    assert low > 1 > 0.01 > high  # training goes from left to right


def test_the_best_rate_has_the_lowest_mean_final_loss_over_seeds():
    runs = [({"lr": 0.1, "final_train_loss": loss, "seed": i}, []) for i, loss in enumerate((0.01, 0.09))]
    runs += [({"lr": 0.2, "final_train_loss": loss, "seed": i}, []) for i, loss in enumerate((0.03, 0.03))]
    runs += [({"lr": 0.3, "final_train_loss": 0.001}, []), ({"lr": 0.3, "final_train_loss": np.nan} | DIVERGED, [])]
    runs += [({"lr": 0.1, "hidden": "8-8", "final_train_loss": 0.5}, [])]
    runs += [({"lr": 0.1, "optimizer": "adam", "final_train_loss": 0.5}, [])]
    best = best_rates(made_of(*runs).lines())
    assert list(best["run_id"]) == ["r2", "r3", "r6", "r7"]
    first, second, other, adam = best["setting"]
    assert first == second == adam != other


def test_options_of_optimizers_and_seeds_make_no_setting():
    runs = [({"momentum": 0.5, "seed": 3, "data_seed": 4}, []), ({"optimizer": "adam", "betas": "0.8-0.9"}, [])]
    assert best_rates(made_of(*runs).lines())["setting"].nunique() == 1


def test_only_settings_that_every_optimizer_solved_are_compared():
    runs = reaching(0.1, 5.0, hidden="8-8") + reaching(0.3, 10.0, hidden="8-8", optimizer="adam")
    runs += reaching(0.1, 25.0, hidden="9-9") + reaching(0.01, 30.0, hidden="9-9", optimizer="adam")
    drawing = draw(made_of(*runs))
    medians = {
        (cell["optimizer"], cell["level"]): (cell["reached"], cell["shown"], cell["median"])
        for cell in cells_of(drawing, BEST)
    }
    assert medians["sgd", 0.3] == (2, 2, 3.0)
    assert medians["sgd", 0.1] == (2, 1, 5.0)
    assert medians["adam", 0.1] == (1, 1, 6.0)
    assert medians["adam", 0.01][:2] == (1, 0)
    assert np.isnan(medians["adam", 0.01][2])
    (cell,) = cells_of(drawing, ALL, optimizer="adam", level=0.01)
    assert (cell["shown"], cell["median"]) == (1, 6.0)
    assert "SGD 2, 2, 1, 0, 0; Adam 2, 2, 1, 0, 0" in titles(drawing)[1]


def test_only_runs_of_one_optimizer_and_of_cross_entropy_are_compared():
    path = [(0.001, 5.0)]
    others = [{"loss": "squared_error"}, {"magnitude": "adam"}]
    others += [{"switch_after": 2.0, "switch_optimizer": "adam", "switch_lr": 0.1}]
    drawing = draw(made_of(({}, path), *((columns, path) for columns in others)))
    assert {cell["runs"] for cell in cells_of(drawing, ALL)} == {1}
    assert "3 runs with another loss, a switch or grafting are left out" in " ".join(texts(drawing).split())


def test_runs_above_the_threshold_count_where_they_got_and_diverged_ones_do_not():
    runs = [({}, [(0.5, 5.0)]), ({"status": "above threshold"}, [(0.5, 15.0)]), (DIVERGED, [(0.5, 9.0)])]
    drawing = draw(made_of(*runs))
    rehearse(drawing)
    (cell,) = cells_of(drawing, ALL, level=1.0)
    assert (cell["runs"], cell["reached"], cell["median"]) == (2, 2, 2.0)
    assert "2 runs, 1 of them above threshold; 1 diverged left out" in titles(drawing)[0]


@pytest.mark.parametrize(
    "made", [without_rows(made_of(({}, []))), made_of((DIVERGED, [(0.5, 1.0)])), made_of(({}, []))]
)
def test_without_a_run_that_reached_a_level_each_panel_says_so(made):
    drawing = draw(made)
    rehearse(drawing)
    assert not drawing.data["shown"].astype(int).any()
    assert all(said(ax) and not ax.lines for ax in panels(drawing))
    assert labelled(drawing)
