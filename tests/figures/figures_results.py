"""Synthetic suites for the tests of figures: small, with every way a run can end."""

import ast
import itertools
from functools import cache

import numpy as np
import pandas as pd
from results_in_memory import replaced, results_in_memory

from stages.config import FreshLines, Measure, Run, Suite
from stages.lines.curves import EXAMPLE_FIELDS, Curves
from stages.lines.landscape import Landscape
from stages.measures.largest_bump import bump_alpha
from stages.measures.monotonicity import min_delta
from stages.measures.table import OWN_LINE, describe

MEASURE = Measure(confidence=0.95, bootstrap=50, bootstrap_seed=0, plateau_share=0.1)
AMONG = {"layers": [8], "batch_norm": [True], "initialization": ["standard"]}
FRESH = {
    "fresh": FreshLines(kind="fresh", count=5, initialization="own", among=AMONG),
    "fresh_block_identity": FreshLines(kind="fresh", count=4, initialization="block_identity", among=AMONG),
}


def _suite(threshold, tolerance, path_examples=0, lines=None):
    return Suite(
        dataset="digits",
        runs={},
        grids={},
        threshold=threshold,
        tolerance=tolerance,
        gauss_examples=4,
        path_examples=path_examples,
        lines=lines or {},
        planes={},
    )


SUITES = {
    "classifiers": _suite(0.1, 0.001, path_examples=12),
    "autoencoders": _suite(3.0, 0.0),
    "residual": _suite(0.5, 0.0, lines=FRESH),
    "residual_corrupted": _suite(0.3, 0.0),
}
CLASSIFIERS = {
    "hidden": [(32, 32), (64, 64), (32, 32, 32, 32)],
    "activation": ["relu"],
    "batch_norm": [True, False],
    "optimizer": ["sgd", "adam", "rmsprop"],
    "lr": [0.0001, 0.001, 0.01, 0.1, 1.0],
}
AUTOENCODERS = {
    "hidden": [(64, 2, 64), (64, 10, 64)],
    "activation": ["relu"],
    "optimizer": ["sgd", "adam"],
    "lr": [0.0001, 0.001, 0.1],
}
VARIANT = ("batch_norm", "initialization")
RESIDUAL = {
    "layers": [8, 14],
    VARIANT: [(True, "standard"), (True, "block_identity"), (False, "block_identity"), (False, "fixup")],
    "optimizer": ["sgd", "adam"],
    "lr": [0.0001, 0.01, 0.1, 1.0],
}
GRIDS = {
    "classifiers": CLASSIFIERS,
    "autoencoders": AUTOENCODERS,
    "residual": RESIDUAL,
    "residual_corrupted": RESIDUAL | {"layers": [8]},
}
RUNS = {
    "classifiers": {"network": "mlp", "loss": "cross_entropy"},
    "autoencoders": {"network": "autoencoder", "loss": "squared_error"},
    "residual": {"network": "resnet", "loss": "cross_entropy", "width_multiplier": 0.25},
    "residual_corrupted": {"network": "resnet", "loss": "cross_entropy", "label_corruption": 0.2},
}
MEASURES = ["initial_train_loss", "min_delta", "min_delta_test", "bump_alpha", "distance", "normalized_distance"]
MEASURES += ["gauss_length_smooth", "gauss_length_turning"]
WEAKER = {"standard": 0.0, "block_identity": 0.3, "fixup": 0.6}


def results(suites=("classifiers",), grids=None, alphas=11, seeds=1, largest=10.0):
    """Return a Results whose verdicts and curves agree: the larger step and batch norm, the higher the bump.

    SGD at the smallest rate stays above the threshold; RMSProp and Adam at the largest diverge.
    """
    made = [_suite_results(suite, repr((grids or GRIDS)[suite]), alphas, seeds, largest) for suite in suites]
    measures, epochs = (pd.concat([tables[place] for tables in made], ignore_index=True) for place in (1, 2))
    curves = {suite: tables[0] for suite, tables in zip(suites, made, strict=True)}
    landscapes = dict.fromkeys(suites, Landscape({}, {}))
    about = {name: SUITES[name] for name in suites}
    return results_in_memory(measures, curves, about, MEASURE, {}, epochs, landscapes)


@cache
def _suite_results(suite, grid, alphas, seeds, largest):
    """Return the curves, measures and epochs of a suite, which nobody changes; its grid is given as text."""
    rows = _runs(suite, ast.literal_eval(grid), seeds)
    curves, measures = _walk(rows, suite, np.linspace(0, 1, alphas), largest)
    return curves, measures, _epochs(measures)


def classifiers_with(**columns):
    """Return classifiers with columns of the measures overwritten, such as `test_accuracy=0.9`."""
    made = results()
    return replaced(made, measures=made.measures.assign(**columns))


