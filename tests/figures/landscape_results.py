"""A synthetic suite with lines of every kind, planes and paths, made from plain formulas."""

import itertools

import numpy as np
import pandas as pd
from figures_results import MEASURE, nothing_more
from results_in_memory import replaced, results_in_memory

from stages.config import LayerLines, NoiseLines, PairLines, PermutedLines, Run, SnapshotLines, Suite, ZeroLines
from stages.lines.curves import EXAMPLE_FIELDS, Curves
from stages.lines.landscape import Landscape, Surface, Trajectory
from stages.measures.barrier import barrier
from stages.measures.monotonicity import min_delta
from stages.measures.table import OWN_LINE, describe

ALPHAS = np.linspace(0, 1, 11)
TOLERANCE = 0.001
RUNS = {
    name: Run(
        dataset="digits",
        network="mlp",
        hidden=(8,),
        activation="relu",
        loss="cross_entropy",
        optimizer="sgd",
        lr=0.1,
        epochs=8,
        batch_size=16,
        snapshots=(2, 5),
        seed=seed,
    )
    for seed, name in enumerate(("run_a", "run_b", "run_c", "above", "lost"))
}
STATUS = dict.fromkeys(("run_a", "run_b", "run_c"), "converged") | {"above": "above threshold", "lost": "diverged"}


def pairs(start, end, matching=None):
    return PairLines(kind="pairs", start=start, end=end, matching=matching, among={})


ALL = {"among": {}}
LINES = {
    "initials": pairs("initial", "initial"),
    "crossed": pairs("initial", "final"),
    "finals": pairs("final", "final"),
    "by_weights": pairs("final", "final", "weights"),
    "by_activations": pairs("final", "final", "activations"),
    "permuted_initial": PermutedLines(kind="permuted", point="initial", count=4, **ALL),
    "permuted_final": PermutedLines(kind="permuted", point="final", count=4, **ALL),
    "snapshots": SnapshotLines(kind="snapshots", **ALL),
    "noise": NoiseLines(kind="noise", count=4, **ALL),
    "zero": ZeroLines(kind="zero", **ALL),
    "from_initial": LayerLines(kind="layers", of="layer", rest="initial", **ALL),
    "from_final": LayerLines(kind="layers", of="layer", rest="final", **ALL),
}
HEIGHTS = {"finals": 0.8, "by_weights": 0.1, "by_activations": 0.2}
PARTS = ("layers.1", "layers.3")


def landscape(lines=LINES, planes=True, status=STATUS, name="landscape"):
    """Return the results of one suite."""
    rows, losses = _lines(lines, status)
    table = pd.DataFrame(rows).assign(
        suite=name,
        initial_train_loss=losses[:, 0],
        final_train_loss=[0.01 if row["status"] == "converged" else 0.5 for row in rows],
        min_delta=min_delta(losses),
        barrier=barrier(losses),
        distance=5.0,
        normalized_distance=1.0,
    )
    table["monotonic"] = [bool(rise <= TOLERANCE) if np.isfinite(rise) else np.nan for rise in table["min_delta"]]
    nothing = np.full((len(rows), 1), np.nan)
    curves = Curves(
        run_ids=tuple(table["run_id"]),
        lines=tuple(table["line"]),
        starts=tuple(table["start_run_id"]),
        draws=tuple(None if np.isnan(draw) else int(draw) for draw in table["draw"]),
        parts=tuple(None if part != part else part for part in table["part"]),
        alphas=ALPHAS,
        loss_train=losses,
        loss_test=losses,
        accuracy_train=1 - losses / 4,
        accuracy_test=1 - losses / 4,
        examples=np.zeros(len(rows), dtype=int),
        **dict.fromkeys(EXAMPLE_FIELDS, nothing),
        distance=table["distance"].to_numpy(),
        start_norm=np.full(len(rows), 5.0),
        **nothing_more(len(rows), len(ALPHAS)),
        paths=np.zeros((len(rows), 11, 0, 10)),
        path_labels=np.zeros((len(rows), 0), dtype=int),
    )
    about = Suite(
        dataset="digits",
        runs={},
        grids={},
        threshold=0.1,
        tolerance=TOLERANCE,
        gauss_examples=1,
        path_examples=0,
        lines=lines,
        planes={},
    )
    alive = [run for run in RUNS if status[run] != "diverged"]
    found = Landscape(_planes() if planes else {}, {run: _trajectory(place) for place, run in enumerate(alive)})
    epochs = pd.DataFrame({"suite": name, "run_id": [], "epoch": [], "loss": [], "distance": []})
    return results_in_memory(table, {name: curves}, {name: about}, MEASURE, {}, epochs, {name: found})


