"""Records that were written before Gauss lengths had further alphas."""

from types import SimpleNamespace

import numpy as np

from stages.config import Alphas, Interpolate
from stages.lines.line import own_line
from stages.lines.line_evaluation import LineEvaluation
from stages.results.evaluated_runs import EvaluatedLine, join_curves

REQUEST = LineEvaluation(Interpolate(alphas=Alphas(points=7)), 2, 0)
OLD = {
    "loss_train": np.linspace(2, 1, 7),
    "gauss_smooth": np.array([1.0, 2.0]),
    "gauss_turning": np.array([3.0, 4.0]),
    "distance": np.array(5.0),
}


def joined(arrays):
    return join_curves([SimpleNamespace(lines=(EvaluatedLine(own_line("a"), arrays, 0),))], REQUEST)


def test_gauss_lengths_of_an_older_record_are_those_of_its_grid():
    curves = joined(OLD)
    np.testing.assert_array_equal(curves.gauss_smooth_grid, [[1.0, 2.0]])
    np.testing.assert_array_equal(curves.gauss_turning_grid, [[3.0, 4.0]])
    np.testing.assert_array_equal(curves.gauss_alphas, [7])
    assert np.isnan(curves.gauss_change).all()


def test_gauss_lengths_of_a_newer_record_are_its_own():
    new = {"gauss_smooth_grid": np.array([0.5, 0.6]), "gauss_turning_grid": np.array([0.7, 0.8])}
    curves = joined(OLD | new | {"gauss_alphas": np.array(9), "gauss_change": np.array(0.01)})
    np.testing.assert_array_equal(curves.gauss_smooth_grid, [[0.5, 0.6]])
    np.testing.assert_array_equal(curves.gauss_alphas, [9])
    np.testing.assert_array_equal(curves.gauss_change, [0.01])


def test_a_record_without_gauss_lengths_has_no_number_of_alphas():
    curves = joined({name: OLD[name] for name in ("loss_train", "distance")})
    assert np.isnan(curves.gauss_alphas).all()
    assert curves.examples.tolist() == [0]
