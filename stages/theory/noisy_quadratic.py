"""The noisy quadratic model: lines from a random start to where stochastic gradient descent ends (figure 29).

Lucas et al. (2021), appendix D.2: the loss is L(theta) = 1/2 theta^T K theta with K = diag(1, 1/2, ..., 1/d), a step is
theta <- theta - eta (K theta + c) with c ~ N(0, K), and theta_0 ~ N(0, I).
"""

import numpy as np
import pandas as pd

from stages.measures.monotonicity import min_delta
from stages.measures.proportion import wilson
from stages.shared.seeds import derive

ENDS = ("paper", "trained")
ALPHAS = np.linspace(0, 1, 50)
BLOCK = 2000  # lines sampled at once, to bound memory


# Shape letters: D = dimensions, L = lines.
def curvatures(dimension: int) -> np.ndarray:
    """Return the diagonal of K: 1, 1/2, ..., 1/d, shape (D,)."""
    return 1 / np.arange(1, dimension + 1)


def decay(curvature_D: np.ndarray, learning_rate: float, steps: int) -> np.ndarray:
    """Return by what factor `steps` steps without noise shrink each coordinate, (1 - eta k)^steps, shape (D,)."""
    return (1 - learning_rate * curvature_D) ** steps


def noise_variance(curvature_D: np.ndarray, learning_rate: float, steps: int) -> np.ndarray:
    """Return the variance of each coordinate of theta after some steps, given where they began.

    A step multiplies a coordinate by r = 1 - eta k and adds noise of variance eta^2 k, so that the variances are a
    geometric series: eta^2 k (1 - r^(2 steps)) / (1 - r^2), where 1 - r^2 = eta k (2 - eta k).

    Args:
        curvature_D: Diagonal of K, shape (D,).
        learning_rate: eta, with eta k < 2 everywhere.
        steps: Number of steps.

    Returns:
        Variances, shape (D,).
    """
    return stationary_variance(curvature_D, learning_rate) * (1 - decay(curvature_D, learning_rate, 2 * steps))


def stationary_variance(curvature_D: np.ndarray, learning_rate: float) -> np.ndarray:
    """Return what `noise_variance` tends to, eta / (2 - eta k), shape (D,); the paper takes eta k in its place."""
    return learning_rate / (2 - learning_rate * curvature_D)


def end_points(
    end: str, start_LD: np.ndarray, normal_LD: np.ndarray, curvature_D: np.ndarray, learning_rate: float, steps: int
) -> np.ndarray:
    """Return where lines end, exactly distributed: no step is simulated.

    Args:
        end: `trained`: after `steps` steps from the line's start, so N((1 - eta k)^steps theta_0, `noise_variance`) in
            each coordinate. `paper`: N(0, eta K), independent of the start.
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
    mean_LD = decay(curvature_D, learning_rate, steps) * start_LD
    return mean_LD + np.sqrt(noise_variance(curvature_D, learning_rate, steps)) * normal_LD


def slopes(start_LD: np.ndarray, end_LD: np.ndarray, curvature_D: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return dL/dalpha at both ends of each line, the left-hand sides of (14) and (15), each of shape (L,)."""
    # By numpy's own sum: a matrix product asks BLAS, whose bits depend on its number of threads.
    weighted_LD = (end_LD - start_LD) * curvature_D
    return (weighted_LD * start_LD).sum(axis=1), (weighted_LD * end_LD).sum(axis=1)


def exact_min_delta(slope_start_L: np.ndarray, slope_end_L: np.ndarray) -> np.ndarray:
    """Return min Delta of continuous lines along which a quadratic has these slopes at its ends.

    The slope is linear and, as L is convex, does not fall: where it is negative first and positive last, it is zero at
    alpha = s0 / (s0 - s1), and the loss rises by s1^2 / (2 (s1 - s0)) from there. A line that only rises, rises by the
    mean slope.

    Args:
        slope_start_L: dL/dalpha at alpha = 0, shape (L,).
        slope_end_L: dL/dalpha at alpha = 1, at least the slope at 0, shape (L,).

    Returns:
        min Delta in the unit of L, shape (L,); 0 exactly where the slope at alpha = 1 is not above 0. The paper's (14)
        and (15) ask for slopes below 0 at both ends: as L is convex (15) implies (14), and a slope of 0 at the end is
        no rise.
    """
    turns = (slope_start_L < 0) & (slope_end_L > 0)
    curvature_L = np.where(turns, slope_end_L - slope_start_L, 1.0)
    only_rises_L = np.maximum((slope_start_L + slope_end_L) / 2, 0.0)
    rise_L = np.where(turns, slope_end_L * (slope_end_L / (2 * curvature_L)), only_rises_L)
    return np.where(slope_end_L <= 0, 0.0, rise_L)


def losses(start_LD: np.ndarray, end_LD: np.ndarray, curvature_D: np.ndarray, alphas_A: np.ndarray) -> np.ndarray:
    """Return L at each alpha of each line, shape (L, A)."""
    step_LD = end_LD - start_LD
    return np.stack([((start_LD + alpha * step_LD) ** 2 * curvature_D).sum(axis=1) / 2 for alpha in alphas_A], axis=1)


def simulate(*, dimension: int, learning_rates: tuple[float, ...], steps: int, samples: int, seed: int) -> pd.DataFrame:
    """Sample lines of the model for each learning rate and each law of their end.

    Args:
        dimension: d.
        learning_rates: Each below 2.
        steps: Of training, for the end `trained`.
        samples: Lines for each end and learning rate.
        seed: Of all draws. A sample has the same start and the same normal numbers at both ends, and does not depend on
            the other learning rates or on how many samples there are.

    Returns:
        One row a line: end, lr, sample, the slopes dL/dalpha at its start and end, min Delta of the continuous line and
        that of the line sampled at 50 alphas.
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
                end_LD = end_points(end, start_LD, normal_LD, curvature_D, rate, steps)
                slope_start_L, slope_end_L = slopes(start_LD, end_LD, curvature_D)
                columns = {
                    "end": end,
                    "lr": rate,
                    "sample": np.array(block),
                    "slope_start": slope_start_L,
                    "slope_end": slope_end_L,
                    "min_delta": exact_min_delta(slope_start_L, slope_end_L),
                    "sampled_min_delta": min_delta(losses(start_LD, end_LD, curvature_D, ALPHAS)),
                }
                drawn[end].append(pd.DataFrame(columns))
        tables += [table for end in ENDS for table in drawn[end]]
    return pd.concat(tables, ignore_index=True)


def summary(table: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Count monotone lines for each end and learning rate.

    A grid of alphas misses a rise that begins after the middle of its last interval, so more lines seem monotone on it
    than are (the paper's remark on small learning rates).

    Args:
        table: Rows of `simulate`.
        confidence: Of the Wilson intervals.

    Returns:
        One row for each end and learning rate, in the order of the table: number of lines; monotone ones, their
        proportion and its interval; the same on the grid, with the prefix `sampled_`; mean and standard deviation of
        the slope at the end.
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
