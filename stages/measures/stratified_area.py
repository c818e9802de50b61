"""Area under the ROC curve within strata, with a standard error for runs that come in clusters."""

from dataclasses import dataclass

import numpy as np

from stages.measures.roc_area import newcombe_interval


# Shape letters: N = runs.
@dataclass(frozen=True)
class Area:
    """An area under the ROC curve: the probability that a run with the event has a larger score than one without."""

    area: float
    """The area, between 0 and 1; NaN if no stratum has runs with the event and without."""
    influence_N: np.ndarray
    """(N,) what each run contributes to the deviation of the area from its expectation; they sum to 0."""
    pairs: int
    """Number of pairs of a run with the event and one without, in the same stratum."""
    event_N: np.ndarray
    """(N,) True for each run with the event."""
    paired_N: np.ndarray
    """(N,) True for each run that is in some pair."""

    def interval(self, clusters_N: np.ndarray, confidence: float) -> tuple[float, float]:
        """Return the interval of the area; see `interval_of_contrast`.

        If all pairs are in order no error can be estimated; the interval is then Newcombe's for as many values as
        there are clusters of runs in pairs.
        """
        low, high = interval_of_contrast(self.area, self.influence_N, clusters_N, confidence, (0.0, 1.0))
        if np.isfinite(low) or not self.pairs:
            return low, high
        sides = (self.paired_N & self.event_N, self.paired_N & ~self.event_N)
        first, second = (float(len(np.unique(np.asarray(clusters_N)[side]))) for side in sides)
        return newcombe_interval(self.area, (first, second), confidence)

    def interval_above(self, other: "Area", clusters_N: np.ndarray, confidence: float) -> tuple[float, float]:
        """Return the interval of this area minus that of another score of the same runs."""
        contrast = self.influence_N - other.influence_N
        return interval_of_contrast(self.area - other.area, contrast, clusters_N, confidence, (-1.0, 1.0))


def area_within_strata(score_N: np.ndarray, event_N: np.ndarray, stratum_N: np.ndarray | None = None) -> Area:
    """Return the area under the ROC curve over pairs of runs of the same stratum, ties counting one half.

    Args:
        score_N: Score of each run, shape (N,).
        event_N: True for each run with the event, shape (N,).
        stratum_N: Label of the stratum of each run, shape (N,); one stratum if None.

    Returns:
        The area with the influence of each run, by the placement values of DeLong et al. (1988).
    """
    strata = np.zeros(len(score_N), dtype=int) if stratum_N is None else np.asarray(stratum_N)
    event = np.asarray(event_N, dtype=bool)
    score = np.asarray(score_N, dtype=float)
    wins_N, pairs_N = np.zeros(len(score)), np.zeros(len(score))
    for label in np.unique(strata):
        up, down = np.flatnonzero((strata == label) & event), np.flatnonzero((strata == label) & ~event)
        larger = (score[up][:, None] > score[down]) + 0.5 * (score[up][:, None] == score[down])
        wins_N[up], wins_N[down] = larger.sum(1), larger.sum(0)
        pairs_N[up], pairs_N[down] = len(down), len(up)
    pairs = int(pairs_N[event].sum())
    if not pairs:
        return Area(float("nan"), np.full(len(score), np.nan), 0, event, pairs_N > 0)
    area = float(wins_N[event].sum() / pairs)
    return Area(area, (wins_N - area * pairs_N) / pairs, pairs, event, pairs_N > 0)


def interval_of_contrast(
    value: float, influence_N: np.ndarray, clusters_N: np.ndarray, confidence: float, limits: tuple[float, float]
) -> tuple[float, float]:
    """Return the normal interval of an area, or of a difference of areas, whose runs come in clusters.

    The variance is that of the clusters' summed influences (Obuchowski 1997); with one run a cluster it is DeLong's,
    but for a factor near 1.

    Args:
        value: The area or difference.
        influence_N: Influence of each run on it, shape (N,).
        clusters_N: Label of the cluster of each run, shape (N,).
        confidence: Confidence of the interval, such as 0.95.
        limits: Smallest and largest value that there can be.

    Returns:
        Its bounds within the limits; (NaN, NaN) if the runs do not vary, so that an error cannot be estimated.
    """
    from scipy.stats import norm

    _, places = np.unique(clusters_N, return_inverse=True)
    sums = np.bincount(places, weights=influence_N)
    error = float(np.sqrt((sums**2).sum() * len(sums) / max(len(sums) - 1, 1)))
    if not error > 0:
        return float("nan"), float("nan")
    deviation = float(norm.ppf((1 + confidence) / 2)) * error
    return max(limits[0], value - deviation), min(limits[1], value + deviation)
