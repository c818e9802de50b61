"""Figures with a panel for each suite, architecture or kind of network: 2, 10, 14, 16, 17 and 28."""

import itertools
from functools import cache

import numpy as np
import pandas as pd
import pytest
from figures_drawn import curves_in, draw, empty, panels, points, said, texts, titles
from figures_results import MEASURE, ended, results
from matplotlib.colors import to_rgb
from results_in_memory import replaced

from stages.figures.style import MONOTONE, NON_MONOTONE
from stages.figures.words import architecture, normalisation
from stages.measures import power_law
from stages.measures.contrast import contrast
from stages.measures.monotonicity import min_delta
from stages.measures.table import OWN_LINE

SUITES = ("residual", "residual_corrupted")
ACROSS = {"figure_14": "normalized_distance", "figure_16": "gauss_length_smooth"}


@cache
def pooled(*suites):
    return results(suites or SUITES)


@cache
def drawn(name, *suites):
    return draw(name, pooled(*suites))


def shown(made, **keys):
    """Return the own lines of converged runs whose columns have these values, one by one."""
    return [
        row
        for row in made.measures.to_dict("records")
        if row["line"] == OWN_LINE and row["status"] == "converged" and all(row[k] == v for k, v in keys.items())
    ]


def without(made, suite):
    return ended(made, "above threshold", made.measures["suite"] == suite)


@pytest.mark.parametrize(("name", "x"), ACROSS.items())
def test_each_suite_has_a_panel_of_all_its_converged_runs(name, x):
    drawing = drawn(name)
    for ax, title, suite in zip(panels(drawing), titles(drawing), SUITES, strict=True):
        runs = shown(pooled(), suite=suite)
        assert points(ax) == sorted((row[x], row["min_delta"]) for row in runs)
        risen = sum(row["min_delta"] > 0 for row in runs)
        assert title.startswith(f"{suite}\n{risen} of {len(runs)} non-monotone\n{len(runs)} shown; ")
    assert "≤ 0.5 (residual), 0.3 (residual_corrupted)" in texts(drawing)


@pytest.mark.parametrize("name", [*ACROSS, "figure_17"])
def test_a_suite_without_a_converged_run_says_so_and_leaves_the_other_as_it_was(name):
    across = len(panels(drawn(name))) // 2
    drawing = draw(name, without(pooled(), "residual_corrupted"))
    here, there = panels(drawing)[:across], panels(drawing)[across:]
    assert [points(ax) for ax in here] == [points(ax) for ax in panels(drawn(name))[:across]]
    assert all(empty(ax) and said(ax) == ["no converged run"] for ax in there)
    assert set(drawing.data["suite"]) == {"residual"}


def test_each_suite_has_a_power_law_of_its_own():
    axes = iter(zip(panels(drawn("figure_17")), titles(drawn("figure_17")), strict=True))
    exponents = set()
    for suite in SUITES:
        for length in ("gauss_length_smooth", "gauss_length_turning"):
            ax, title = next(axes)
            runs = shown(pooled(), suite=suite)
            x, y = (np.array([row[column] for row in runs]) for column in ("normalized_distance", length))
            assert points(ax) == sorted(zip(x, y, strict=True))
            law = power_law.fit(x, y, MEASURE.confidence, MEASURE.bootstrap, MEASURE.bootstrap_seed)
            assert f"exponent {law.exponent:.3f} [{law.exponent_low:.3f}, {law.exponent_high:.3f}]" in title
            assert f"R² {law.r_squared:.3f} [" in title
            assert title.startswith(f"{suite}: ")
            line = ax.lines[0]
            (left, right), (low, high) = line.get_data()
            assert (left, right) == (x.min(), x.max())
            assert np.log(high / low) / np.log(right / left) == pytest.approx(law.exponent)
            exponents.add(round(law.exponent, 3))
    assert len(exponents) == 2


def test_figure_7_pools_its_suites_in_one_fit():
    runs = shown(pooled())
    x, y = (np.array([row[column] for row in runs]) for column in ("normalized_distance", "gauss_length_smooth"))
    law = power_law.fit(x, y, MEASURE.confidence, MEASURE.bootstrap, MEASURE.bootstrap_seed)
    drawing = drawn("figure_07")
    assert len(panels(drawing)) == 2
    assert f"exponent {law.exponent:.3f} " in titles(drawing)[0]


def test_each_architecture_has_a_panel_for_each_optimizer_that_trained_it():
    suites = ("classifiers", "residual")
    made, drawing = pooled(*suites), drawn("figure_02", *suites)
    names = {f"MLP {hidden}": {"hidden": hidden} for hidden in ("32-32", "64-64", "32-32-32-32")}
    names |= {f"ResNet-{layers}": {"network": "resnet", "layers": layers} for layers in (8, 14)}
    optimizers = {"SGD": "sgd", "RMSProp": "rmsprop", "Adam": "adam"}
    trained = made.measures[made.measures["line"] == OWN_LINE]
    places = [
        place
        for place in itertools.product(names.items(), optimizers.items())
        if (trained[[*place[0][1], "optimizer"]] == [*place[0][1].values(), place[1][1]]).all(axis=1).any()
    ]
    for ax, title, ((name, keys), (label, optimizer)) in zip(panels(drawing), titles(drawing), places, strict=True):
        runs = shown(made, **keys, optimizer=optimizer)
        assert title.startswith(f"{name}, {label}\n")
        assert bundle(ax) == sorted(tuple(losses(made, row)) for row in runs)
        assert bool(said(ax)) == (not runs)


