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
BLOCK = 100  # instances measured at once, to bound memory
EVERY = 50  # steps between two looks at the loss


# Shape letters: I = instances, D = inputs, M = outputs, K = hidden units, N = examples, A = alphas.
@dataclass(frozen=True)
class Weights:
    """Weights of many networks, in double precision."""

    v: torch.Tensor
    """Shape (I, M, K)."""
    w: torch.Tensor
    """Shape (I, K, D)."""

    def some(self, instances: slice) -> "Weights":
        """Return the weights of some of the networks."""
        return Weights(self.v[instances], self.w[instances])


@dataclass(frozen=True)
class Problems:
    """What many networks learn, and from where."""

    x: torch.Tensor
    """Inputs, shape (I, D, N)."""
    y: torch.Tensor
    """Targets, shape (I, M, N), which a network with K hidden units reaches exactly."""
    start: Weights

    def some(self, instances: slice) -> "Problems":
        """Return some of the problems."""
        return Problems(self.x[instances], self.y[instances], self.start.some(instances))


def draw(
    setting: str, *, scale: float, instances: int, inputs: int, outputs: int, hidden: int, examples: int, seed: int
) -> Problems:
    """Draw problems of one setting.

    `student_teacher`: Gaussian inputs; teacher and start have Gaussian weights.
    `tabula_rasa`: what Saxe et al. (2019) assume. Inputs with X X^T / n = I, as many outputs as inputs, a teacher
    U S U^T of rank K, and a start on its axes: V0 = W0^T and W0 = Q sqrt(A0) U^T with orthogonal Q.
    `balanced`: as `tabula_rasa`, but with Gaussian W0. V0 = W0^T is all that the paper's assumptions ask of a start.

    Args:
        setting: One of `SETTINGS`.
        scale: Factor of the weights at the start. At 1 Gaussian weights have variance 1 over the number of units that
            they sum, as the teacher's have, and the diagonal of sqrt(A0) is from 0.5 up, as that of S.
        instances: I. An instance has its own data, teacher and start, which depend neither on how many there are nor,
            but for the factor, on the scale.
        inputs: D.
        outputs: M of `student_teacher`.
        hidden: K.
        examples: N.
        seed: Of all draws.

    Returns:
        The problems.

    Raises:
        ValueError: If the setting is not one of `SETTINGS`, or it has orthonormal rows that do not fit: more inputs
            than examples, or more hidden units than inputs.
    """
    if setting not in SETTINGS:
        raise ValueError(f"want one of {', '.join(SETTINGS)}, got {setting!r}")
    if setting != "student_teacher" and not hidden <= inputs <= examples:
        raise ValueError(f"want hidden <= inputs <= examples, got {hidden}, {inputs}, {examples}")
    shapes = {"x": (inputs, examples), "v": (outputs, hidden), "w": (hidden, inputs)}
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
    """Return standard normal arrays, shape (I, ...) each, drawn instance by instance."""
    sizes = [int(np.prod(shape)) for shape in shapes.values()]
    numbers = torch.from_numpy(np.random.default_rng(seed).standard_normal((instances, sum(sizes))))
    parts = zip(shapes.items(), numbers.split(sizes, dim=1), strict=True)
    return {name: part.reshape(instances, *shape) for (name, shape), part in parts}


def loss(weights: Weights, x_IDN: torch.Tensor, y_IMN: torch.Tensor) -> torch.Tensor:
    """Return |V W X - Y|^2 / (2n) of each network, shape (I,)."""
    return (weights.v @ weights.w @ x_IDN - y_IMN).square().sum(dim=(1, 2)) / (2 * x_IDN.shape[2])


