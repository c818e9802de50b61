"""Differences of proportions that are stratified: two arms compared within strata, with power and clusters."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

DRAWS = 2000
"""Number of simulated tables that a power is computed from; its standard error is at most 0.011."""
EVEN_CHANCE = 0.5
"""Number of events that the continuity correction takes from the summed difference."""


# Shape letters: K = strata, S = simulated tables.
@dataclass(frozen=True)
class Strata:
    """Counts of two arms in each stratum; a stratum without trials in one of the arms weighs nothing."""

    events: np.ndarray
    """(K, 2) number of events in the first and second arm; not whole after `deflated`."""
    trials: np.ndarray
    """(K, 2) number of trials in the first and second arm."""

    @property
    def weights(self) -> np.ndarray:
        """Mantel-Haenszel weights of the strata, which sum to 1, shape (K,)."""
        weights = self.trials.prod(1) / np.maximum(self.trials.sum(1), 1e-300)
        return weights / weights.sum()

    @property
    def difference(self) -> float:
        """Mantel-Haenszel difference of proportions: first arm minus second."""
        proportions = self.events / np.maximum(self.trials, 1e-300)
        return float(self.weights @ (proportions[:, 0] - proportions[:, 1]))

    @property
    def odds_ratio(self) -> float:
        """Mantel-Haenszel odds ratio (Mantel and Haenszel 1959); NaN if no stratum has both outcomes."""
        with_event, without, total = self.events, self.trials - self.events, self.trials.sum(1)
        upper = float((with_event[:, 0] * without[:, 1] / total).sum())
        lower = float((with_event[:, 1] * without[:, 0] / total).sum())
        return upper / lower if lower else float("inf") if upper else float("nan")

    def deflated(self, effects: tuple[float, float]) -> "Strata":
        """Return counts divided by a design effect of each arm (Rao and Scott 1992)."""
        return Strata(self.events / np.array(effects), self.trials / np.array(effects))


def stratify(events: np.ndarray, first_arm: np.ndarray, strata: np.ndarray) -> Strata:
    """Count events by stratum and arm, leaving out strata that have only one arm.

    Args:
        events: True for each trial with the event, shape (N,).
        first_arm: True for each trial of the first arm, shape (N,).
        strata: Label of the stratum of each trial, shape (N,).

    Returns:
        The counts of strata that have trials in both arms.
    """
    _, places = np.unique(strata, return_inverse=True)
    cells = 2 * places + ~first_arm.astype(bool)
    size = 2 * (places.max(initial=-1) + 1)
    trials = np.bincount(cells, minlength=size).reshape(-1, 2).astype(float)
    counts = np.bincount(cells, weights=events.astype(float), minlength=size).reshape(-1, 2)
    both = (trials > 0).all(1)
    return Strata(counts[both], trials[both])


def design_effect(events: np.ndarray, strata: np.ndarray, clusters: np.ndarray) -> float:
    """Return how much clusters inflate the variance of a proportion, at least 1 (Rao and Scott 1992).

    Args:
        events: True for each trial with the event, shape (N,).
        strata: Label of the stratum of each trial, shape (N,), within which proportions are equal.
        clusters: Label of the cluster of each trial, shape (N,).

    Returns:
        The variance between sums of residuals of clusters, over that of independent trials. Where it cannot be seen,
        in strata of a single cluster, it counts as the size of the cluster, the largest that it can be; so does it,
        on average, if the outcome never varies within a stratum.
    """
    _, stratum = np.unique(strata, return_inverse=True)
    _, cluster = np.unique(clusters, return_inverse=True)
    if not len(cluster):
        return 1.0
    sizes = np.bincount(cluster)
    if sizes.max() == 1:
        return 1.0
    values = events.astype(float)
    means = np.bincount(stratum, weights=values) / np.maximum(np.bincount(stratum), 1)
    residuals = values - means[stratum]
    independent = float((residuals**2).sum())
    if independent == 0:
        return float((sizes**2).sum() / sizes.sum())
    _, first, pair = np.unique(stratum * len(sizes) + cluster, return_index=True, return_inverse=True)
    sums, squares = (np.bincount(pair, weights=weights) for weights in (residuals, residuals**2))
    number = np.bincount(stratum[first])[stratum[first]]
    # Residuals from the mean of few clusters are too small by (c - 1) / c, as in any variance.
    between = np.where(number > 1, sums**2 * number / np.maximum(number - 1, 1), squares * np.bincount(pair))
    return max(1.0, float(between.sum()) / independent)


def score_interval(counts: Strata, confidence: float) -> tuple[float, float]:
    """Return the score interval of the Mantel-Haenszel difference (Miettinen and Nurminen 1985), continuity-corrected.

    At a difference of 0 the score statistic is that of Cochran, Mantel and Haenszel with continuity correction, for
    matched pairs McNemar's, so the interval excludes 0 just where that test rejects. It holds for sparse strata and
    for no events at all.

    Args:
        counts: Counts of both arms by stratum.
        confidence: Confidence of the interval, such as 0.95.

    Returns:
        Its bounds, in [-1, 1]; (NaN, NaN) without a stratum that has both arms.
    """
    from scipy.optimize import brentq

    if not len(counts.trials):
        return float("nan"), float("nan")
    limit = NormalDist().inv_cdf((1 + confidence) / 2)
    estimate = counts.difference

    def excess(delta: float) -> float:
        return _score(counts, delta) - limit

    edge = 1 - 1e-9
    low = brentq(excess, -edge, estimate, xtol=1e-6) if excess(-edge) > 0 else -1.0
    high = (
        brentq(lambda delta: -_score(counts, delta) - limit, estimate, edge, xtol=1e-6)
        if _score(counts, edge) < -limit
        else 1.0
    )
    return float(low), float(high)


def power(counts: Strata, difference: float, confidence: float, seed: int = 0) -> float:
    """Return the probability that the interval of a difference would lie above 0.

    Args:
        counts: The counts, of which only the trials and the overall proportion of events are used.
        difference: The true difference of proportions, first arm minus second, the same in each stratum.
        confidence: Confidence of the interval.
        seed: Seed of the simulated tables.

    Returns:
        The share of `DRAWS` simulated tables whose score statistic at 0 exceeds its limit. The overall proportion of
        events is kept, as far as proportions stay in [0, 1].
    """
    trials = np.maximum(np.rint(counts.trials), 1).astype(int)
    proportions = _proportions_of_arms(counts, difference)
    events = np.random.default_rng(seed).binomial(trials, proportions, size=(DRAWS, *trials.shape))
    return float((cmh_scores(events, trials) > NormalDist().inv_cdf((1 + confidence) / 2)).mean())


def smallest_difference(counts: Strata, confidence: float, target: float = 0.8, seed: int = 0) -> float:
    """Return the smallest difference of proportions that these counts show with a given power.

    Args:
        counts: As for `power`.
        confidence: Confidence of the interval.
        target: The power.
        seed: Seed of the simulated tables.

    Returns:
        The difference, to 0.01; NaN if even the largest one is not shown.
    """
    low, high = 0, 100
    if power(counts, high / 100, confidence, seed) < target:
        return float("nan")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(counts, middle / 100, confidence, seed) >= target else (middle, high)
    return high / 100


def cmh_scores(events: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """Return the signed Cochran-Mantel-Haenszel statistic with continuity correction, for each simulated table.

    Args:
        events: Number of events, shape (S, K, 2).
        trials: Number of trials, shape (K, 2).

    Returns:
        The statistic, standard normal under no difference, shape (S,); 0 for tables that hold no information.
    """
    total = trials.sum(1)
    events_of_both = events.sum(2)
    expected = events_of_both * trials[:, 0] / total
    variance = (trials.prod(1) / total**2 / np.maximum(total - 1, 0.5)) * events_of_both * (total - events_of_both)
    excess = (events[:, :, 0] - expected).sum(1)
    corrected = np.sign(excess) * np.maximum(np.abs(excess) - EVEN_CHANCE, 0)
    deviation = np.sqrt(variance.sum(1))
    return np.divide(corrected, deviation, out=np.zeros_like(deviation), where=deviation > 0)


def _proportions_of_arms(counts: Strata, difference: float) -> np.ndarray:
    """Return proportions of events of both arms that differ as given and keep the overall proportion if they can."""
    overall = counts.events.sum() / counts.trials.sum()
    share = counts.trials[:, 0].sum() / counts.trials.sum()
    second = np.clip(overall - share * difference, max(0.0, -difference), min(1.0, 1 - difference))
    return np.array([second + difference, second])


def _score(counts: Strata, delta: float) -> float:
    """Return the continuity-corrected score statistic of the hypothesis that the difference is `delta`."""
    trials, events = counts.trials, counts.events
    total = trials.sum(1)
    first, second = _constrained_proportions(events, trials, delta)
    variances = first * (1 - first) / trials[:, 0] + second * (1 - second) / trials[:, 1]
    variances = variances * total / np.maximum(total - 1, 0.5)
    factors = trials.prod(1) / total
    difference = events[:, 0] / trials[:, 0] - events[:, 1] / trials[:, 1] - delta
    excess = float((factors * difference).sum())
    corrected = np.sign(excess) * max(abs(excess) - EVEN_CHANCE, 0.0)
    deviation = float(np.sqrt(max((factors**2 * variances).sum(), 0.0)))
    return corrected / deviation if deviation > 0 else float(np.sign(corrected)) * np.inf if corrected else 0.0


def _constrained_proportions(events: np.ndarray, trials: np.ndarray, delta: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the most likely proportions of each stratum among those that differ by `delta`.

    They solve a cubic in closed form (Farrington and Manning 1990, appendix).
    """
    ratio = trials[:, 1] / trials[:, 0]
    p, q = events[:, 0] / trials[:, 0], events[:, 1] / trials[:, 1]
    a = 1 + ratio
    b = -(1 + ratio + p + ratio * q + delta * (ratio + 2))
    c = delta**2 + delta * (2 * p + ratio + 1) + p + ratio * q
    d = -p * delta * (1 + delta)
    v = b**3 / (3 * a) ** 3 - b * c / (6 * a**2) + d / (2 * a)
    inside = np.maximum(b**2 / (3 * a) ** 2 - c / (3 * a), 0)
    u = np.where(v >= 0, 1, -1) * np.sqrt(inside)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.clip(np.nan_to_num(v / u**3), -1, 1)  # 0 / 0 where all roots are equal
    w = (np.pi + np.arccos(cosine)) / 3
    first = np.clip(2 * u * np.cos(w) - b / (3 * a), max(0.0, delta), min(1.0, 1 + delta))
    return first, np.clip(first - delta, 0, 1)
