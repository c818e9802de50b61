"""Two-layer linear networks f(x) = V W x: trained by gradient descent, and the lines from their start to their end.

Lucas et al. (2021), appendix A.1: the loss is |V W X - Y|^2 / (2n). Along a line the tangent of the outputs z is linear
in alpha, so their Gauss length is the angle between z'(0) and z'(1).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from stages.measures.gauss_length import turning
from stages.measures.monotonicity import min_delta
from stages.shared.seeds import derive
from stages.theory.two_layer_linear_summary import ROUNDING

SETTINGS = ("student_teacher", "balanced", "tabula_rasa")
ALPHAS = np.linspace(0, 1, 50)
BLOCK = 100  # instances measured at once, which bounds memory
CHECK_INTERVAL = 50  # steps between two checks of the loss


# Shape letters: I = instances, D = inputs, M = outputs, K = hidden units, N = examples, A = alphas.
@dataclass(frozen=True)
class Weights:
    """Weights of many networks f(x) = V W x, in double precision."""

    v: torch.Tensor
    """Second layers V, shape (I, M, K)."""
    w: torch.Tensor
    """First layers W, shape (I, K, D)."""

    def some(self, instances: slice) -> "Weights":
        """Return the weights of some of the networks."""
        return Weights(self.v[instances], self.w[instances])


@dataclass(frozen=True)
class Problems:
    """Data and initial weights of many networks."""

    x: torch.Tensor
    """Inputs, shape (I, D, N)."""
    y: torch.Tensor
    """Targets, shape (I, M, N), which a network with K hidden units fits exactly."""
    start: Weights
    """Initial weights."""

    def some(self, instances: slice) -> "Problems":
        """Return some of the problems."""
        return Problems(self.x[instances], self.y[instances], self.start.some(instances))


def draw_problems(
    setting: str, *, scale: float, instances: int, inputs: int, outputs: int, hidden: int, examples: int, seed: int
) -> Problems:
    """Draw problems of one setting.

    `student_teacher`: Gaussian inputs; teacher and start have Gaussian weights.
    `tabula_rasa`: the assumptions of Saxe et al. (2019). Inputs with X X^T / n = I, as many outputs as inputs, a
    teacher U S U^T of rank K, and a start on its axes: V0 = W0^T and W0 = Q sqrt(A0) U^T with orthogonal Q.
    `balanced`: `tabula_rasa` with Gaussian W0. The paper's assumptions require only V0 = W0^T of a start.

    Args:
        setting: One of `SETTINGS`.
        scale: Factor of the initial weights. At 1, Gaussian weights have variance 1 / fan-in, like the teacher's, and
            the diagonal of sqrt(A0) is at least 0.5, like that of S.
        instances: Number I of instances. Each has its own data, teacher and start, which do not depend on the number
            of instances and depend on the scale only by the factor.
        inputs: Number D of inputs.
        outputs: Number M of outputs in the setting `student_teacher`.
        hidden: Number K of hidden units.
        examples: Number N of examples.
        seed: Seed of all draws.

    Returns:
        The problems.

    Raises:
        ValueError: If the setting is not one of `SETTINGS`, or needs orthonormal rows that do not exist: with more
            inputs than examples, or more hidden units than inputs.
    """
    if setting not in SETTINGS:
        raise ValueError(f"want one of {', '.join(SETTINGS)}, got {setting!r}")
    if setting != "student_teacher" and not hidden <= inputs <= examples:
        raise ValueError(f"want hidden <= inputs <= examples, got {hidden}, {inputs}, {examples}")
    shapes: dict[str, tuple[int, ...]] = {"x": (inputs, examples), "v": (outputs, hidden), "w": (hidden, inputs)}
    shapes |= {"teacher_v": (outputs, hidden), "teacher_w": (hidden, inputs)}
    shapes |= {"q": (hidden, hidden), "start_values": (hidden,), "teacher_values": (hidden,)}
    normal = _normal(instances, shapes, derive(f"two-layer linear networks, {setting}", seed))
    v, w = normal["v"] / hidden**0.5, normal["w"] / inputs**0.5
    if setting == "student_teacher":
        x = normal["x"]
        y = normal["teacher_v"] @ normal["teacher_w"] @ x / (hidden * inputs) ** 0.5
    else:
        x = examples**0.5 * torch.linalg.qr(normal["x"].mT)[0].mT
        axes_IDK = torch.linalg.qr(normal["teacher_w"].mT)[0]
        values_IK, roots_IK = (0.5 + normal[name].abs() for name in ("teacher_values", "start_values"))
        y = axes_IDK * values_IK[:, None] @ axes_IDK.mT @ x
        if setting == "tabula_rasa":
            w = torch.linalg.qr(normal["q"])[0] * roots_IK[:, None] @ axes_IDK.mT
        v = w.mT
    return Problems(x, y, Weights(scale * v, scale * w))


def _normal(instances: int, shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, torch.Tensor]:
    """Return arrays of standard normal numbers, shape (I, ...) each, drawn instance by instance."""
    sizes = [int(np.prod(shape)) for shape in shapes.values()]
    numbers = torch.from_numpy(np.random.default_rng(seed).standard_normal((instances, sum(sizes))))
    parts = zip(shapes.items(), numbers.split(sizes, dim=1), strict=True)
    return {name: part.reshape(instances, *shape) for (name, shape), part in parts}


def loss(weights: Weights, x_IDN: torch.Tensor, y_IMN: torch.Tensor) -> torch.Tensor:
    """Return |V W X - Y|^2 / (2n) of each network, shape (I,)."""
    return (weights.v @ weights.w @ x_IDN - y_IMN).square().sum(dim=(1, 2)) / (2 * x_IDN.shape[2])


def gradient(weights: Weights, covariance_IDD: torch.Tensor, correlation_IMD: torch.Tensor) -> Weights:
    """Return the gradient of `loss`, computed from X X^T / n and Y X^T / n alone.

    Args:
        weights: The networks.
        covariance_IDD: X X^T / n, shape (I, D, D).
        correlation_IMD: Y X^T / n, shape (I, M, D).

    Returns:
        The gradient with respect to both layers.
    """
    error_IMD = torch.baddbmm(correlation_IMD, weights.v @ weights.w, covariance_IDD, beta=-1)
    return Weights(error_IMD @ weights.w.mT, weights.v.mT @ error_IMD)


def train_networks(
    problems: Problems, learning_rate: float, steps: int, tolerance: float
) -> tuple[Weights, np.ndarray]:
    """Train each network by full-batch gradient descent until its loss is low enough.

    Args:
        problems: Data and initial weights.
        learning_rate: Learning rate.
        steps: Largest number of steps.
        tolerance: Loss, relative to the initial loss, at which training stops; checked every `CHECK_INTERVAL` steps.

    Returns:
        The final weights, and the number of steps that each network took, shape (I,).
    """
    x, y, examples = problems.x, problems.y, problems.x.shape[2]
    covariance_IDD, correlation_IMD = x @ x.mT / examples, y @ x.mT / examples
    limit_I = tolerance * loss(problems.start, x, y)
    end = Weights(problems.start.v.clone(), problems.start.w.clone())
    taken_I = torch.zeros(len(x), dtype=torch.int64)
    going_I = loss(end, x, y) > limit_I
    while going_I.any() and (done := int(taken_I[going_I][0])) < steps:
        now = Weights(end.v[going_I], end.w[going_I])
        covariance, correlation = covariance_IDD[going_I], correlation_IMD[going_I]
        count = min(CHECK_INTERVAL, steps - done)
        for _ in range(count):
            slope = gradient(now, covariance, correlation)
            now = Weights(now.v - learning_rate * slope.v, now.w - learning_rate * slope.w)
        end.v[going_I], end.w[going_I] = now.v, now.w
        taken_I[going_I] += count
        going_I = loss(end, x, y) > limit_I  # false for NaN, so a network that diverged stops too
    return end, taken_I.numpy()


def interpolate_weights(start: Weights, end: Weights, alpha: float) -> Weights:
    """Return the weights at alpha on each line, exact at both ends."""
    return Weights(torch.lerp(start.v, end.v, alpha), torch.lerp(start.w, end.w, alpha))


def tangent(start: Weights, end: Weights, alpha: float, x_IDN: torch.Tensor) -> torch.Tensor:
    """Return z'(alpha) of each line by the product rule, shape (I, M, N), without using that it is linear in alpha."""
    here = interpolate_weights(start, end, alpha)
    return ((end.v - start.v) @ here.w + here.v @ (end.w - start.w)) @ x_IDN