def gradient(weights: Weights, covariance_IDD: torch.Tensor, correlation_IMD: torch.Tensor) -> Weights:
    """Return the gradient of `loss`, from X X^T / n and Y X^T / n alone.

    Args:
        weights: The networks.
        covariance_IDD: X X^T / n, shape (I, D, D).
        correlation_IMD: Y X^T / n, shape (I, M, D).

    Returns:
        The gradient by each weight.
    """
    error_IMD = torch.baddbmm(correlation_IMD, weights.v @ weights.w, covariance_IDD, beta=-1)
    return Weights(error_IMD @ weights.w.mT, weights.v.mT @ error_IMD)


def train(problems: Problems, learning_rate: float, steps: int, tolerance: float) -> tuple[Weights, np.ndarray]:
    """Train each network by full-batch gradient descent until its loss is low enough.

    Args:
        problems: What to learn, and from where.
        learning_rate: Step over gradient.
        steps: The most steps to take.
        tolerance: Loss over loss at the start at which training stops; it is looked at every `EVERY` steps.

    Returns:
        The weights at the end, and how many steps each network took, shape (I,).
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
        count = min(EVERY, steps - done)
        for _ in range(count):
            slope = gradient(now, covariance, correlation)
            now = Weights(now.v - learning_rate * slope.v, now.w - learning_rate * slope.w)
        end.v[going_I], end.w[going_I] = now.v, now.w
        taken_I[going_I] += count
        going_I = loss(end, x, y) > limit_I  # false for NaN: a network that diverged stops too
    return end, taken_I.numpy()


def between(start: Weights, end: Weights, alpha: float) -> Weights:
    """Return the weights at alpha of each line, exact at both ends."""
    return Weights(torch.lerp(start.v, end.v, alpha), torch.lerp(start.w, end.w, alpha))


def tangent(start: Weights, end: Weights, alpha: float, x_IDN: torch.Tensor) -> torch.Tensor:
    """Return z'(alpha) of each line by the product rule, shape (I, M, N); that it is linear in alpha is not used."""
    here = between(start, end, alpha)
    return ((end.v - start.v) @ here.w + here.v @ (end.w - start.w)) @ x_IDN


def loss_polynomial(
    start: Weights, end: Weights, x_IDN: torch.Tensor, residual_IMN: torch.Tensor | float
) -> np.ndarray:
    """Return the loss along each line as a polynomial of degree 4.

    In beta = 1 - alpha the residual is R - beta z'(1) + beta^2 D1 D2 X, where R is that at the end: large terms vanish
    towards the end of the line, so that the small loss there keeps its digits.

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
    coefficients = [0.0] * 5
    for i, one in enumerate(terms):
        for j, other in enumerate(terms):
            coefficients[i + j] = coefficients[i + j] + (one * other).sum(dim=(1, 2)) / (2 * x_IDN.shape[2])
    return torch.stack(coefficients, dim=1).numpy()


def exact_min_delta(coefficients_I5: np.ndarray) -> np.ndarray:
    """Return min Delta of continuous lines whose loss is a polynomial in 1 - alpha.

    Between the zeros of its derivative the loss rises or falls throughout, so the values there and at both ends are all
    that count.

    Args:
        coefficients_I5: From the constant up, shape (I, 5).

    Returns:
        min Delta in the unit of the loss, shape (I,); NaN for a line that is not finite.
    """
    found = np.full(len(coefficients_I5), np.nan)
    for line in np.flatnonzero(np.isfinite(coefficients_I5).all(axis=1)):
        falling = coefficients_I5[line, ::-1]
        # A real part that is no zero, or is moved into the line, only adds a point of the line.
        turns = np.roots(np.polyder(falling)).real.clip(0, 1)
        betas = np.sort(np.concatenate([[0.0, 1.0], turns]))[::-1]
        found[line] = min_delta(np.polyval(falling, betas)[None])[0]
    return found


def criterion(start: Weights, end: Weights) -> tuple[np.ndarray, np.ndarray]:
    """Return the paper's criterion for a Gauss length below pi/2 whatever the inputs, and one that is right.

    <z'(0), z'(1)> = trace(X^T M X) with M = (D1 W0 + V0 D2)^T (D1 WT + VT D2). The paper asks for positive eigenvalues
    of M. That is necessary for a positive product at all X; sufficient it is only where M is symmetric. The eigenvalues
    of its symmetric part, (M + M^T) / 2, are positive exactly if the product is at all X but 0.

    Args:
        start: Weights at alpha = 0.
        end: Weights at alpha = 1.

    Returns:
        The smallest real part of an eigenvalue of M and the smallest eigenvalue of its symmetric part, over the
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


