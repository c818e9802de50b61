"""Sound parameters load: grids expand in their order, and lines and planes find their runs."""

from pathlib import Path

import pytest
from changed_parameters import FRESH, GRID, LAYERS, LINES, PAIRS, RUNS, SUITE, TEXT, language, plane

from stages.config import load, of_runs

PROJECT = Path(__file__).resolve().parents[2]


def test_the_tiny_parameters_are_sound(loaded):
    params = loaded({})
    assert len(params.runs("tiny")) == 4
    assert len(params.runs("small_autoencoders")) == 2


@pytest.mark.parametrize("path", ["params.yaml", "mnist/params.yaml", "paper/params.yaml"])
def test_the_parameters_of_this_project_load_and_every_suite_has_runs(path):
    if not (PROJECT / path).exists():
        pytest.skip(f"no {path}")
    params = load(PROJECT / path)
    assert params.suites
    for name in params.suites:
        runs = params.runs(name)
        assert runs
        assert len({str(run.spec()) for run in runs}) == len(runs)


def test_what_is_left_out_has_the_defaults_of_the_projects_own_parameters(loaded):
    own = load(PROJECT / "params.yaml")
    options = ("tolerance", "gauss_examples", "path_examples", "lines", "planes")
    groups = ("interpolate", "measure", "theory", "plot", "claims")
    params = loaded(dict.fromkeys([*groups, *(f"{SUITE}.{key}" for key in options)], ...))
    assert (params.interpolate, params.measure, params.theory) == (own.interpolate, own.measure, own.theory)
    assert (params.plot, params.claims) == ({}, {})
    assert [getattr(params.suite("tiny"), key) for key in options] == [0.0, 0, 0, {}, {}]


def test_parameters_are_frozen(loaded):
    params = loaded({})
    with pytest.raises(ValueError, match="frozen"):
        params.suites["tiny"].threshold = 1.0
    with pytest.raises(ValueError, match="frozen"):
        params.runs("tiny")[0].lr = 1.0


def test_a_grid_is_the_product_of_its_lists_the_last_fastest(loaded):
    runs = loaded({f"{GRID}.lr": [0.1, 0.2]}).runs("tiny")
    assert [(run.batch_norm, run.optimizer, run.lr) for run in runs] == [
        (batch_norm, optimizer, lr)
        for batch_norm in (True, False)
        for optimizer in ("sgd", "adam")
        for lr in (0.1, 0.2)
    ]
    assert {run.hidden for run in runs} == {(8, 8)}
    assert {(run.dataset, run.seed, run.epochs) for run in runs} == {("digits", 0, 2)}


def test_a_suite_is_its_grids_in_order_each_run_once(loaded):
    more = {"hidden": [[4], [8, 8]], "optimizer": ["sgd"], "lr": [0.2, 0.1], "batch_norm": [False]}
    runs = loaded({f"{SUITE}.grids.more": more}).runs("tiny")
    assert [(run.hidden, run.lr) for run in runs[4:]] == [((4,), 0.2), ((4,), 0.1), ((8, 8), 0.2)]


def test_a_value_given_twice_is_one_run(loaded):
    assert len(loaded({f"{GRID}.lr": [0.1, 0.1]}).runs("tiny")) == 4


def test_a_whole_number_is_the_same_learning_rate(loaded):
    assert len(loaded({f"{GRID}.lr": [1, 1.0]}).runs("tiny")) == 4


def test_runs_that_differ_only_in_what_has_no_effect_are_one(loaded):
    runs = loaded({f"{GRID}.momentum": [0.0, 0.9]}).runs("tiny")
    assert [(run.batch_norm, run.optimizer) for run in runs] == [
        (True, "sgd"),
        (True, "sgd"),
        (True, "adam"),
        (False, "sgd"),
        (False, "sgd"),
        (False, "adam"),
    ]


def test_lines_are_to_runs_that_have_one_of_the_values_of_each_key(loaded):
    suite = loaded({FRESH: LINES | {"among": {"optimizer": ["sgd"], "hidden": [[4], [8, 8]]}}}).suite("tiny")
    runs = loaded({}).runs("tiny")
    assert [of_runs(suite.lines["fresh"].among, run) for run in runs] == [run.optimizer == "sgd" for run in runs]
    assert not any(of_runs({"hidden": [[9]]}, run) for run in runs)
    assert all(of_runs({}, run) for run in runs)


def test_lines_of_every_kind_and_a_plane_are_sound(loaded):
    of_one = {"batch_norm": [True]}
    wanted = {
        "pairs": PAIRS | {"among": of_one},
        "layers": LAYERS,
        "zero": {"kind": "zero", "among": {}},
        "noise": {"kind": "noise", "count": 2, "among": {}},
        "permuted": {"kind": "permuted", "point": "final", "count": 2, "among": {}},
        "snapshots": {"kind": "snapshots", "among": {}},
        "fresh": LINES,
    }
    suite = loaded({f"{SUITE}.lines": wanted, f"{RUNS}.snapshots": [1]} | plane()).suite("tiny")
    assert [entry.kind for entry in suite.lines.values()] == list(wanted)
    assert list(suite.planes["one"].points) == ["start", "end", "other"]


def test_a_language_model_is_sound(loaded):
    (run,) = loaded(language(dropout=0.1, schedule="linear", steps=3)).runs("language")
    assert (run.hidden_size, run.heads, run.steps, run.dropout) == (8, 2, 3, 0.1)
    cut = {name: value for name, value in TEXT.items() if name not in ("sentences", "seed")}
    mine = cut | {"source": "text", "file": "mine.txt"}
    assert loaded(language() | {"datasets.corpus": mine}).datasets["corpus"].file == "mine.txt"