def loss_polynomial(
    start: Weights, end: Weights, x_IDN: torch.Tensor, residual_IMN: torch.Tensor | float
) -> np.ndarray:
    """Return the loss along each line as a polynomial of degree 4.

    In beta = 1 - alpha the residual is R - beta z'(1) + beta^2 D1 D2 X, where R is the residual at the end. Large terms
    vanish towards the end of the line, so the small loss there is computed without cancellation.

    Args:
        start: Weights at alpha = 0.
        end: Weights at alpha = 1.
        x_IDN: Inputs, shape (I, D, N).
        residual_IMN: R = z(1) - Y, shape (I, M, N); 0 for the surrogate target z(1).

    Returns:
        Coefficients of beta^0 to beta^4, shape (I, 5).
    """
    first = tangent(start, end, 1.0, x_IDN)
    second = (end.v - start.v) @ (end.w - start.w) @ x_IDN
    terms = (residual_IMN + torch.zeros_like(first), -first, second)
    coefficients = [torch.zeros(len(x_IDN), dtype=x_IDN.dtype) for _ in range(5)]
    for i, one in enumerate(terms):
        for j, other in enumerate(terms):
            coefficients[i + j] = coefficients[i + j] + (one * other).sum(dim=(1, 2)) / (2 * x_IDN.shape[2])
    return torch.stack(coefficients, dim=1).numpy()