def measure(problems: Problems, end: Weights) -> dict[str, np.ndarray]:
    """Return every measure of the lines from their starts to `end`, shape (I,) each, as `simulate` describes them."""
    start, x, y = problems.start, problems.x, problems.y
    tangents_AIO = torch.stack([tangent(start, end, float(alpha), x).flatten(1) for alpha in ALPHAS]).numpy()
    losses_IA = torch.stack([loss(between(start, end, float(alpha)), x, y) for alpha in ALPHAS], dim=1).numpy()
    rise_I = exact_min_delta(loss_polynomial(start, end, x, end.v @ end.w @ x - y))
    surrogate_I5 = loss_polynomial(start, end, x, 0.0)
    smallest_I, symmetric_I = criterion(start, end)
    first_IO, last_IO = ends = tangents_AIO[[0, -1]]
    with np.errstate(invalid="ignore", over="ignore"):  # of networks that diverged
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
            "surrogate_relative_min_delta": exact_min_delta(surrogate_I5) / surrogate_I5.sum(axis=1),
        }


def simulate(
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
    """Train networks in every setting from every scale, and measure the lines from their starts to their ends.

    Args:
        instances: Networks for each setting and scale.
        scales: Of the weights at the start.
        inputs: D.
        outputs: M where the setting leaves it free.
        hidden: K.
        examples: N.
        steps: The most steps of gradient descent.
        learning_rate: Of gradient descent; small for the largest scale too, as steps from large weights leap over the
            solution.
        tolerance: Loss over loss at the start at which a network has converged.
        seed: Of all draws.

    Returns:
        One row a network: setting, scale, instance, steps taken, final_loss, relative_loss (over that at the start) and
        converged. Of its line, all outputs and examples as one curve: affinity_residual, the largest distance of z'
        from linear interpolation between z'(0) and z'(1), over the largest |z'|; gauss_length, the angle between z'(0)
        and z'(1), and gauss_length_turning, the total turning at 50 alphas (rad); inner_product, <z'(0), z'(1)> / n;
        smallest_eigenvalue and smallest_symmetric_eigenvalue, see `criterion`. min Delta over the loss at the start:
        relative_min_delta of the continuous line, sampled_relative_min_delta at 50 alphas, and
        surrogate_relative_min_delta with the end's own outputs as target, which theorem 3 is about. Verdicts: monotone,
        no rise above `tolerance`, as the loss that is left when training stops may rise by as much; surrogate_monotone,
        no rise but rounding.
    """
    sizes = {"inputs": inputs, "outputs": outputs, "hidden": hidden, "examples": examples}
    tables = []
    for setting in SETTINGS:
        for scale in scales:
            problems = draw(setting, scale=scale, instances=instances, seed=seed, **sizes)
            end, steps_I = train(problems, learning_rate, steps, tolerance)
            for low in range(0, instances, BLOCK):
                some = slice(low, low + BLOCK)
                names = {"setting": setting, "scale": scale, "instance": np.arange(instances)[some]}
                measures = measure(problems.some(some), end.some(some))
                tables.append(pd.DataFrame(names | {"steps": steps_I[some]} | measures))
    table = pd.concat(tables, ignore_index=True)
    table.insert(table.columns.get_loc("relative_loss") + 1, "converged", table["relative_loss"] <= tolerance)
    table["monotone"] = table["relative_min_delta"] <= tolerance
    table["surrogate_monotone"] = table["surrogate_relative_min_delta"] <= ROUNDING
    return table
