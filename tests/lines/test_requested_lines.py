"""Which lines a suite gets for what it asks."""

from itertools import permutations

import pandas as pd

from stages.config import FreshLines, LayerLines, NoiseLines, PairLines, PermutedLines, Run, SnapshotLines, ZeroLines
from stages.lines.line import Endpoint, Line, ParameterExchange, RandomPermutation, UnitMatching
from stages.lines.requested_lines import SuiteRuns, list_requested_lines
from stages.networks.build import initial_parameters

RUNS = {
    f"run{seed}": Run(
        dataset="toy",
        network="mlp",
        hidden=(3,),
        activation="tanh",
        batch_norm=True,
        loss="cross_entropy",
        optimizer="sgd",
        lr=0.1,
        epochs=9,
        batch_size=8,
        snapshots=(0, 2, 5, 9),
        seed=seed,
    )
    for seed in range(3)
}


def shapes(run_id):
    return initial_parameters(RUNS[run_id], (1, 2, 2), 4)[1].named_shapes()


ASKED = SuiteRuns(RUNS, pd.DataFrame(), shapes)
ONE = {"seed": [1]}


def lines(entry, name="kind"):
    found = list_requested_lines({name: entry}, ASKED)
    assert all(line.kind == name for line in found)
    assert len({str(line.content()) for line in found}) == len(found)
    return found


def ends(entry):
    return [(line.start, line.end) for line in lines(entry)]


def pairs(start, end, matching=None, among=None):
    return PairLines(kind="pairs", start=start, end=end, matching=matching, among=among or {})


def test_between_equal_points_each_pair_of_runs_has_one_line():
    for point in ("initial", "final"):
        wanted = [("run0", "run1"), ("run0", "run2"), ("run1", "run2")]
        assert ends(pairs(point, point)) == [(Endpoint(a, point), Endpoint(b, point)) for a, b in wanted]


def test_each_initialisation_leads_to_each_optimum_but_its_own():
    wanted = [(Endpoint(a, "initial"), Endpoint(b, "final")) for a, b in permutations(RUNS, 2)]
    assert ends(pairs("initial", "final")) == wanted


def test_what_is_matched_is_the_end_to_the_start():
    for first, last in ends(pairs("final", "final", "weights", {"seed": [0, 2]})):
        assert first == Endpoint("run0", "final")
        assert last == Endpoint("run2", "final", UnitMatching("weights", "run0"))


def test_permuted_lines_permute_one_end_of_the_own_line():
    entry = PermutedLines(kind="permuted", point="initial", count=2, among=ONE)
    change = [Endpoint("run1", "initial", RandomPermutation(number)) for number in range(2)]
    assert ends(entry) == [(start, Endpoint("run1", "final")) for start in change]
    assert [line.draw for line in lines(entry)] == [0, 1]
    ((first, last),) = ends(PermutedLines(kind="permuted", point="final", count=1, among=ONE))
    assert (first, last) == (Endpoint("run1", "initial"), Endpoint("run1", "final", RandomPermutation(0)))


def test_snapshots_lead_on_but_for_the_first_and_the_last_point():
    found = lines(SnapshotLines(kind="snapshots", among=ONE))
    assert [(line.start.point, line.draw) for line in found] == [("epoch_2", 2), ("epoch_5", 5)]
    assert {line.end for line in found} == {Endpoint("run1", "final")}


def test_noise_and_zero_lead_to_the_optimum():
    end = Endpoint("run1", "final")
    wanted = [(Endpoint("run1", f"noise_{number}"), end) for number in range(3)]
    assert ends(NoiseLines(kind="noise", count=3, among=ONE)) == wanted
    assert ends(ZeroLines(kind="zero", among=ONE)) == [(Endpoint("run1", "zero"), end)]


def test_one_layer_moves_from_its_initial_to_its_final_weights():
    layers = {
        "layers.1": ("layers.1.weight", "layers.1.bias", "layers.2.weight", "layers.2.bias"),
        "layers.4": ("layers.4.weight", "layers.4.bias"),
    }
    for rest in ("initial", "final"):
        found = lines(LayerLines(kind="layers", of="layer", rest=rest, among=ONE))
        assert [line.part for line in found] == list(layers)
        for line, names in zip(found, layers.values(), strict=True):
            whole = Endpoint("run1", rest)
            mixed = Endpoint("run1", rest, ParameterExchange(names, "final" if rest == "initial" else "initial"))
            start, end = (whole, mixed) if rest == "initial" else (mixed, whole)
            assert (line.start, line.end) == (start, end)


def test_kinds_come_in_their_order():
    wanted = {"b": ZeroLines(kind="zero", among={}), "a": ZeroLines(kind="zero", among=ONE)}
    assert [line.kind for line in list_requested_lines(wanted, ASKED)] == ["b", "b", "b", "a"]
    assert isinstance(list_requested_lines(wanted, ASKED)[0], Line)


def test_fresh_lines_lead_to_two_contrasting_optima_or_to_every_converged_one():
    statuses, verdicts, rises = ("converged", "converged", "above threshold"), (True, False, True), (0.0, 0.3, 0.0)
    table = pd.DataFrame([vars(run) | {"run_id": key} for key, run in RUNS.items()])
    table = table.assign(
        status=statuses, monotonic=verdicts, min_delta=rises, normalized_distance=1.0, suite="toy", width=3
    )
    more = table.iloc[[0]].assign(run_id="run3", normalized_distance=2.0)
    suite = SuiteRuns(RUNS | {"run3": RUNS["run0"]}, pd.concat([table, more], ignore_index=True), shapes)
    for optima, wanted in (("contrasting", 2), ("all", 3)):
        entry = FreshLines(kind="fresh", count=2, optima=optima)
        found = list_requested_lines({"fresh": entry}, suite)
        assert len(found) == 2 * wanted
        assert len({line.end.run_id for line in found}) == wanted
        assert {line.end.run_id for line in found} <= {"run0", "run1", "run3"}
        assert all(line.start == Endpoint(line.end.run_id, f"fresh_standard_{line.draw}") for line in found)