def polynomial_min_delta(coefficients_I5: np.ndarray) -> np.ndarray:
    """Return min Delta of continuous lines whose loss is a polynomial in 1 - alpha.

    The loss is monotone between the zeros of its derivative, so only its values there and at both ends matter.

    Args:
        coefficients_I5: Coefficients from the constant up, shape (I, 5).

    Returns:
        min Delta in the unit of the loss, shape (I,); NaN for a line that is not finite.
    """
    found = np.full(len(coefficients_I5), np.nan)
    for line in np.flatnonzero(np.isfinite(coefficients_I5).all(axis=1)):
        falling = coefficients_I5[line, ::-1]
        # The real part of a complex zero, or a zero clipped to [0, 1], only adds a point of the line.
        turns = np.roots(np.polyder(falling)).real.clip(0, 1)
        betas = np.sort(np.concatenate([[0.0, 1.0], turns]))[::-1]
        found[line] = min_delta(np.polyval(falling, betas)[None])[0]
    return found


def eigenvalue_criterion(start: Weights, end: Weights) -> tuple[np.ndarray, np.ndarray]:
    """Return the paper's criterion for a Gauss length below pi/2 for all inputs, and a corrected one.

    <z'(0), z'(1)> = trace(X^T M X) with M = (D1 W0 + V0 D2)^T (D1 WT + VT D2). The paper requires positive eigenvalues
    of M. This is necessary for a positive product at all X, but sufficient only for a symmetric M. The eigenvalues of
    the symmetric part (M + M^T) / 2 are positive exactly if the product is positive at all X other than 0.

    Args:
        start: Weights at alpha = 0.
        end: Weights at alpha = 1.

    Returns:
        The smallest real part of an eigenvalue of M and the smallest eigenvalue of its symmetric part, divided by the
        Frobenius norm of M, shape (I,) each; NaN where M is zero or not finite.
    """
    identity = torch.eye(start.w.shape[2], dtype=start.w.dtype).expand(len(start.w), -1, -1)
    first, last = (tangent(start, end, alpha, identity) for alpha in (0.0, 1.0))
    m_IDD = (first.mT @ last).numpy()
    with np.errstate(over="ignore"):
        norm_I = np.sqrt((m_IDD**2).sum(axis=(1, 2)))
    good = np.isfinite(norm_I) & (norm_I > 0)
    m_IDD = np.where(good[:, None, None], m_IDD, 0.0) / np.where(good, norm_I, 1.0)[:, None, None]
    smallest_I = np.linalg.eigvals(m_IDD).real.min(axis=1)
    symmetric_I = np.linalg.eigvalsh((m_IDD + m_IDD.swapaxes(1, 2)) / 2).min(axis=1)
    return np.where(good, smallest_I, np.nan), np.where(good, symmetric_I, np.nan)


