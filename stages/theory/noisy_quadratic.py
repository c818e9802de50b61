"""The noisy quadratic model: lines from a random start to the end of stochastic gradient descent (figure 29).

Lucas et al. (2021), appendix D.2: the loss is L(theta) = 1/2 theta^T K theta with K = diag(1, 1/2, ..., 1/d), a step is
theta <- theta - eta (K theta + c) with c ~ N(0, K), and theta_0 ~ N(0, I).
"""

import numpy as np
import pandas as pd

from stages.measures.monotonicity import min_delta
from stages.measures.proportion import wilson
from stages.shared.seeds import derive

ENDS = ("paper", "trained")
"""Distributions of the end of a line, see `draw_end_points`."""
ALPHAS = np.linspace(0, 1, 50)
BLOCK = 2000  # lines sampled at once, which bounds memory


# Shape letters: D = dimensions, L = lines.
def curvatures(dimension: int) -> np.ndarray:
    """Return the diagonal of K: 1, 1/2, ..., 1/d, shape (D,)."""
    return 1 / np.arange(1, dimension + 1)


def shrinkage(curvature_D: np.ndarray, learning_rate: float, steps: int) -> np.ndarray:
    """Return the factor (1 - eta k)^steps by which steps without noise shrink each coordinate, shape (D,)."""
    return (1 - learning_rate * curvature_D) ** steps


def noise_variance(curvature_D: np.ndarray, learning_rate: float, steps: int) -> np.ndarray:
    """Return the variance of each coordinate of theta after some steps from a known start.

    A step multiplies a coordinate by r = 1 - eta k and adds noise of variance eta^2 k, so that the variances are a
    geometric series: eta^2 k (1 - r^(2 steps)) / (1 - r^2), where 1 - r^2 = eta k (2 - eta k).

    Args:
        curvature_D: Diagonal of K, shape (D,).
        learning_rate: eta, with eta k < 2 everywhere.
        steps: Number of steps.

    Returns:
        Variances, shape (D,).
    """
    return stationary_variance(curvature_D, learning_rate) * (1 - shrinkage(curvature_D, learning_rate, 2 * steps))


def stationary_variance(curvature_D: np.ndarray, learning_rate: float) -> np.ndarray:
    """Return the limit of `noise_variance`, eta / (2 - eta k), shape (D,); the paper uses eta k instead."""
    return learning_rate / (2 - learning_rate * curvature_D)


def draw_end_points(
    end: str, start_LD: np.ndarray, normal_LD: np.ndarray, curvature_D: np.ndarray, learning_rate: float, steps: int
) -> np.ndarray:
    """Draw the ends of lines from their exact distribution, without simulating steps.

    Args:
        end: `trained` for the weights after `steps` steps from the line's start, N((1 - eta k)^steps theta_0,
            `noise_variance`) in each coordinate; `paper` for N(0, eta K), independent of the start.
        start_LD: theta_0 of each line, shape (L, D).
        normal_LD: Independent standard normal numbers, shape (L, D).
        curvature_D: Diagonal of K, shape (D,).
        learning_rate: eta.
        steps: Number of steps of training.

    Returns:
        theta at the end of each line, shape (L, D).

    Raises:
        ValueError: If `end` is not one of `ENDS`, or the learning rate is 2 or more over the largest curvature, where
            the variance has no limit.
    """
    if end not in ENDS:
        raise ValueError(f"want one of {', '.join(ENDS)}, got {end!r}")
    if not learning_rate * curvature_D.max() < 2:
        raise ValueError(f"want a learning rate below 2 / {curvature_D.max():g}, got {learning_rate:g}")
    if end == "paper":
        return np.sqrt(learning_rate * curvature_D) * normal_LD
    mean_LD = shrinkage(curvature_D, learning_rate, steps) * start_LD
    return mean_LD + np.sqrt(noise_variance(curvature_D, learning_rate, steps)) * normal_LD


