"""Synthetic suites for the tests of figures: small, with every way a run can end."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd

from stages.config import Measure, Suite
from stages.figures.base import Material
from stages.lines.curves import Curves
from stages.measures.monotonicity import min_delta

MEASURE = Measure(confidence=0.95, bootstrap=50, bootstrap_seed=0)
SUITES = {
    "classifiers": Suite(
        dataset="digits",
        runs={},
        grids={},
        threshold=0.1,
        tolerance=0.001,
        gauss_examples=4,
        path_examples=12,
    ),
    "autoencoders": Suite(
        dataset="digits",
        runs={},
        grids={},
        threshold=3.0,
        tolerance=0.0,
        gauss_examples=4,
        path_examples=0,
    ),
}
CLASSIFIERS = {
    "hidden": ["32-32", "64-64", "32-32-32-32"],
    "activation": ["relu"],
    "batch_norm": [True, False],
    "optimizer": ["sgd", "adam", "rmsprop"],
    "lr": [0.0001, 0.001, 0.01, 0.1, 1.0],
}
AUTOENCODERS = {
    "hidden": ["64-2-64", "64-10-64"],
    "activation": ["relu"],
    "batch_norm": [False],
    "optimizer": ["sgd", "adam"],
    "lr": [0.0001, 0.001, 0.01],
}


def material(suites=("classifiers",), grids=None, alphas=11, seeds=1, largest=10.0):
    """Return a Material whose verdicts and curves agree: the larger step and batch norm, the higher the bump.

    SGD at the smallest rate stays above the threshold; RMSProp and Adam at the largest diverge.
    """
    grids = grids or {"classifiers": CLASSIFIERS, "autoencoders": AUTOENCODERS}
    tables, curves = [], {}
    for suite in suites:
        rows = _runs(suite, grids[suite], seeds)
        curves[suite], table = _walk(rows, suite, np.linspace(0, 1, alphas), largest)
        tables.append(table)
    measures = pd.concat(tables, ignore_index=True)
    return Material(measures, curves, {name: SUITES[name] for name in suites}, MEASURE)


def classifiers_with(**columns):
    """Return classifiers with columns of the measures overwritten, such as `status="above threshold"`."""
    made = material()
    return replace(made, measures=made.measures.assign(**columns))


def _runs(suite, grid, seeds):
    rows = []
    for seed in range(seeds):
        for values in itertools.product(*grid.values()):
            row = dict(zip(grid, values, strict=True))
            layers = [int(units) for units in row["hidden"].split("-")]
            autoencoder = suite == "autoencoders"
            row |= {
                "suite": suite,
                "run_id": f"{suite[0]}{len(rows):011d}",
                "line": "initial_to_final",
                "dataset": "digits",
                "train_size": np.nan,
                "label_corruption": 0.0,
                "network": "autoencoder" if autoencoder else "mlp",
                "depth": len(layers),
                "width": layers[0] if len(set(layers)) == 1 else np.nan,
                "bottleneck": min(layers) if autoencoder else np.nan,
                "loss": "squared_error" if autoencoder else "cross_entropy",
                "weight_decay": 0.0,
                "batch_size": 128,
                "epochs": 60,
                "seed": seed,
            }
            rows.append(row)
    return rows


def _walk(rows, suite, alphas, largest):
    rng = np.random.default_rng(0)
    start = 2.3 if suite == "classifiers" else 9.0
    drop = np.minimum(1, alphas * (2 - alphas))
    train, test, lengths, distances, paths = [], [], [], [], []
    labels = np.arange(SUITES[suite].path_examples) % 10
    for row in rows:
        diverged = row["optimizer"] != "sgd" and row["lr"] >= 1
        above = row["optimizer"] == "sgd" and row["lr"] < 0.001
        strength = np.log10(row["lr"]) + (2 if row["optimizer"] != "sgd" else 0) + (1 if row["batch_norm"] else 0)
        bump = max(0.0, strength) ** 3 * largest / 8
        curve = start * (1 - drop * (0.6 if above else 0.99)) + bump * np.exp(-(((alphas - 0.7) / 0.1) ** 2))
        curve -= bump * np.exp(-9) * alphas
        train.append(np.full(len(alphas), np.nan) if diverged else curve)
        test.append(train[-1] * (1 + 0.2 * alphas))
        distance = np.exp(0.5 * strength + 0.2 * rng.standard_normal())
        distances.append(np.nan if diverged else distance)
        lengths.append(np.nan if diverged else 2 * distance**0.6 * np.exp(0.2 * rng.standard_normal()))
        ends = rng.standard_normal((len(labels), 10)) + 8 * np.eye(10)[labels]
        path = alphas[:, None, None] * ends + max(0, strength) * np.sin(np.pi * alphas)[:, None, None]
        paths.append(np.full_like(path, np.nan) if diverged else path)
    train, test = np.array(train), np.array(test)
    lengths, distances = np.array(lengths), np.array(distances)
    rise = min_delta(train)
    threshold, tolerance = SUITES[suite].threshold, SUITES[suite].tolerance
    finite = np.isfinite(rise)
    accuracy = np.where(finite, np.where(rise > 0.5, 0.93, 0.995) + 0.002 * rng.standard_normal(len(rows)), np.nan)
    table = pd.DataFrame(rows).assign(
        status=np.where(finite, np.where(train[:, -1] <= threshold, "converged", "above threshold"), "diverged"),
        initial_train_loss=train[:, 0],
        final_train_loss=train[:, -1],
        train_accuracy=accuracy if suite == "classifiers" else np.nan,
        test_accuracy=accuracy - 0.02 if suite == "classifiers" else np.nan,
        min_delta=rise,
        min_delta_test=min_delta(test),
        monotonic=[bool(value <= tolerance) if np.isfinite(value) else np.nan for value in rise],
        distance=distances * 5,
        normalized_distance=distances,
        gauss_length_smooth=lengths,
        gauss_length_turning=lengths * 1.3,
    )
    zeros = np.zeros((len(rows), 4))
    curves = Curves(
        run_ids=tuple(row["run_id"] for row in rows),
        lines=("initial_to_final",) * len(rows),
        alphas=alphas,
        loss_train=train,
        loss_test=test,
        accuracy_train=train * np.nan,
        accuracy_test=train * np.nan,
        examples=np.where(np.isfinite(rise), 4, 0),
        gauss_smooth=zeros,
        gauss_turning=zeros,
        distance=distances * 5,
        start_norm=np.full(len(rows), 5.0),
        paths=np.array(paths),
        path_labels=np.where(np.isfinite(rise)[:, None], labels, -1),
    )
    return curves, table


def some_lines(curves: Curves, keep: np.ndarray) -> Curves:
    """Return the lines for which `keep` is true."""
    chosen = {}
    for name, value in vars(curves).items():
        if isinstance(value, tuple):
            chosen[name] = tuple(one for one, wanted in zip(value, keep, strict=True) if wanted)
        else:
            chosen[name] = value if name == "alphas" else value[keep]
    return Curves(**chosen)