def measure_lines(problems: Problems, end: Weights) -> dict[str, np.ndarray]:
    """Return the measures of the lines from the initial weights to `end`, shape (I,) each; see `simulate_lines`."""
    start, x, y = problems.start, problems.x, problems.y
    tangents_AIO = torch.stack([tangent(start, end, float(alpha), x).flatten(1) for alpha in ALPHAS]).numpy()
    losses_IA = torch.stack(
        [loss(interpolate_weights(start, end, float(alpha)), x, y) for alpha in ALPHAS], dim=1
    ).numpy()
    rise_I = polynomial_min_delta(loss_polynomial(start, end, x, end.v @ end.w @ x - y))
    surrogate_I5 = loss_polynomial(start, end, x, 0.0)
    smallest_I, symmetric_I = eigenvalue_criterion(start, end)
    first_IO, last_IO = ends = tangents_AIO[[0, -1]]
    with np.errstate(invalid="ignore", over="ignore"):  # networks that diverged
        straight_AIO = first_IO + ALPHAS[:, None, None] * (last_IO - first_IO)
        off_I, largest_I = (
            np.sqrt((a**2).sum(axis=2)).max(axis=0) for a in (tangents_AIO - straight_AIO, tangents_AIO)
        )
        return {
            "final_loss": losses_IA[:, -1],
            "relative_loss": losses_IA[:, -1] / losses_IA[:, 0],
            "affinity_residual": off_I / largest_I,
            "gauss_length": turning(ends),
            "gauss_length_turning": turning(tangents_AIO),
            "inner_product": (first_IO * last_IO).sum(axis=1) / x.shape[2],
            "smallest_eigenvalue": smallest_I,
            "smallest_symmetric_eigenvalue": symmetric_I,
            "relative_min_delta": rise_I / losses_IA[:, 0],
            "sampled_relative_min_delta": min_delta(losses_IA) / losses_IA[:, 0],
            "surrogate_relative_min_delta": polynomial_min_delta(surrogate_I5) / surrogate_I5.sum(axis=1),
        }


def simulate_lines(
    *,
    instances: int,
    scales: tuple[float, ...],
    inputs: int,
    outputs: int,
    hidden: int,
    examples: int,
    steps: int,
    learning_rate: float,
    tolerance: float,
    seed: int,
) -> pd.DataFrame:
    """Train networks in every setting and scale, and measure the lines from their initial to their final weights.

    Args:
        instances: Number of networks for each setting and scale.
        scales: Factors of the initial weights.
        inputs: Number of inputs.
        outputs: Number of outputs in the setting `student_teacher`.
        hidden: Number of hidden units.
        examples: Number of examples.
        steps: Largest number of steps of gradient descent.
        learning_rate: Learning rate of gradient descent; small enough for the largest scale, where steps overshoot.
        tolerance: Loss, relative to the initial loss, at which a network has converged.
        seed: Seed of all draws.

    Returns:
        One row per network. All outputs and examples together are one curve z of its line.

        - setting, scale, instance, steps: the network, and how many steps it took
        - final_loss, relative_loss: final loss, and final loss over initial loss
        - converged: relative_loss is at most `tolerance`
        - affinity_residual: largest distance of z' from linear interpolation between z'(0) and z'(1), over the largest
          |z'|
        - gauss_length, gauss_length_turning: angle between z'(0) and z'(1), and total turning at 50 alphas, in radians
        - inner_product: <z'(0), z'(1)> / n
        - smallest_eigenvalue, smallest_symmetric_eigenvalue: see `eigenvalue_criterion`
        - relative_min_delta, sampled_relative_min_delta: min Delta over the initial loss, of the continuous line and of
          the line sampled at 50 alphas
        - surrogate_relative_min_delta: relative_min_delta with the final outputs as targets, which theorem 3 is about
        - monotone: relative_min_delta is at most `tolerance`, since the remaining loss may rise by as much
        - surrogate_monotone: surrogate_relative_min_delta is at most the rounding error
    """
    sizes = {"inputs": inputs, "outputs": outputs, "hidden": hidden, "examples": examples}
    tables = []
    for setting in SETTINGS:
        for scale in scales:
            problems = draw_problems(setting, scale=scale, instances=instances, seed=seed, **sizes)
            end, steps_I = train_networks(problems, learning_rate, steps, tolerance)
            for low in range(0, instances, BLOCK):
                some = slice(low, low + BLOCK)
                names = {"setting": setting, "scale": scale, "instance": np.arange(instances)[some]}
                measures = measure_lines(problems.some(some), end.some(some))
                tables.append(pd.DataFrame(names | {"steps": steps_I[some]} | measures))
    table = pd.concat(tables, ignore_index=True)
    table.insert(table.columns.get_loc("relative_loss") + 1, "converged", table["relative_loss"] <= tolerance)
    table["monotone"] = table["relative_min_delta"] <= tolerance
    table["surrogate_monotone"] = table["surrogate_relative_min_delta"] <= ROUNDING
    return table