def ended(made, status, where=None):
    """Return results whose runs ended as `status`, all or where a mask over the rows is true.

    No line from a fresh initialisation leads to them; a diverged one has no measures and no losses.
    """
    measures, curves = made.measures.astype({"monotonic": object}), made.curves
    where = np.ones(len(measures), dtype=bool) if where is None else np.asarray(where, dtype=bool)
    measures.loc[where, "status"] = status
    if status == "diverged":
        measures.loc[where, [*MEASURES, "monotonic"]] = np.nan
        curves = {name: _without_losses(one, measures["run_id"][where]) for name, one in curves.items()}
    return replaced(made, measures=measures[~where | (measures["line"] == OWN_LINE)], curves=curves)


def without_rows(made):
    """Return results of suites that have no row of measures."""
    return replaced(made, measures=made.measures[:0], epochs=made.epochs[:0])


def renamed(made, names):
    """Return results whose suites have other names."""
    return replaced(
        made,
        measures=made.measures.assign(suite=made.measures["suite"].map(names)),
        epochs=made.epochs.assign(suite=made.epochs["suite"].map(names)),
        curves={names[name]: curves for name, curves in made.curves.items()},
        suites={names[name]: suite for name, suite in made.suites.items()},
        landscapes={names[name]: landscape for name, landscape in made.landscapes.items()},
    )


def together(first, second):
    """Return the results of two, whose suites have different names."""
    measures = pd.concat([first.measures, second.measures], ignore_index=True)
    epochs = pd.concat([first.epochs, second.epochs], ignore_index=True)
    return results_in_memory(
        measures,
        first.curves | second.curves,
        first.suites | second.suites,
        first.measure,
        {},
        epochs,
        first.landscapes | second.landscapes,
    )


def _epochs(measures, epochs=5):
    """Return a course of training that ends where each run's line does."""
    own = measures[measures["line"] == OWN_LINE]
    table = own.loc[own.index.repeat(epochs)].reset_index(drop=True)
    done = np.tile(np.arange(1, epochs + 1), len(own))
    loss = table["initial_train_loss"] * (table["final_train_loss"] / table["initial_train_loss"]) ** (done / epochs)
    distance = table["distance"] * np.sqrt(done / epochs)
    return table[["suite", "run_id"]].assign(epoch=done, loss=loss, distance=distance)


def _without_losses(curves, runs):
    gone = np.isin(curves.run_ids, list(runs))[:, None]
    losses = {name: np.where(gone, np.nan, getattr(curves, name)) for name in ("loss_train", "loss_test")}
    return replaced(curves, **losses)


def _runs(suite, grid, seeds):
    rows = []
    initials = "".join(word[0] for word in suite.split("_"))
    for seed in range(seeds):
        for values in itertools.product(*grid.values()):
            fields = {"dataset": "digits", "batch_size": 128, "epochs": 60, "seed": seed} | RUNS[suite]
            fields |= dict(zip(grid, values, strict=True))
            fields |= dict(zip(VARIANT, fields.pop(VARIANT, ()), strict=False))
            row = {"suite": suite, "run_id": f"{initials}{len(rows):0{12 - len(initials)}d}", "line": OWN_LINE}
            row |= {"start_run_id": row["run_id"], "draw": np.nan, "part": np.nan} | describe(Run(**fields))
            rows.append({name: np.nan if value is None else value for name, value in row.items()})
    return rows


def _strength(row):
    """Return how far a run goes: the height of its bump and the distance that it moves grow with it."""
    strength = np.log10(row["lr"]) + (2 if row["optimizer"] != "sgd" else 0) + (1 if row["batch_norm"] else 0)
    return strength + (0.02 * row["layers"] - WEAKER[row["initialization"]] if row["network"] == "resnet" else 0)


def _own_curve(row, alphas, largest):
    start = 9.0 if row["network"] == "autoencoder" else 2.3
    drop = np.minimum(1, alphas * (2 - alphas))
    if row["optimizer"] != "sgd" and row["lr"] >= 1:
        return np.full(len(alphas), np.nan)
    above = row["optimizer"] == "sgd" and row["lr"] < 0.001
    bump = max(0.0, _strength(row)) ** 3 * largest / 8
    curve = start * (1 - drop * (0.6 if above else 0.99)) + bump * np.exp(-(((alphas - 0.7) / 0.1) ** 2))
    return curve - bump * np.exp(-9) * alphas


