"""Bootstrap percentile intervals, by SciPy's resampling."""

from collections.abc import Callable, Sequence

import numpy as np


# Shape letters: N = values of a sample, R = resamples.
def percentile_interval(
    samples: Sequence[np.ndarray],
    statistic: Callable[..., np.ndarray],
    *,
    confidence: float,
    resamples: int,
    seed: int,
    paired: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentile interval of a statistic.

    Args:
        samples: One or more samples, shape (N,) each, of at least two values.
        statistic: Function of as many resampled samples and of `axis`, along which their values are. It may return
            several numbers along a first axis; resamples for which a number is NaN are left out.
        confidence: Probability that the interval covers the truth, such as 0.95.
        resamples: Number of resamples.
        seed: Seed of the resampling.
        paired: True if the samples are columns of one table, whose rows are resampled as wholes.

    Returns:
        Lower and upper bound, each of the shape of the statistic.
    """
    from scipy.stats import bootstrap  # a third of a second, which stages that only import this module need not spend

    draws = np.random.default_rng(seed)
    found = bootstrap(
        samples, statistic, n_resamples=resamples, paired=paired, vectorized=True, method="percentile", rng=draws
    )
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.nanquantile(found.bootstrap_distribution, tails, axis=-1)
    return low, high