def without(made):
    """Return the results without lines, planes and paths."""
    empty = {name: Landscape({}, {}) for name in made.landscapes}
    return replaced(made, measures=made.measures[:0], landscapes=empty)


def _lines(lines, status):
    rows, losses = [], []
    rng = np.random.default_rng(0)

    def add(run, line, curve, start=None, draw=np.nan, part=np.nan):
        lost = "diverged" in (status[run], status[start or run])
        row = {"run_id": run, "line": line, "start_run_id": start or run, "draw": draw, "part": part}
        row |= {name: np.nan if value is None else value for name, value in describe(RUNS[run]).items()}
        rows.append(row | {"status": "diverged" if lost else status[run]})
        losses.append(np.full(11, np.nan) if lost else curve)

    fall = 2.3 * (1 - ALPHAS) ** 2
    bump = np.sin(np.pi * ALPHAS)
    for place, run in enumerate(RUNS):
        add(run, OWN_LINE, fall + 0.01 + (0.5 * place == 1) * 3 * bump)  # that of run_c rises
    for name, entry in lines.items():
        if isinstance(entry, PairLines):
            ordered = itertools.combinations if entry.start == entry.end else itertools.permutations
            for number, (first, last) in enumerate(ordered(RUNS, 2)):
                if entry.end == "initial":
                    curve = 2.3 + 0.0001 * number * ALPHAS
                elif entry.start == "initial":
                    curve = fall + 0.02 + (1.0 if number % 3 == 0 else 0) * bump * (1 - ALPHAS) * ALPHAS * 8
                else:
                    curve = 0.01 + HEIGHTS[name] * (1 + 0.1 * number) * bump
                add(last, name, curve, start=first)
            continue
        for place, run in enumerate(RUNS):
            if isinstance(entry, SnapshotLines):
                for draw in (2, 5):
                    add(run, name, fall / draw + 0.01, draw=float(draw))
            elif isinstance(entry, LayerLines):
                for part in PARTS:
                    height = 2.3 if entry.rest == "initial" else 1.9
                    add(run, name, height + (0.1 if part == PARTS[0] else -0.1) * ALPHAS, part=part)
            elif isinstance(entry, ZeroLines):
                add(run, name, fall + 0.01 + 0.1 * bump)
            else:
                for draw in range(entry.count):
                    add(run, name, fall + 0.01 + rng.uniform(0, 0.3 * place) * bump, draw=float(draw))
    return rows, np.array(losses)


def _trajectory(place):
    time = np.array([0.0, 2.0, 5.0, 8.0])
    share = time / 8
    cosine = np.array([np.nan, 0.6, 0.8, 1.0])
    losses = 2.3 * (1 - share) ** 2 + 0.01 * (1 + place)
    others = {"loss_test": losses, "accuracy_train": 1 - losses / 4, "accuracy_test": 1 - losses / 4}
    coordinates = {"progress": share, "residual": 0.3 * np.sin(np.pi * share) * (1 + place), "remaining": 1 - share**2}
    return Trajectory(epoch=time, cosine=cosine, step_cosine=cosine**2, loss_train=losses, **coordinates, **others)


def _planes():
    x, y = np.linspace(-1, 6, 8), np.linspace(-2, 4, 7)
    loss = 0.1 + (x[None] - 5) ** 2 / 20 + y[:, None] ** 2 / 10
    loss[-1, -1] = 40.0  # a far wall
    surfaces = {}
    for name, marks in (
        ("two_initials", [(0, 0, 0), (5, 0, 0), (1, 3, 0)]),
        ("two_finals", [(0, 0, 0), (5, 0, 0), (4, 3, 0), (1, 2, 7.5)]),
    ):
        kinds = ("initial", "final", "initial") if name == "two_initials" else ("initial", "final", "final", "initial")
        runs = ("run_a", "run_a", "run_b") if name == "two_initials" else ("run_a", "run_a", "run_b", "run_b")
        paths = ("run_a",) if name == "two_initials" else ("run_a", "run_b")
        numbers = {"initial": itertools.count(1), "final": itertools.count(1)}
        steps = np.array([(0, 0, 0), (2, 0.5, 1), (4, 0.2, 0.5), (5, 0, 0)], dtype=float)
        surfaces[name] = Surface(
            labels=tuple(f"{kind}_{next(numbers[kind])}" for kind in kinds),
            runs=runs,
            kinds=kinds,
            paths=paths,
            x=x,
            y=y,
            loss_train=loss,
            loss_test=loss,
            accuracy_train=np.exp(-loss),
            accuracy_test=np.exp(-loss),
            marks=np.array(marks, dtype=float),
            steps=np.concatenate([steps + place for place in range(len(paths))]),
            lengths=np.full(len(paths), 4),
        )
    return surfaces