def _add_fresh_lines(rows, train, suite, alphas, rng):
    """Add lines from fresh initialisations to an admitted monotone run and to the one with the highest bump."""
    rises = min_delta(np.array(train))
    about = SUITES[suite]
    for name, entry in about.lines.items():
        possible = [
            i
            for i, row in enumerate(rows[: len(rises)])
            if all(row[field] in some for field, some in entry.among.items()) and train[i][-1] <= about.threshold
        ]
        monotone = [i for i in possible if rises[i] <= about.tolerance][:1]
        risen = sorted((i for i in possible if rises[i] > about.tolerance), key=lambda i: rises[i])[-1:]
        for i, draw in itertools.product(monotone + risen, range(entry.count)):
            rows.append(rows[i] | {"line": name, "draw": float(draw)})
            higher = rng.uniform(0, 1.5) * np.sin(np.pi * alphas) + rng.normal(0, 0.1) * (1 - alphas)
            train.append(train[i] + higher * (alphas < 1))


def _walk(rows, suite, alphas, largest):
    rng = np.random.default_rng(list(SUITES).index(suite))
    train = [_own_curve(row, alphas, largest) for row in rows]
    _add_fresh_lines(rows, train, suite, alphas, rng)
    train = np.array(train)
    lengths, distances, paths = [], [], []
    labels = np.arange(SUITES[suite].path_examples) % 10
    for row, curve in zip(rows, train, strict=True):
        strength, diverged = _strength(row), np.isnan(curve).any()
        distance = np.exp(0.5 * strength + 0.2 * rng.standard_normal())
        distances.append(np.nan if diverged else distance)
        lengths.append(np.nan if diverged else 2 * distance**0.6 * np.exp(0.2 * rng.standard_normal()))
        ends = rng.standard_normal((len(labels), 10)) + 8 * np.eye(10)[labels]
        path = alphas[:, None, None] * ends + max(0, strength) * np.sin(np.pi * alphas)[:, None, None]
        paths.append(np.full_like(path, np.nan) if diverged else path)
    test = train * (1 + 0.2 * alphas)
    own = np.array([row["line"] == OWN_LINE for row in rows])
    lengths, distances = np.where(own, lengths, np.nan), np.array(distances)
    rise = min_delta(train)
    threshold, tolerance = SUITES[suite].threshold, SUITES[suite].tolerance
    finite = np.isfinite(rise)
    accuracy = np.where(finite, np.where(rise > 0.5, 0.93, 0.995) + 0.002 * rng.standard_normal(len(rows)), np.nan)
    accuracy *= np.nan if suite == "autoencoders" else 1
    table = pd.DataFrame(rows).assign(
        status=np.where(finite, np.where(train[:, -1] <= threshold, "converged", "above threshold"), "diverged"),
        initial_train_loss=train[:, 0],
        final_train_loss=train[:, -1],
        train_accuracy=accuracy,
        test_accuracy=accuracy - 0.02,
        min_delta=rise,
        min_delta_test=min_delta(test),
        bump_alpha=bump_alpha(train, alphas),
        monotonic=[bool(value <= tolerance) if np.isfinite(value) else np.nan for value in rise],
        distance=distances * 5,
        normalized_distance=distances,
        gauss_length_smooth=lengths,
        gauss_length_smooth_grid=lengths,
        gauss_length_turning=lengths * 1.3,
    )
    zeros = np.zeros((len(rows), 4))
    curves = Curves(
        run_ids=tuple(row["run_id"] for row in rows),
        lines=tuple(row["line"] for row in rows),
        starts=tuple(row["start_run_id"] for row in rows),
        draws=tuple(None if np.isnan(row["draw"]) else int(row["draw"]) for row in rows),
        parts=(None,) * len(rows),
        alphas=alphas,
        loss_train=train,
        loss_test=test,
        accuracy_train=train * np.nan,
        accuracy_test=train * np.nan,
        examples=np.where(finite & own, 4, 0),
        **dict.fromkeys(EXAMPLE_FIELDS, zeros),
        distance=distances * 5,
        start_norm=np.full(len(rows), 5.0),
        **nothing_more(len(rows), len(alphas)),
        paths=np.array(paths),
        path_labels=np.where(finite[:, None], labels, -1),
    )
    return curves, table


def nothing_more(lines, alphas):
    """Return what the sweep finds when it is not asked to look more closely or again."""
    none = {name: np.zeros((lines, 0)) for name in ("refined_alphas", "refined_loss")}
    return none | dict.fromkeys(("bias_gap", "gauss_alphas", "gauss_change"), np.full(lines, np.nan))


def some_lines(curves: Curves, keep: np.ndarray) -> Curves:
    """Return the lines for which `keep` is true."""
    chosen = {}
    for name, value in vars(curves).items():
        if isinstance(value, tuple):
            chosen[name] = tuple(one for one, wanted in zip(value, keep, strict=True) if wanted)
        else:
            chosen[name] = value if name == "alphas" else value[keep]
    return Curves(**chosen)
