"""Parameters that cannot be meant are refused by key, value, and what was expected."""

import datetime

import pytest
from changed_parameters import (
    FIRST,
    FRESH,
    GRID,
    LAYERS,
    LINES,
    MODEL,
    OTHER,
    PAIRS,
    PLANE,
    POINTS,
    RUNS,
    STATISTICS,
    SUITE,
    language,
    plane,
)

from stages.config import load
from stages.shared.errors import UserError

WRONG = {
    "a network of images on text": (
        language(network="mlp", hidden=[4], activation="relu", layers=None, hidden_size=None, heads=None),
        ["suites.language: got network mlp on dataset corpus, whose source is esperanto; expected one of roberta"],
    ),
    "a language model of images": (
        language(suite={"dataset": "digits"}), ["suites.language: got network roberta on dataset digits", "none of"]
    ),
    "Gauss lengths of a language model": (
        language(suite={"gauss_examples": 4}), ["suites.language.gauss_examples: got 4, expected 0"]
    ),
    "a vocabulary without all bytes": (
        language({"vocabulary": 200}), ["datasets.corpus.vocabulary: got 200, expected greater than or equal to 261"]
    ),
    "heads that do not divide": (
        language(heads=3), ["suites.language.runs.hidden_size: got 8, expected a multiple of heads, 3"]
    ),
    "a language model under squared error": (
        language(loss="squared_error"), ["suites.language.runs.loss: got 'squared_error', expected cross_entropy"]
    ),
    "a language model without heads": (
        language(heads=None), ["suites.language.runs.heads: this key is missing; add it"]
    ),
    "heads of an mlp": ({f"{RUNS}.heads": 2}, [f"{RUNS}.heads: got 2, expected no such key: network mlp"]),
    "an unknown schedule": ({f"{RUNS}.schedule": "cosine"}, [f"{RUNS}.schedule: got 'cosine', expected 'constant'"]),
    "snapshots of a run that may end before": (
        {f"{RUNS}.steps": 3, f"{RUNS}.snapshots": [1]}, [f"{RUNS}.snapshots: got [1], expected none of a run that ends"]
    ),
    "no steps": ({f"{RUNS}.steps": 0}, [f"{RUNS}.steps: got 0, expected greater than 0"]),
    "lines of an unknown kind": ({OTHER: LINES | {"kind": "spiral"}}, [f"{OTHER}.kind: got 'spiral'", "'pairs'"]),
    "lines of no kind": ({OTHER: {"among": {}}}, [f"{OTHER}.kind: this key is missing"]),
    "lines with a key of another kind": ({OTHER: PAIRS | {"count": 2}}, [f"{OTHER}.count: unknown key"]),
    "pairs that lead back": (
        {OTHER: PAIRS | {"end": "initial"}}, [f"{OTHER}.start: got 'final', expected initial"]
    ),
    "matched initialisations": (
        {OTHER: PAIRS | {"start": "initial", "matching": "weights"}}, [f"{OTHER}.matching: got 'weights', expected"]
    ),
    "pairs of one run": ({OTHER: PAIRS | {"among": FIRST}}, [f"{OTHER}.among: got", "which 1 runs have"]),
    "pairs of different networks": ({OTHER: PAIRS}, [f"{OTHER}.among: got {{}}", "of one architecture"]),
    "snapshot lines without snapshots": (
        {OTHER: {"kind": "snapshots", "among": {}}}, [f"{OTHER}.among: got", "expected runs with `snapshots`"]
    ),
    "snapshot lines with the last point alone": (
        {OTHER: {"kind": "snapshots", "among": {}}, f"{RUNS}.snapshots": [0, 2]}, [f"{OTHER}.among: got"]
    ),
    "blocks of a network without": (
        {OTHER: LAYERS | {"of": "block"}}, [f"{OTHER}.among: got network mlp, expected one that has blocks"]
    ),
    "a plane of two points": (
        plane({name: POINTS[name] for name in ("start", "end")}), [f"{PLANE}.points: got", "at least 3"]
    ),
    "a point of several runs": (
        plane(POINTS | {"end": {"point": "final", "among": {}}}), [f"{PLANE}.points.end.among: got what 4 runs have"]
    ),
    "a point of no run": (
        plane(POINTS | {"end": {"point": "final", "among": {"lr": [7.0]}}}), [f"{PLANE}.points.end.among: got"]
    ),
    "a point twice": (plane(POINTS | {"other": POINTS["end"]}), [f"{PLANE}.points.other: got a point that another"]),
    "a plane through different networks": (
        plane(POINTS | {"other": {"point": "final", "among": {"batch_norm": [False], "optimizer": ["sgd"]}}}),
        [f"{PLANE}.points: got runs of different architectures"],
    ),
    "a coarse grid": (plane(grid=2), [f"{PLANE}.grid: got 2, expected greater"]),
    "a negative margin": (plane(margin=-0.1), [f"{PLANE}.margin: got -0.1, expected greater"]),
    "an unknown key of a point": (
        plane(POINTS | {"end": {"point": "last", "among": FIRST}}), [f"{PLANE}.points.end.point: got 'last', expected"]
    ),
    "statistics of networks without batch norm": (
        {OTHER: STATISTICS | {"among": {}}}, [f"{OTHER}.among: got a run without batch norm, expected"]
    ),
    "draws of one order": (
        {OTHER: STATISTICS | {"batch_norm": {"order": "stored"}}}, [f"{OTHER}.count: got 2 with order stored, expected"]
    ),
    "redrawn batches with statistics of their own": (
        {OTHER: STATISTICS | {"batch_norm": {"order": "redrawn", "estimate": "batch"}}},
        [f"{OTHER}.batch_norm.order: got 'redrawn' with estimate batch, expected stored"],
    ),
    "lines named as the runs' own": (
        {f"{SUITE}.lines.initial_to_final": LINES},
        [f"{SUITE}.lines.initial_to_final: got the name", "expected another"],
    ),
    "no lines": ({FRESH: LINES | {"count": 0}}, [f"{FRESH}.count: got 0, expected greater than 0"]),
    "lines among an unknown key": ({FRESH: LINES | {"among": {"depth": [1]}}}, [f"{FRESH}.among.depth: no such key"]),
    "lines among no run": ({FRESH: LINES | {"among": {"lr": [7.0]}}}, [f"{FRESH}.among: got {{'lr': [7.0]}}"]),
    "lines by a scheme that the networks lack": (
        {FRESH: LINES | {"initialization": "block_identity"}},
        [f"{FRESH}.initialization: got 'block_identity', expected own", "network mlp"],
    ),
    "lines by an unknown scheme": (
        {FRESH: LINES | {"initialization": "xavier"}},
        [f"{FRESH}.initialization: got 'xavier', expected 'own'"],
    ),
    "unknown key": ({"extra": 1}, ["extra: unknown key"]),
    "unknown key of datasets": ({"datasets.digits.extra": 1}, ["datasets.digits.extra: unknown key"]),
    "unknown key of interpolate": ({"interpolate.extra": 1}, ["interpolate.extra: unknown key"]),
    "unknown key of alphas": ({"interpolate.alphas.extra": 1}, ["interpolate.alphas.extra: unknown key"]),
    "unknown key of batch_norm": ({"interpolate.batch_norm.extra": 1}, ["interpolate.batch_norm.extra: unknown key"]),
    "unknown key of measure": ({"measure.extra": 1}, ["measure.extra: unknown key"]),
    "unknown key of a suite": ({f"{SUITE}.extra": 1}, [f"{SUITE}.extra: unknown key"]),
    "unknown key of runs": ({f"{RUNS}.extra": 1}, [f"{RUNS}.extra: unknown key"]),
    "unknown key of runs, no word": ({f"{RUNS}.-extra": 1}, [f"{RUNS}.-extra: unknown key"]),
    "unknown key of a grid": ({f"{GRID}.extra": [1]}, [f"{GRID}.extra: unknown key"]),
    "missing group": ({"datasets": ...}, ["datasets: this key is missing"]),
    "missing key of a suite": ({f"{SUITE}.threshold": ...}, [f"{SUITE}.threshold: this key is missing"]),
    "missing key of a run": ({f"{RUNS}.loss": ...}, [f"{RUNS}.loss: this key is missing"]),
    "number as text in a grid": ({f"{GRID}.lr": ["0.001"]}, [f"{GRID}.lr: got '0.001'", "number", "without quotes"]),
    "number as text in runs": ({f"{RUNS}.weight_decay": "0.1"}, [f"{RUNS}.weight_decay: got '0.1'", "without quotes"]),
    "number as text in a suite": ({f"{SUITE}.tolerance": "0.1"}, [f"{SUITE}.tolerance: got '0.1'", "without quotes"]),
    "number without a digit before its point": ({f"{SUITE}.tolerance": ".5e3"}, [f"{SUITE}.tolerance: got '.5e3'"]),
    "negative learning rate": ({f"{GRID}.lr": [0.1, -0.5]}, [f"{GRID}.lr: got -0.5, expected greater than 0"]),
    "learning rate 0": ({f"{GRID}.lr": [0]}, [f"{GRID}.lr: got 0, expected greater than 0"]),
    "learning rate NaN": ({f"{GRID}.lr": [float("nan")]}, [f"{GRID}.lr: got nan, expected a finite number"]),
    "learning rate infinite": ({f"{GRID}.lr": [float("inf")]}, [f"{GRID}.lr: got inf, expected a finite number"]),
    "threshold NaN": ({f"{SUITE}.threshold": float("nan")}, [f"{SUITE}.threshold: got nan, expected a finite"]),
    "alpha infinite": ({"interpolate.alphas.stop": float("inf")}, ["interpolate.alphas.stop: got inf, expected a fin"]),
    "unknown dataset": ({f"{SUITE}.dataset": "mnist"}, [f"{SUITE}.dataset: got 'mnist'", "expected", "digits"]),
    "dataset in runs": ({f"{RUNS}.dataset": "digits"}, [f"{RUNS}.dataset: ", f"set {SUITE}.dataset"]),
    "dataset in a grid": ({f"{GRID}.dataset": ["digits"]}, [f"{GRID}.dataset: set elsewhere"]),
    "no grid": ({f"{SUITE}.grids": {}}, [f"{SUITE}.grids: got no grid, expected at least one"]),
    "empty list": ({f"{GRID}.lr": []}, [f"{GRID}.lr: got an empty list, expected at least one value"]),
    "no list": ({f"{GRID}.lr": 0.1}, [f"{GRID}.lr: got 0.1, expected"]),
    "key in runs and grid": ({f"{RUNS}.lr": 0.1}, [f"{GRID}.lr: set elsewhere in the suite too"]),
    "bool for a number of epochs": ({f"{RUNS}.epochs": True}, [f"{RUNS}.epochs: got True, expected a valid integer"]),
    "bool for a learning rate": ({f"{GRID}.lr": [True]}, [f"{GRID}.lr: got True, expected a valid number"]),
    "number for a bool": ({f"{GRID}.batch_norm": [1]}, [f"{GRID}.batch_norm: got 1, expected a valid boolean"]),
    "float for a number of epochs": ({f"{RUNS}.epochs": 2.0}, [f"{RUNS}.epochs: got 2.0, expected a valid integer"]),
    "date for a number": ({f"{RUNS}.epochs": datetime.date(2020, 1, 1)}, [f"{RUNS}.epochs: got '2020-01-01'"]),
    "date for the name of a folder": (
        {"datasets.mine": {"source": "mnist", "root": datetime.date(2020, 1, 1)}},
        ["datasets.mine.root: got '2020-01-01', expected text", "quotes"],
    ),
    "number for a key": ({f"{SUITE}.grids": {10: {}}}, [f"{SUITE}.grids.10: got a key that is no text"]),
    "no epochs": ({f"{RUNS}.epochs": 0}, [f"{RUNS}.epochs: got 0, expected greater than 0"]),
    "layer without units": ({f"{GRID}.hidden": [[8, 0]]}, [f"{GRID}.hidden.1: got 0, expected greater than 0"]),
    "units for layers": ({f"{GRID}.hidden": [8]}, [f"{GRID}.hidden: got 8, expected"]),
    "unknown optimizer": ({f"{GRID}.optimizer": ["lion"]}, [f"{GRID}.optimizer: got 'lion', expected 'sgd',"]),
    "unknown network": (
        {f"{RUNS}.network": "rnn"}, [f"{RUNS}.network: got 'rnn', expected 'simple_cnn', 'lenet',", "'mlp'"]
    ),
    "seed of 64 bits": ({f"{RUNS}.seed": 2**63}, [f"{RUNS}.seed: got {2**63}, expected less than"]),
    "too few alphas": ({"interpolate.alphas.points": 2}, ["interpolate.alphas.points: got 2, expected greater"]),
    "alphas that do not increase": ({"interpolate.alphas.start": 1.0}, ["interpolate.alphas", "start", "1.0"]),
    "unknown estimate": (
        {"interpolate.batch_norm.estimate": "fixed"}, ["interpolate.batch_norm.estimate: got 'fixed', expected"]
    ),
    "confidence 1": ({"measure.confidence": 1.0}, ["measure.confidence: got 1.0, expected less than 1"]),
    "unknown source": ({"datasets.digits.source": "svhn"}, ["datasets.digits", "svhn", "expected", "mnist"]),
    "empty test split": ({"datasets.digits.test_fraction": 0.0}, ["datasets.digits.test_fraction: got 0.0"]),
    "empty training split": ({"datasets.digits.test_fraction": 1.0}, ["datasets.digits.test_fraction: got 1.0"]),
    "proportion of a dataset": ({"datasets.digits.test_fraction": 2.0}, ["datasets.digits.test_fraction: got 2.0"]),
    "unknown suite in plot": ({"plot.figure_05": ["tinny"]}, ["plot.figure_05: got 'tinny', expected", "tiny"]),
    "bad plot key": ({"plot.figure_5": ["tiny"]}, ["plot.figure_5: no such figure or table, ", "such as _mine"]),
    "figure that is not drawn": ({"plot.figure_99": ["tiny"]}, ["plot.figure_99: no such figure or table"]),
    "text for a list in plot": ({"plot.figure_05": "tiny"}, ["plot.figure_05: got 'tiny', expected"]),
    "figure of suites without any": ({"plot.figure_05": []}, ["plot.figure_05: got [], expected at least one suite"]),
    "figure of the theory with a suite": (
        {"plot.figure_29_mine": ["tiny"]}, ["plot.figure_29_mine: got ['tiny'], expected none: it is made from"]
    ),
    "unknown key of theory": ({"theory.extra": 1}, ["theory.extra: unknown key"]),
    "unknown key of a model": ({f"{MODEL}.extra": 1}, [f"{MODEL}.extra: unknown key"]),
    "a rate at which the model diverges": (
        {"theory.noisy_quadratic.learning_rates": [0.1, 2.0]},
        ["theory.noisy_quadratic.learning_rates.1: got 2.0, expected less than 2"],
    ),
    "a rate twice": (
        {"theory.noisy_quadratic.learning_rates": [0.1, 0.1]},
        ["theory.noisy_quadratic.learning_rates: got [0.1, 0.1], expected each once"],
    ),
    "a scale twice": ({f"{MODEL}.scales": [1.0, 1.0]}, [f"{MODEL}.scales: got [1.0, 1.0], expected each once"]),
    "no rate": ({"theory.noisy_quadratic.learning_rates": []}, ["theory.noisy_quadratic.learning_rates: got [], exp"]),
    "more hidden units than inputs": ({f"{MODEL}.hidden": 9}, [f"{MODEL}.hidden: got 9, expected at most inputs, 3"]),
    "more inputs than examples": ({f"{MODEL}.inputs": 9}, [f"{MODEL}.inputs: got 9, expected at most examples, 5"]),
    "group without keys": ({"plot": None}, ["plot: got None, expected"]),
    "no suites": ({"suites": {}, "plot": {}}, ["suites: got", "expected"]),
    "name of a suite": ({"suites.Tiny": {}}, ["suites.Tiny: ", "expected"]),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "parts"), WRONG.values(), ids=WRONG)
