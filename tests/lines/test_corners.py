"""Angles at the corners of ReLU networks' paths against corners that are computed exactly or by very many tangents."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_sweep import BATCH, CONVOLUTIONAL, CUMULATIVE, RESNET, line, run_of
from torch import nn

from stages.config import GaussRefinement
from stages.lines import corners
from stages.lines.corners import corner_angles, corner_units
from stages.lines.sweep import EVALUATE_ONCE, differentiate_outputs, sweep_line
from stages.measures.gauss_length import turning

EXAMPLES = 6
WIDE = run_of(activation="relu", hidden=(60,))


def exact_corners(task, start, end):
    """Return each example's sum of corner angles for one hidden layer, whose inputs are linear in alpha."""
    (w0, b0, u0, c0), (w1, b1, u1, c1) = (task.layout.split(theta).values() for theta in (start, end))
    x = task.train.x[:EXAMPLES].flatten(1)
    before, after = x @ w0.mT + b0, x @ w1.mT + b1
    sums = []
    for p0, p1 in zip(before, after, strict=True):
        total, slope = 0.0, p1 - p0
        for unit in range(len(p0)):
            alpha = float(-p0[unit] / slope[unit])
            if 0 < alpha < 1:
                p = p0 + alpha * slope
                on = p > 0
                on[unit] = False
                without = (u1 - u0) @ (p * on) + torch.lerp(u0, u1, alpha) @ (slope * on) + c1 - c0
                with_unit = without + torch.lerp(u0, u1, alpha)[:, unit] * slope[unit]
                cosine = without @ with_unit / without.norm() / with_unit.norm()
                total += float(torch.acos(cosine.clamp(-1, 1)))
        sums.append(total)
    return np.array(sums)


def angles(task, settings, start, end, alphas):
    """Return the sums of corner angles of a network without batch norm, on all alphas and with every other left out."""
    jets = differentiate_outputs(task, start, end, alphas, settings, EXAMPLES)

    def points(some):
        return torch.lerp(start, end, some[:, None])

    intervals, pairs = corner_angles(task, settings, points, alphas, {}, jets.first)
    assert intervals.shape == (len(alphas) - 1, EXAMPLES)
    assert pairs.shape == (len(alphas) - 2, EXAMPLES)
    return intervals.sum(0).numpy(), pairs[::2].sum(0).numpy()


def test_corners_are_those_where_units_switch():
    _, task, start, end, _ = line(WIDE, CUMULATIVE)
    assert corner_units(task, CUMULATIVE) == 60
    expected = exact_corners(task, start, end)
    with torch.no_grad():
        fine, coarse = (
            angles(task, CUMULATIVE, start, end, torch.linspace(0, 1, points, dtype=torch.float64))
            for points in (801, 51)
        )
    np.testing.assert_allclose(fine[0], expected, rtol=5e-3)
    assert coarse[0].mean() == pytest.approx(expected.mean(), rel=0.02)
    np.testing.assert_allclose(coarse[1], angles_of_half(task, start, end), rtol=1e-9)


def angles_of_half(task, start, end):
    with torch.no_grad():
        return angles(task, CUMULATIVE, start, end, torch.linspace(0, 1, 26, dtype=torch.float64))[0]


DEEP = {
    "deep": (run_of(activation="relu", hidden=(12, 10, 8)), CUMULATIVE),
    "resnet": (run_of(initialization="fixup", **RESNET | {"width_multiplier": 0.1}), CUMULATIVE),
    "pooling": (run_of(**CONVOLUTIONAL, network="vgg", layers=11, width_multiplier=0.04), CUMULATIVE),
}


LONG = dict.fromkeys(("resnet", "pooling"), pytest.mark.long)


@pytest.mark.parametrize(
    ("run", "settings"),
    [pytest.param(*case, id=name, marks=LONG.get(name, ())) for name, case in DEEP.items()],
)
def test_total_turning_is_the_limit_of_many_tangents(run, settings):
    _, task, start, end, _ = line(run, settings)
    alphas = torch.linspace(0, 1, 50, dtype=torch.float64)
    options = replace(EVALUATE_ONCE, gauss_refinement=GaussRefinement(tolerance=0.01, most_alphas=1000))
    with torch.no_grad():
        found = sweep_line(task, start, end, alphas, settings, EXAMPLES, 0, options)
        many = torch.linspace(0, 1, 1201, dtype=torch.float64)
        tangents = differentiate_outputs(task, start, end, many, settings, EXAMPLES).first.numpy()
    once, twice = turning(tangents[::2]).mean(), turning(tangents).mean()
    assert found.gauss_change <= 0.01
    assert found.gauss_turning.mean() == pytest.approx(2 * twice - once, rel=0.02)  # corners are missed in proportion
    assert found.gauss_turning_grid.mean() < found.gauss_turning.mean()


def test_derivatives_along_some_directions_give_the_mean(monkeypatch):
    run = run_of(network="autoencoder", loss="squared_error", hidden=(40, 20, 40), activation="relu")
    _, task, start, end, _ = line(run, CUMULATIVE)
    alphas = torch.linspace(0, 1, 60, dtype=torch.float64)
    monkeypatch.setattr(sys.modules[__name__], "EXAMPLES", 50)
    with torch.no_grad():
        whole = angles(task, CUMULATIVE, start, end, alphas)[0]
        monkeypatch.setattr(corners, "MOST_DIRECTIONS", 4)
        some = angles(task, CUMULATIVE, start, end, alphas)[0]
    assert not np.allclose(some, whole, rtol=1e-6)
    assert some.mean() == pytest.approx(whole.mean(), rel=0.04)


def test_pieces_do_not_matter(monkeypatch):
    _, task, start, end, _ = line(WIDE, CUMULATIVE)
    alphas = torch.linspace(0, 1, 20, dtype=torch.float64)
    with torch.no_grad():
        whole = angles(task, CUMULATIVE, start, end, alphas)
        for numbers in (5 * 3 * 60, 7 * EXAMPLES * 3 * 60):  # fewer examples at once, fewer alphas at once
            monkeypatch.setitem(corners.SITE_BYTES, "cpu", numbers * 8)
            np.testing.assert_allclose(angles(task, CUMULATIVE, start, end, alphas), whole, rtol=1e-10)


def test_networks_without_corners_or_with_others_have_none_counted():
    _, task, *_ = line(run_of(), CUMULATIVE)
    assert corner_units(task, CUMULATIVE) == 0
    for layer in (nn.LeakyReLU(), nn.ReLU(inplace=True), nn.Hardtanh()):
        network = nn.Sequential(nn.Flatten(), nn.Linear(9, 4), layer, nn.Linear(4, 3)).double()
        assert corner_units(replace(task, network=network), CUMULATIVE) is None
    _, task, *_ = line(run_of(activation="relu", batch_norm=True), BATCH)
    assert corner_units(task, BATCH) is None
