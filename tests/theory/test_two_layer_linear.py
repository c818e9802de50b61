"""Two-layer linear networks, held to plain gradient descent, closed forms and finely sampled lines."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binomtest

from stages.measures.monotonicity import min_delta
from stages.theory import two_layer_linear as model
from stages.theory.two_layer_linear import Problems, Weights
from stages.theory.two_layer_linear_summary import count_statements

SIZES = {"inputs": 4, "outputs": 3, "hidden": 2, "examples": 9}
TRAINING = {"steps": 2030, "learning_rate": 0.05, "tolerance": 1e-6}


def draw(setting, scale=0.3, instances=5, seed=0, **sizes):
    return model.draw_problems(setting, scale=scale, instances=instances, seed=seed, **(SIZES | sizes))


def normal(*shape, seed):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def random_lines(lines=400, seed=0, k=2):
    """Return starts, ends and inputs without any training, so that all kinds of lines are among them."""
    v, w = normal(2, lines, 3, k, seed=seed), normal(2, lines, k, 4, seed=seed + 1)
    return Weights(v[0], w[0]), Weights(v[1], w[1]), normal(lines, 4, 9, seed=seed + 2)


def plain(problems, i):
    """Return the weights, inputs and targets of one instance as arrays."""
    return [one[i].numpy() for one in (problems.start.v, problems.start.w, problems.x, problems.y)]


@pytest.fixture(scope="module")
def table():
    return model.simulate_lines(instances=30, scales=(0.1, 1.0), seed=1, **SIZES, **TRAINING)


@pytest.mark.parametrize("setting", model.SETTINGS)
def test_a_start_is_scaled_and_all_else_is_the_same_at_each_scale_and_number_of_instances(setting):
    one, two, fewer = draw(setting, 1.0), draw(setting, 2.0), draw(setting, 1.0, instances=2)
    for name in ("x", "y"):
        assert torch.equal(getattr(one, name), getattr(two, name))
        assert torch.equal(getattr(one, name)[:2], getattr(fewer, name))
    for name in ("v", "w"):
        assert torch.equal(2 * getattr(one.start, name), getattr(two.start, name))
        assert torch.equal(getattr(one.start, name)[:2], getattr(fewer.start, name))
    assert not torch.equal(one.x, draw(setting, 1.0, seed=1).x)
    assert len({float(x[0, 0]) for x in one.x}) == len(one.x)


def test_students_have_gaussian_weights_and_a_teacher_of_their_own_size():
    problems = draw("student_teacher", 3.0, instances=2000)
    for weights, units in ((problems.start.v, 2), (problems.start.w, 4)):
        assert float(weights.std()) == pytest.approx(3 / units**0.5, rel=0.03)
    assert problems.x.shape == (2000, 4, 9)
    assert problems.y.shape == (2000, 3, 9)
    singular = torch.linalg.svdvals(problems.y[:50])
    assert (singular[:, 1] > 1e-4).all()
    assert (singular[:, 2] < 1e-12).all()  # rank 2: the students can reach it
    assert float(problems.y.var()) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("setting", ["balanced", "tabula_rasa"])
def test_whitened_settings_meet_the_papers_assumptions(setting):
    problems = draw(setting)
    for i in range(5):
        v, w, x, y = plain(problems, i)
        np.testing.assert_allclose(x @ x.T / 9, np.eye(4), atol=1e-12)
        np.testing.assert_array_equal(v, w.T)
        teacher = y @ x.T / 9
        np.testing.assert_allclose(teacher, teacher.T, atol=1e-12)
        np.testing.assert_allclose(teacher @ x, y, atol=1e-12)
        values, axes = np.linalg.eigh(teacher)
        np.testing.assert_allclose(values[:2], 0, atol=1e-12)
        assert (values[2:] >= 0.5).all()
        on_axes = axes.T @ w.T @ w @ axes
        aligned = np.abs(on_axes - np.diag(np.diag(on_axes))).max() < 1e-12
        assert aligned == (setting == "tabula_rasa")
        if aligned:
            assert (np.sqrt(np.diag(on_axes)[2:]) >= 0.3 * 0.5 - 1e-12).all()


@pytest.mark.parametrize("sizes", [{"hidden": 5}, {"examples": 3}])
def test_sizes_without_orthonormal_rows_are_refused_where_they_are_needed(sizes):
    draw("student_teacher", **sizes)
    for setting in ("balanced", "tabula_rasa"):
        with pytest.raises(ValueError, match="want hidden <= inputs <= examples"):
            draw(setting, **sizes)


def test_another_setting_is_refused():
    with pytest.raises(ValueError, match="want one of student_teacher, balanced, tabula_rasa, got 'other'"):
        draw("other")


def test_the_gradient_is_that_of_the_loss():
    problems = draw("student_teacher")
    v, w = (one.clone().requires_grad_() for one in (problems.start.v, problems.start.w))
    losses = model.loss(Weights(v, w), problems.x, problems.y)
    for i in range(5):
        at_v, at_w, x, y = plain(problems, i)
        assert losses[i].item() == pytest.approx(np.linalg.norm(at_v @ at_w @ x - y) ** 2 / 18)
    losses.sum().backward()
    covariance, correlation = (one @ problems.x.mT / 9 for one in (problems.x, problems.y))
    found = model.gradient(problems.start, covariance, correlation)
    torch.testing.assert_close(found.v, v.grad, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(found.w, w.grad, rtol=1e-12, atol=1e-14)


def descend(v, w, x, y, rate, steps, tolerance):
    """Train one network by the book, looking at its loss every 50 steps."""

    def relative():
        return np.square(v @ w @ x - y).sum() / first

    first, taken = np.square(v @ w @ x - y).sum(), 0
    while taken < steps and (taken % 50 or relative() > tolerance):
        error = (v @ w @ x - y) / x.shape[1]
        v, w = v - rate * error @ (w @ x).T, w - rate * v.T @ error @ x.T
        taken += 1
    return v, w, taken


def test_each_network_is_trained_as_if_it_were_alone():
    problems = draw("student_teacher", 0.5, instances=8)
    end, taken = model.train_networks(problems, 0.05, 480, 1e-4)
    for i in range(8):
        v, w, steps = descend(*plain(problems, i), 0.05, 480, 1e-4)
        assert taken[i] == steps
        np.testing.assert_allclose(end.v[i], v, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(end.w[i], w, rtol=1e-9, atol=1e-12)
    assert 480 in taken
    assert len(set(taken)) > 2


def test_training_leaves_the_start_alone_and_stops_a_network_that_diverges():
    problems = draw("student_teacher", instances=3)
    problems.start.v[1] *= 1e6
    before = problems.start.v.clone()
    end, taken = model.train_networks(problems, 0.05, 3000, 1e-3)
    assert torch.equal(problems.start.v, before)
    assert taken[1] == 50
    assert not torch.isfinite(end.v[1]).all()
    assert torch.isfinite(end.v[[0, 2]]).all()
    measures = model.measure_lines(problems, end)
    assert all(np.isnan(values[1]) for values in measures.values())
    assert all(np.isfinite(values[[0, 2]]).all() for values in measures.values())


def on_axes(problems, weights):
    """Return the diagonals of W^T W and of the teacher on the teacher's axes, without those where it is zero."""
    teacher = problems.y @ problems.x.mT / problems.x.shape[2]
    values, axes = torch.linalg.eigh(teacher)
    square = axes.mT @ weights.w.mT @ weights.w @ axes
    return torch.diagonal(square, dim1=1, dim2=2)[:, 2:].numpy(), values[:, 2:].numpy()