def test_a_wrong_parameter_is_named_with_its_value_and_what_was_expected(loaded, changes, parts):
    with pytest.raises(UserError) as caught:
        loaded(changes)
    message = str(caught.value)
    assert message.startswith(parts[0])
    for part in parts:
        assert part in message
    assert "\n" not in message


TOGETHER = {
    "autoencoder of another loss": ({f"{RUNS}.network": "autoencoder"}, ["loss", "cross_entropy", "squared_error"]),
    "autoencoder of corrupted labels": (
        {f"{RUNS}.network": "autoencoder", f"{RUNS}.loss": "squared_error", f"{RUNS}.label_corruption": 0.5},
        ["label_corruption", "0.5", "expected"],
    ),
    "snapshots after the end": ({f"{RUNS}.snapshots": [1, 3]}, ["snapshots", "3", "last epoch, 2"]),
    "milestones out of order": ({f"{RUNS}.milestones": [2, 1]}, ["milestones", "2, 1", "increasing"]),
}


@pytest.mark.parametrize(("changes", "parts"), TOGETHER.values(), ids=TOGETHER)
def test_parameters_of_a_run_that_do_not_go_together_are_named_where_they_stand(loaded, changes, parts):
    with pytest.raises(UserError) as caught:
        loaded(changes)
    message = str(caught.value)
    assert message.startswith(f"{RUNS}.{parts[0]}: got ")
    for part in parts:
        assert part in message
    assert "params.yaml" not in message


def test_an_autoencoder_without_hidden_layers_is_refused(loaded):
    key = "suites.small_autoencoders.grids.main.hidden"
    with pytest.raises(UserError, match=key):
        loaded({key: [[]]})


def test_an_unknown_suite_is_answered_with_those_there_are(loaded):
    with pytest.raises(UserError, match=r"suites\.tinny: no such suite, expected one of tiny, small_autoencoders"):
        loaded({}).runs("tinny")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.yaml is missing; run from the project's root"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: [1\nb: 2", r"params\.yaml is not readable YAML: .*line 1"),
        (b"a:\n\tb: 1", r"params\.yaml is not readable YAML: .*line 2"),
        (b"\xff\xfe\x00a", r"params\.yaml is not readable YAML"),
        (b"", "params.yaml: got None, expected"),
        (b"- a\n", r"params.yaml: got \['a'\], expected"),
        (b"2020-01-01: 1\n", "2020-01-01|datasets: this key is missing"),
    ],
    ids=["syntax", "tab", "bytes", "empty", "list", "key that is no text"],
)
def test_a_file_that_holds_no_parameters_is_one_sentence(tmp_path, content, words):
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        load(tmp_path / "params.yaml")
    assert "\n" not in str(caught.value)
