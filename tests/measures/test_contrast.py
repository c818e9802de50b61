import io
import math

import numpy as np
import pandas as pd
import pytest

from stages.config import Run
from stages.measures.contrast import SETTING, contrast
from stages.measures.table import describe

SAME = [name for name in SETTING if name not in ("optimizer", "lr")]


def run(run_id, min_delta, **changes):
    """Return a row of the measures: a run of one setting that is not monotone if it rises at all."""
    row = dict.fromkeys(SETTING, "same") | {"optimizer": "sgd", "lr": 0.1, "train_size": np.nan}
    row |= {"run_id": run_id, "min_delta": min_delta, "monotonic": min_delta == 0, "normalized_distance": 1.0}
    return row | changes


def ids(rows):
    return tuple(row if row is None else row["run_id"] for row in contrast(pd.DataFrame(rows)))


def same(one, other):
    """Return whether two values of a setting are equal; missing ones are."""
    return one == other or (one != one and other != other)


def obvious(rows):
    """Choose by loops over all pairs."""
    risen = sorted((row for row in rows if not row["monotonic"]), key=lambda row: (-row["min_delta"], row["run_id"]))
    flat = [row for row in rows if row["monotonic"]]
    worst = risen[0] if risen else None
    alike = [row for row in flat if worst and all(same(row[name], worst[name]) for name in SAME)]
    if alike:
        ranks = [
            (row["optimizer"] != worst["optimizer"], abs(math.log(row["lr"] / worst["lr"])), row["run_id"])
            for row in alike
        ]
        return min(ranks)[-1], worst["run_id"]
    by_distance = sorted(flat, key=lambda row: (row["normalized_distance"], row["run_id"]))
    return by_distance[(len(flat) - 1) // 2]["run_id"] if flat else None, worst["run_id"] if worst else None


def test_the_non_monotone_run_is_the_one_that_rises_most():
    assert ids([run("a", 0.0), run("b", 0.1), run("c", 0.5), run("d", 0.3)]) == ("a", "c")
    assert ids([run("a", 0.0), run("c", 0.5), run("b", 0.5)]) == ("a", "b")


def test_the_same_optimizer_goes_before_the_closest_rate():
    far, near = run("far", 0.0, lr=0.001), run("near", 0.0, lr=0.1, optimizer="adam")
    assert ids([run("up", 1.0), near, far]) == ("far", "up")


def test_rates_are_close_as_ratios():
    third, five_times = run("third", 0.0, lr=0.033), run("five times", 0.0, lr=0.5)
    assert ids([run("up", 1.0), third, five_times]) == ("third", "up")
    assert ids([run("up", 1.0), run("tenth", 0.0, lr=0.01), five_times]) == ("five times", "up")


@pytest.mark.parametrize("name", SAME)
def test_a_monotone_run_that_differs_in_anything_else_goes_after_one_that_does_not(name):
    other, alike = run("a", 0.0, **{name: "other"}), run("b", 0.0, lr=1e-9, optimizer="adam")
    assert ids([run("up", 1.0), other, alike]) == ("b", "up")


def test_without_a_monotone_run_of_the_setting_the_one_of_median_distance_is_chosen():
    others = [run(f"d{d}", 0.0, seed=7, normalized_distance=d) for d in (5.0, 1.0, 4.0, 2.0)]
    assert ids([run("up", 1.0), *others]) == ("d2.0", "up")
    assert ids([run("up", 1.0), *others[1:]]) == ("d2.0", "up")
    assert ids(others) == ("d2.0", None)


def test_there_may_be_no_run_of_a_kind():
    assert ids([run("a", 0.5)]) == (None, "a")
    assert ids([run("a", 0.0)]) == ("a", None)
    assert contrast(pd.DataFrame([run("a", 0.0)]).iloc[:0]) == (None, None)


def test_values_that_are_missing_in_both_are_the_same():
    missing = {"hidden": None, "activation": np.nan, "layers": np.nan}
    nearer = run("a", 0.0, **missing | {"layers": 8.0})
    assert ids([run("up", 1.0, **missing), nearer, run("b", 0.0, lr=3.0, **missing)]) == ("b", "up")


def test_the_choice_is_that_of_loops_over_all_runs():
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        rows = [
            run(
                f"{i:02}",
                rng.choice([0.0, 0.0, 0.1, 0.2]),
                batch_norm=bool(rng.integers(2)),
                layers=float(rng.choice([8, 14, np.nan])),
                optimizer=str(rng.choice(["sgd", "adam"])),
                lr=float(rng.choice([0.01, 0.03, 0.1, 0.3])),
                normalized_distance=float(rng.choice([0.5, 1.0, 2.0])),
            )
            for i in range(rng.integers(1, 12))
        ]
        found = ids(rows)
        assert found == obvious(rows)
        seen.add(tuple(one is None for one in found))
    assert len(seen) == 3


@pytest.mark.parametrize(
    "shape",
    [
        {"network": "mlp", "hidden": (8, 8), "activation": "relu"},
        {"network": "lenet"},
        {"network": "resnet", "layers": 8, "batch_norm": True, "crop_padding": 4, "flip": True, "train_size": 200},
    ],
)
def test_the_choice_is_the_same_from_memory_and_from_a_file(shape):
    grid = [(optimizer, lr, seed) for optimizer in ("sgd", "adam") for lr in (0.01, 0.1, 1.0) for seed in (0, 1)]
    rows = []
    for i, (optimizer, lr, seed) in enumerate(grid):
        fields = {"dataset": "digits", "loss": "cross_entropy", "epochs": 1, "batch_size": 8, "lr": lr, "seed": seed}
        rise = 0.5 if (optimizer, lr, seed) == ("adam", 1.0, 1) else 0.0
        rows.append({"suite": "s"} | describe(Run(**fields, **shape, optimizer=optimizer)))
        rows[-1] |= {"run_id": f"r{i}", "min_delta": rise, "monotonic": rise == 0, "normalized_distance": float(i)}
    table = pd.DataFrame(rows)
    text = io.StringIO(table.to_csv(index=False))
    read = pd.read_csv(text, keep_default_na=False, na_values=[""], dtype={"run_id": str, "hidden": str})
    nearest = f"r{grid.index(('adam', 0.1, 1))}"
    for made in (table, read):
        monotone, risen = contrast(made)
        assert (monotone["run_id"], risen["run_id"]) == (nearest, f"r{len(grid) - 1}")