def test_tabula_rasa_follows_the_closed_form_of_saxe():
    problems = draw("tabula_rasa", 0.1)
    began, limit = on_axes(problems, problems.start)
    errors = []
    for rate, steps in ((0.01, 400), (0.005, 800), (0.0025, 1600)):
        end, taken = model.train_networks(problems, rate, steps, 1e-30)
        assert (taken == steps).all()
        torch.testing.assert_close(end.v, end.w.mT, rtol=0, atol=1e-12)
        grown = np.exp(2 * limit * rate * steps)
        expected = limit * grown / (grown - 1 + limit / began)  # da/dt = 2 a (s - a)
        found, _ = on_axes(problems, end)
        errors.append(np.abs(found - expected).max())
    assert errors[0] < 0.05
    assert [b / a for a, b in zip(errors[:-1], errors[1:], strict=True)] == pytest.approx([0.5, 0.5], abs=0.05)


def test_the_papers_matrix_of_tabula_rasa_is_its_closed_form_and_only_semidefinite():
    problems = draw("tabula_rasa", 0.2)
    end, _ = model.train_networks(problems, 0.02, 5000, 1e-10)
    (began, _), (ended, _) = on_axes(problems, problems.start), on_axes(problems, end)
    values = 4 * np.sqrt(began * ended) * (np.sqrt(ended) - np.sqrt(began)) ** 2
    for i in range(5):
        expected = np.sort(np.append(values[i], [0, 0]))
        np.testing.assert_allclose(np.linalg.eigvalsh(matrix(problems.start, end, i)), expected, atol=1e-10)
    for smallest in model.eigenvalue_criterion(problems.start, end):
        assert (np.abs(smallest) < 1e-13).all()  # rank 2 of 4: the paper says positive definite


