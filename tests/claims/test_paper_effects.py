"""The paper's effects, held to sums over its tables that were worked by hand."""

import numpy as np
import pytest

from stages.claims import batch_norm, initializations, learning_rates, optimizers
from stages.claims.paper_effects import (
    cells,
    initial_norm_of_switched_networks,
    r_squared,
    ratio_of_switched,
    shortest_normalized_distance,
)


def difference(*strata):
    """Return the Mantel-Haenszel difference of strata ((events, trials), (events, trials))."""
    weights = np.array([n * m / (n + m) for (_, n), (_, m) in strata])
    differences = np.array([a / n - b / m for (a, n), (b, m) in strata])
    return weights @ differences / weights.sum()


def test_counts_of_table_1():
    table = cells("table 1")
    by_batch_norm = table.groupby(table["batch_norm"].astype(bool))[["risen", "count"]].sum().astype(int)
    assert by_batch_norm.loc[True].tolist() == [139, 310]
    assert by_batch_norm.loc[False].tolist() == [8, 144]


def test_large_learning_rates_and_adam_are_stratified_by_batch_norm():
    assert learning_rates.effect_in_table_1() == pytest.approx(difference(((36, 40), (0, 92)), ((0, 8), (0, 44))))
    assert optimizers.effect_in_table_1() == pytest.approx(difference(((99, 130), (40, 180)), ((4, 60), (4, 84))))


def test_batch_norm_is_stratified_by_optimizer_and_learning_rate():
    sgd = [(20, 4), (24, 8), (24, 12), (24, 20), (24, 20), (24, 12), (24, 4), (16, 4)]
    risen = [(0, 0), (0, 0), (0, 0), (0, 0), (0, 4), (4, 0), (20, 0), (16, 0)]
    adam = [((4, 24), (0, 24)), ((15, 22), (4, 20)), ((20, 24), (0, 12)), ((24, 24), (0, 4))]
    strata = [((a, n), (b, m)) for (n, m), (a, b) in zip(sgd, risen, strict=True)] + adam
    assert batch_norm.effect_in_table_1() == pytest.approx(difference(*strata))


def test_residual_networks_are_stratified_by_dataset_and_optimizer():
    strata = [((14, 26), (3, 76)), ((17, 22), (13, 73)), ((9, 20), (5, 52)), ((10, 16), (0, 49))]
    assert initializations.effect_in_tables_2_and_4() == pytest.approx(difference(*strata))


def test_ratios_of_switched_runs_are_geometric_means():
    first = (345.209 * 340.998 * 303.907) ** (1 / 3) / 8.096
    others = [(346.826 * 339.54 * 303.721, 9.369), (349.413 * 339.056 * 302.552, 10.893)]
    others += [(345.592 * 339.428 * 304.109, 14.177), (349.016 * 350.103 * 326.38, 108.508)]
    ratios = [first, *(product ** (1 / 3) / stayed for product, stayed in others)]
    assert 1 / ratio_of_switched("table 5", "distance") == pytest.approx(np.prod(ratios) ** (1 / 5))
    assert ratio_of_switched("table 6", "gauss_length") > 1


def test_the_norm_of_initial_weights_is_that_of_pytorch():
    import torch

    torch.manual_seed(0)
    layers = [torch.nn.Linear(784, 1024), torch.nn.Linear(1024, 1024), torch.nn.Linear(1024, 10)]
    norm = sum(float((p.detach() ** 2).sum()) for layer in layers for p in layer.parameters()) ** 0.5
    assert initial_norm_of_switched_networks() == pytest.approx(norm, rel=0.005)
    assert shortest_normalized_distance("table 5") == pytest.approx(302.552 / norm, rel=0.005)
    assert shortest_normalized_distance("section C.4") == pytest.approx(381.65 / norm, rel=0.005)


def test_r_squared_is_the_papers():
    assert [r_squared(f"figure {number}") for number in (7, 15, 17)] == [0.616, 0.705, 0.402]
