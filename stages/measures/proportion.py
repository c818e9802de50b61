"""A proportion with its interval."""


def wilson(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion; (NaN, NaN) for no trials."""
    from scipy.stats import binomtest  # a third of a second, which stages that only import this module need not spend

    if trials == 0:
        return float("nan"), float("nan")
    interval = binomtest(successes, trials).proportion_ci(confidence_level=confidence, method="wilson")
    return float(interval.low), float(interval.high)