def matrix(start, end, i):
    v, w, v_end, w_end = (one[i].numpy() for one in (start.v, start.w, end.v, end.w))
    d1, d2 = v_end - v, w_end - w
    return (d1 @ w + v @ d2).T @ (d1 @ w_end + v_end @ d2)


def product(start, end, i, x):
    """Return <z'(0), z'(1)> by central differences of z, which are exact for a quadratic of any step."""
    v, w, v_end, w_end = (one[i].numpy() for one in (start.v, start.w, end.v, end.w))

    def outputs(alpha):
        return (v + alpha * (v_end - v)) @ (w + alpha * (w_end - w)) @ x

    return float(((outputs(0.5) - outputs(-0.5)) * (outputs(1.5) - outputs(0.5))).sum())


def test_tangents_are_derivatives_and_linear_in_alpha():
    start, end, x = random_lines(20)

    def outputs(alpha):
        return (start.v + alpha * (end.v - start.v)) @ (start.w + alpha * (end.w - start.w)) @ x

    for alpha in (0.0, 0.3, 0.9, 1.0):
        found = model.tangent(start, end, alpha, x)
        expected = (outputs(alpha + 1e-3) - outputs(alpha - 1e-3)) / 2e-3
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
        first, last = (model.tangent(start, end, one, x) for one in (0.0, 1.0))
        torch.testing.assert_close(found, first + alpha * (last - first), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("surrogate", [False, True])
def test_the_polynomial_is_the_loss_and_its_min_delta_that_of_a_fine_line(surrogate):
    start, end, x = random_lines()
    target = end.v @ end.w @ x + (0 if surrogate else normal(400, 3, 9, seed=9))
    residual = 0.0 if surrogate else end.v @ end.w @ x - target
    coefficients = model.loss_polynomial(start, end, x, residual)
    alphas = np.linspace(0, 1, 1001)
    losses = torch.stack(
        [model.loss(model.interpolate_weights(start, end, float(alpha)), x, target) for alpha in alphas], dim=1
    ).numpy()
    values = np.array([np.polyval(line[::-1], 1 - alphas) for line in coefficients])
    np.testing.assert_allclose(values, losses, rtol=1e-9, atol=1e-11)
    exact, fine = model.polynomial_min_delta(coefficients), min_delta(losses)
    bend = np.abs(np.diff(losses, 2, axis=1)).max(axis=1)
    assert (fine <= exact + 1e-10).all()
    assert (fine >= exact - bend / 2 - 1e-10).all()
    assert 20 < (exact > 1e-9).sum() < 400


@pytest.mark.parametrize(
    ("coefficients", "rise"),
    [
        ([0, 0, 0, 0, 0], 0.0),
        ([1, 0, 0, 0, 0], 0.0),
        ([0, 2, 0, 0, 0], 0.0),  # falls with alpha
        ([3, -2, 0, 0, 0], 2.0),  # rises with alpha
        ([0, -1, 1, 0, 0], 0.25),  # lowest in the middle
        ([0, 1, -1, 0, 0], 0.25),  # highest in the middle
        ([0, 0, 9, -24, 16], 9 * 9 / 256),  # beta^2 (3 - 4 beta)^2: zero at 1 and 1/4, a bump between, one at the start
        ([np.nan, 0, 1, 0, 0], np.nan),
        ([0, 0, 0, 0, np.inf], np.nan),
    ],
)
def test_rises_of_polynomials_worked_by_hand(coefficients, rise):
    found = model.polynomial_min_delta(np.array([coefficients, [0, 0, 1, 0, 0]], dtype=float))
    np.testing.assert_allclose(found, [rise, 0], atol=1e-12)


def test_random_lines_keep_theorem_3_and_the_statements_on_gauss_length():
    start, end, x = random_lines(1000)
    measures = model.measure_lines(Problems(x, end.v @ end.w @ x + 1, start), end)
    length, rises = measures["gauss_length"], measures["surrogate_relative_min_delta"]
    ends = [model.tangent(start, end, alpha, x).flatten(1).numpy() for alpha in (0.0, 1.0)]
    dots = (ends[0] * ends[1]).sum(axis=1)
    cosines = dots / np.linalg.norm(ends[0], axis=1) / np.linalg.norm(ends[1], axis=1)
    np.testing.assert_allclose(length, np.arccos(cosines), atol=1e-7)
    np.testing.assert_allclose(measures["inner_product"], dots / 9, rtol=1e-12)
    np.testing.assert_allclose(measures["gauss_length_turning"], length, atol=1e-12)
    assert (measures["affinity_residual"] < 1e-14).all()
    assert (length <= np.pi).all()
    below = length < np.pi / 2
    np.testing.assert_array_equal(below, measures["inner_product"] > 0)
    assert 50 < below.sum() < 950
    assert (rises[below] <= model.ROUNDING).all()
    assert (rises[~below] > 1e-3).sum() > 20  # the condition is not idle


def test_the_symmetric_part_decides_for_all_inputs_and_the_eigenvalues_do_not():
    # Ends that are turned and grown starts, so that some matrices have positive eigenvalues.
    start, _, _ = random_lines(300, k=4)
    end = Weights(3 * start.v + 0.7 * normal(300, 3, 4, seed=7), 3 * start.w + 0.7 * normal(300, 4, 4, seed=8))
    smallest, symmetric = model.eigenvalue_criterion(start, end)
    random = np.random.default_rng(0)
    counterexamples = 0
    for i in range(300):
        m = matrix(start, end, i)
        scale = np.linalg.norm(m)
        assert smallest[i] == pytest.approx(np.linalg.eigvals(m).real.min() / scale, abs=1e-7)
        values, axes = np.linalg.eigh((m + m.T) / 2)
        assert symmetric[i] == pytest.approx(values[0] / scale, abs=1e-12)
        assert product(start, end, i, axes[:, :1]) == pytest.approx(values[0], abs=1e-9 * scale)
        if symmetric[i] > 0:
            assert smallest[i] > 0
            assert all(product(start, end, i, random.standard_normal((4, 2))) > 0 for _ in range(5))
        counterexamples += smallest[i] >= -model.ROUNDING and product(start, end, i, axes[:, :1]) < -1e-6 * scale
    assert counterexamples > 10


def test_a_criterion_that_has_no_direction_is_missing():
    start, end, _ = random_lines(3)
    end.v[0], end.w[0] = start.v[0], start.w[0]
    end.v[1, 0, 0] = np.inf
    for smallest in model.eigenvalue_criterion(start, end):
        np.testing.assert_array_equal(np.isnan(smallest), [True, True, False])


def test_every_row_is_a_network(table):
    assert len(table) == 3 * 2 * 30
    assert not table.duplicated(["setting", "scale", "instance"]).any()
    np.testing.assert_array_equal(table["converged"], table["relative_loss"] <= 1e-6)
    assert table["converged"].mean() > 0.9
    assert (table[~table["converged"]]["steps"] == 2030).all()
    np.testing.assert_array_equal(table["monotone"], table["relative_min_delta"] <= 1e-6)
    np.testing.assert_array_equal(table["surrogate_monotone"], table["surrogate_relative_min_delta"] <= 1e-12)
    assert (table["sampled_relative_min_delta"] <= table["relative_min_delta"] + 1e-12).all()
    rasa = table[table["setting"] == "tabula_rasa"]
    assert (rasa["monotone"] & (rasa["gauss_length"] < np.pi / 2)).all()


def test_a_row_is_the_network_trained_alone(table):
    for setting in model.SETTINGS:
        problems = model.draw_problems(setting, scale=1.0, instances=2, seed=1, **SIZES)
        v, w, x, y = plain(problems, 1)
        v_end, w_end, steps = descend(v, w, x, y, 0.05, 2030, 1e-6)
        row = table[(table["setting"] == setting) & (table["scale"] == 1.0) & (table["instance"] == 1)].iloc[0]
        assert row["steps"] == steps
        assert row["final_loss"] == pytest.approx(np.square(v_end @ w_end @ x - y).sum() / 18, rel=1e-6)
        alphas = np.linspace(0, 1, 50)
        line = [np.square((v + a * (v_end - v)) @ (w + a * (w_end - w)) @ x - y).sum() for a in alphas]
        assert row["relative_loss"] == pytest.approx(line[-1] / line[0], rel=1e-6)
        sampled = min_delta(np.array([line]))[0] / line[0]
        assert row["sampled_relative_min_delta"] == pytest.approx(sampled, abs=1e-12)


def test_the_same_parameters_give_the_same_rows_whatever_the_other_scales(table):
    again = model.simulate_lines(instances=30, scales=(1.0,), seed=1, **SIZES, **TRAINING)
    pd.testing.assert_frame_equal(again, table[table["scale"] == 1.0].reset_index(drop=True), check_exact=True)


def test_the_summary_counts_by_a_loop_over_the_rows(table):
    made = table.copy()
    made.loc[::7, "converged"] = False
    made.loc[::5, "monotone"] = False
    made.loc[::3, ["gauss_length", "inner_product"]] = [2.0, -1.0]
    made.loc[::4, "surrogate_monotone"] = False
    made.loc[1::4, "gauss_length_turning"] = 3.2
    cells = count_statements(made, 0.9).to_dict("records")
    assert [(cell["setting"], cell["scale"]) for cell in cells] == [(s, a) for s in model.SETTINGS for a in (0.1, 1.0)]
    for cell in cells:
        every = [r for r in made.to_dict("records") if (r["setting"], r["scale"]) == (cell["setting"], cell["scale"])]
        rows = [row for row in every if row["converged"]]
        below = [row for row in rows if row["gauss_length"] < np.pi / 2]
        met = [row for row in rows if row["smallest_eigenvalue"] >= -1e-12]
        expected = {
            "trained": 30,
            "converged": len(rows),
            "at_most_pi": sum(row["gauss_length_turning"] < 3.15 for row in rows),
            "below_half_pi": len(below),
            "eigenvalues_met": len(met),
            "symmetric_part_met": sum(row["smallest_symmetric_eigenvalue"] >= -1e-12 for row in rows),
            "eigenvalues_met_alone": sum(row["smallest_symmetric_eigenvalue"] < -1e-12 for row in met),
            "eigenvalues_met_product_negative": sum(row["inner_product"] < 0 for row in met),
            "monotone": sum(row["monotone"] for row in rows),
            "below_half_pi_not_monotone": sum(not row["monotone"] for row in below),
            "below_half_pi_not_surrogate_monotone": sum(not row["surrogate_monotone"] for row in below),
        }
        assert {name: cell[name] for name in expected} == expected
        interval = binomtest(expected["monotone"], len(rows)).proportion_ci(0.9, method="wilson")
        wanted = [expected["monotone"] / len(rows), interval.low, interval.high]
        assert [cell[name] for name in ("proportion", "low", "high")] == pytest.approx(wanted)
        assert cell["largest_affinity_residual"] == max(row["affinity_residual"] for row in rows)


def test_where_no_network_converged_there_is_no_proportion(table):
    cells = count_statements(table.assign(converged=False), 0.95)
    assert (cells["trained"] == 30).all()
    assert (cells[["converged", "monotone", "below_half_pi"]] == 0).all(axis=None)
    assert cells[["proportion", "low", "high"]].isna().all(axis=None)


def test_networks_measured_in_blocks_are_the_same(monkeypatch):
    settings = {"instances": 5, "scales": (0.1, 1.0), "inputs": 3, "outputs": 2, "hidden": 2, "examples": 6}
    settings |= {"steps": 60, "learning_rate": 0.05, "tolerance": 1e-3, "seed": 0}
    whole = model.simulate_lines(**settings)
    monkeypatch.setattr(model, "BLOCK", 2)
    pd.testing.assert_frame_equal(model.simulate_lines(**settings), whole, rtol=1e-12)