def bundle(ax):
    return sorted(tuple(float(value) for value in line.get_ydata()) for line in curves_in(ax))


def losses(made, row):
    """Return the training losses along a run's own line."""
    curves = made.curves[row["suite"]]
    return curves.loss_train[list(zip(curves.run_ids, curves.lines, strict=True)).index((row["run_id"], OWN_LINE))]


def test_architectures_on_several_datasets_are_told_apart():
    made = pooled("residual")
    first = made.measures["layers"] == 8
    half = replaced(made, measures=made.measures.assign(dataset=np.where(first, "digits", "letters")))
    found = [title.splitlines()[0] for title in titles(draw("figure_02", half))]
    assert found == [
        "digits, ResNet-8, SGD",
        "digits, ResNet-8, Adam",
        "letters, ResNet-14, SGD",
        "letters, ResNet-14, Adam",
    ]


@pytest.mark.parametrize(
    ("network", "hidden", "layers", "name"),
    [
        ("mlp", "64-64", np.nan, "MLP 64-64"),
        ("autoencoder", "64-3-64", np.nan, "autoencoder 64-3-64"),
        ("lenet", np.nan, np.nan, "LeNet"),
        ("alexnet", None, None, "AlexNet"),
        ("vgg", np.nan, 11.0, "VGG-11"),
        ("resnet", np.nan, 20, "ResNet-20"),
        ("resnet_imagenet", np.nan, 18.0, "ResNet (ImageNet's)-18"),
    ],
)
def test_an_architecture_is_named_with_its_size(network, hidden, layers, name):
    assert architecture(pd.Series({"network": network, "hidden": hidden, "layers": layers})) == name


@pytest.mark.parametrize(
    ("network", "batch_norm", "initialization", "name"),
    [
        ("vgg", True, "standard", "batch norm"),
        ("mlp", False, "standard", "no batch norm"),
        ("resnet", True, "standard", "BN"),
        ("resnet", True, "block_identity", "BN-I"),
        ("resnet_imagenet", False, "standard", "NBN"),
        ("resnet_imagenet", False, "block_identity", "NBN-I"),
        ("resnet", False, "fixup", "NBN-F"),
    ],
)
def test_only_residual_networks_have_the_papers_variants(network, batch_norm, initialization, name):
    row = {"network": network, "batch_norm": np.bool_(batch_norm), "initialization": initialization}
    assert normalisation(pd.Series(row)) == name


def test_figure_10_has_a_panel_for_each_dataset_and_kind_of_network():
    made = pooled("classifiers")
    kinds = [("digits", "mlp"), ("digits", "lenet"), ("letters", "mlp"), ("letters", "vgg")]
    turns = np.arange(len(made.measures)) % len(kinds)
    columns = {name: [kinds[turn][place] for turn in turns] for place, name in enumerate(("dataset", "network"))}
    made = replaced(made, measures=made.measures.assign(**columns))
    drawing = draw("figure_10", made)
    labels = ["digits, MLP", "digits, LeNet", "letters, MLP", "letters, VGG"]
    for ax, title, label, (dataset, network) in zip(panels(drawing), titles(drawing), labels, kinds, strict=True):
        runs = shown(made, dataset=dataset, network=network)
        wanted = sorted((row["min_delta"], 100 * row["test_accuracy"]) for row in runs)
        np.testing.assert_allclose(points(ax), wanted)
        assert title.startswith(f"{label}\n")
        assert f"\n{len(runs)} shown; " in title
        monotone = [100 * row["test_accuracy"] for row in runs if row["monotonic"]]
        error = np.std(monotone, ddof=1) / len(monotone) ** 0.5
        assert f"\nmonotone: {np.mean(monotone):.2f} ± {error:.2f} % (n = {len(monotone)})" in title


def test_figure_10_marks_in_a_panel_the_tolerance_of_its_own_suite():
    drawing = drawn("figure_10", "classifiers", "residual")
    assert [[line.get_xdata()[0] for line in ax.lines] for ax in panels(drawing)] == [[0.001], [0.0]]


def test_figure_28_shows_two_runs_of_each_suite_on_both_splits():
    made, drawing = pooled(), drawn("figure_28")
    axes = iter(zip(panels(drawing), titles(drawing), strict=True))
    for suite in SUITES:
        rows = made.lines(once=False)
        pair = contrast(rows[(rows["suite"] == suite) & (rows["status"] == "converged")])
        for row, kind in zip(pair, ("monotone", "non-monotone"), strict=True):
            ax, title = next(axes)
            curves = made.curves[suite]
            place = list(zip(curves.run_ids, curves.lines, strict=True)).index((row["run_id"], OWN_LINE))
            train, test = curves_in(ax)
            np.testing.assert_array_equal(train.get_ydata(), curves.loss_train[place])
            np.testing.assert_array_equal(test.get_ydata(), curves.loss_test[place])
            rises = min_delta(curves.loss_test[[place]])[0] > made.suites[suite].tolerance
            assert to_rgb(test.get_color()) == to_rgb(NON_MONOTONE if rises else MONOTONE)
            assert title.startswith(f"{suite}: {kind}\n")
            assert (kind == "monotone") == (row["min_delta"] == 0)
    data = drawing.data
    columns = ["panel", "suite", "run_id", "monotonic", "test_monotonic", "alpha", "train_loss", "test_loss"]
    assert list(data.columns) == columns
    assert len(data) == 4 * len(made.curves["residual"].alphas)