def end_slopes(start_LD: np.ndarray, end_LD: np.ndarray, curvature_D: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return dL/dalpha at both ends of each line, the left-hand sides of (14) and (15), each of shape (L,)."""
    # NumPy's own sum: the rounding of a matrix product by BLAS depends on the number of threads.
    weighted_LD = (end_LD - start_LD) * curvature_D
    return (weighted_LD * start_LD).sum(axis=1), (weighted_LD * end_LD).sum(axis=1)


def quadratic_min_delta(slope_start_L: np.ndarray, slope_end_L: np.ndarray) -> np.ndarray:
    """Return min Delta of continuous lines along which a convex quadratic has given slopes at its ends.

    The slope is linear in alpha and does not decrease. Where it is negative first and positive last, it is zero at
    alpha = s0 / (s0 - s1), and the loss rises by s1^2 / (2 (s1 - s0)) from there. A line that only rises rises by the
    mean slope.

    Args:
        slope_start_L: dL/dalpha at alpha = 0, shape (L,).
        slope_end_L: dL/dalpha at alpha = 1, at least the slope at 0, shape (L,).

    Returns:
        min Delta in the unit of L, shape (L,); 0 exactly where the slope at alpha = 1 is at most 0. The paper's (14)
        and (15) require slopes below 0 at both ends: for a convex L (15) implies (14), and a slope of 0 at the end is
        no rise.
    """
    turns = (slope_start_L < 0) & (slope_end_L > 0)
    curvature_L = np.where(turns, slope_end_L - slope_start_L, 1.0)
    only_rises_L = np.maximum((slope_start_L + slope_end_L) / 2, 0.0)
    rise_L = np.where(turns, slope_end_L * (slope_end_L / (2 * curvature_L)), only_rises_L)
    return np.where(slope_end_L <= 0, 0.0, rise_L)


def line_losses(start_LD: np.ndarray, end_LD: np.ndarray, curvature_D: np.ndarray, alphas_A: np.ndarray) -> np.ndarray:
    """Return L at each alpha of each line, shape (L, A)."""
    step_LD = end_LD - start_LD
    return np.stack([((start_LD + alpha * step_LD) ** 2 * curvature_D).sum(axis=1) / 2 for alpha in alphas_A], axis=1)


def simulate_lines(
    *, dimension: int, learning_rates: tuple[float, ...], steps: int, samples: int, seed: int
) -> pd.DataFrame:
    """Sample lines of the model for each learning rate and each distribution of their end.

    Args:
        dimension: Number d of coordinates of theta.
        learning_rates: Learning rates, each below 2.
        steps: Number of steps of training, for the end `trained`.
        samples: Number of lines for each end and learning rate.
        seed: Seed of all draws. A sample has the same start and the same normal numbers for both ends. It depends
            neither on the other learning rates nor on the number of samples.

    Returns:
        One row per line: end, lr, sample, the slopes dL/dalpha at its start and end, min Delta of the continuous line,
        and min Delta of the line sampled at 50 alphas.
    """
    curvature_D = curvatures(dimension)
    blocks = [range(low, min(low + BLOCK, samples)) for low in range(0, samples, BLOCK)]
    tables = []
    for rate in learning_rates:
        random = np.random.default_rng(derive(f"noisy quadratic model, learning rate {rate!r}", seed))
        drawn: dict[str, list[pd.DataFrame]] = {end: [] for end in ENDS}
        for block in blocks:
            start_LD, normal_LD = np.moveaxis(random.standard_normal((len(block), 2, dimension)), 1, 0)
            for end in ENDS:
                end_LD = draw_end_points(end, start_LD, normal_LD, curvature_D, rate, steps)
                slope_start_L, slope_end_L = end_slopes(start_LD, end_LD, curvature_D)
                columns = {
                    "end": end,
                    "lr": rate,
                    "sample": np.array(block),
                    "slope_start": slope_start_L,
                    "slope_end": slope_end_L,
                    "min_delta": quadratic_min_delta(slope_start_L, slope_end_L),
                    "sampled_min_delta": min_delta(line_losses(start_LD, end_LD, curvature_D, ALPHAS)),
                }
                drawn[end].append(pd.DataFrame(columns))
        tables += [table for end in ENDS for table in drawn[end]]
    return pd.concat(tables, ignore_index=True)


def count_monotone_lines(table: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Count monotone lines for each end and learning rate.

    A grid of alphas misses a rise that begins after the middle of its last interval, so more lines appear monotone on
    the grid than are (the paper's remark on small learning rates).

    Args:
        table: Rows of `simulate_lines`.
        confidence: Confidence level of the Wilson intervals, such as 0.95.

    Returns:
        One row for each end and learning rate, in the order of the table: number of lines; number and proportion of
        monotone ones, with its interval; these again on the grid, with the prefix `sampled_`; mean and standard
        deviation of the slope at the end.
    """
    rows = []
    for (end, rate), group in table.groupby(["end", "lr"], sort=False):
        row = {"end": end, "lr": rate, "lines": len(group)}
        for prefix in ("", "sampled_"):
            count = int((group[f"{prefix}min_delta"] == 0).sum())
            low, high = wilson(count, len(group), confidence)
            row |= {f"{prefix}monotone": count, f"{prefix}proportion": count / len(group)}
            row |= {f"{prefix}low": low, f"{prefix}high": high}
        slope = group["slope_end"]
        row |= {"mean_slope_end": slope.mean(), "standard_deviation_slope_end": slope.std(ddof=1)}
        rows.append(row)
    return pd.DataFrame(rows)
