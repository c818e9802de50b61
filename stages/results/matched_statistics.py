"""Lines with other batch-norm statistics beside the own lines of the same runs, and how often their verdicts differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.measures.proportion import agresti_min, wilson_of_share
from stages.results.results import Results
from stages.results.rows import converged

KIND = "statistics"
OWN = "own line"
"""Name of the runs' own lines among the estimates of statistics."""
COLUMNS = ["suite", "statistics", "run_id", "draw", "min_delta", "own_min_delta", "monotonic", "own_monotonic"]


def matched_lines(results: Results) -> pd.DataFrame:
    """Return the lines of kind `statistics` of converged runs, each beside its run's own line.

    Args:
        results: The pooled suites.

    Returns:
        One row a line, with `COLUMNS`: `statistics` is the name of the lines under `lines` of the suite, or `OWN` for
        the own lines themselves. A line without a verdict is left out.
    """
    own = converged(results.lines(once=False))[["suite", "run_id", "min_delta", "monotonic"]]
    tables = [own.assign(statistics=OWN, draw=0)]
    for suite, about in results.suites.items():
        names = [name for name, entry in about.lines.items() if entry.kind == KIND]
        tables += [converged(results.other_lines(suite, name)).assign(statistics=name) for name in names]
    beside = own.rename(columns={"min_delta": "own_min_delta", "monotonic": "own_monotonic"})
    lines = pd.concat(tables, ignore_index=True).merge(beside, on=["suite", "run_id"])[COLUMNS]
    asked = lines.loc[lines["statistics"] != OWN, "run_id"]
    types = {"draw": int} | dict.fromkeys(["min_delta", "own_min_delta"], float)
    return lines[lines["run_id"].isin(asked)].astype(types | dict.fromkeys(["monotonic", "own_monotonic"], bool))


def lines_redrawn(results: Results) -> pd.DataFrame:
    """Return those of `matched_lines` whose statistics are a moving average over batches redrawn at each alpha."""
    lines = matched_lines(results)
    release = {
        (suite, name)
        for suite, about in results.suites.items()
        for name, entry in about.lines.items()
        if entry.kind == KIND and (entry.batch_norm.estimate, entry.batch_norm.order) == ("momentum", "redrawn")
    }
    keys = zip(lines["suite"], lines["statistics"], strict=True)
    return lines[np.array([key in release for key in keys], dtype=bool)]


@dataclass(frozen=True)
class Comparison:
    """How often lines with one estimate of statistics are non-monotone, beside the own lines of the same runs."""

    runs: int
    """Number of runs."""
    proportion: float
    """Proportion of non-monotone lines: the mean over runs of the share of a run's draws."""
    low: float
    """Lower bound of the Wilson interval of the proportion for as many trials as runs."""
    high: float
    """Upper bound of that interval."""
    gained: float
    """Number of runs whose own line is monotone and these are not: the sum over runs of the share of the draws."""
    lost: float
    """Number of runs whose own line is non-monotone and these are monotone, counted likewise."""
    difference: float
    """Proportion less that of the own lines of the same runs."""
    difference_low: float
    """Lower bound of the interval of the difference for matched pairs."""
    difference_high: float
    """Upper bound of that interval."""


def compare(runs: Sequence | pd.Series, risen: pd.Series, own_risen: pd.Series, confidence: float) -> Comparison:
    """Compare the verdicts on lines with those on the own lines of the same runs.

    Args:
        runs: The run of each line, shape (N,), N above 0; a run has a line a draw.
        risen: Whether each line is non-monotone, shape (N,).
        own_risen: Whether the own line of its run is, shape (N,).
        confidence: Confidence of the intervals, such as 0.95.

    Returns:
        The comparison; draws of one run count once together.
    """
    frame = pd.DataFrame({"run": list(runs), "risen": np.array(risen, float), "own": np.array(own_risen, float)})
    shares = frame.groupby("run").mean()
    change = shares["risen"] - shares["own"]
    gained, lost = float(change.clip(lower=0).sum()), float((-change).clip(lower=0).sum())
    count, proportion = len(shares), float(shares["risen"].mean())
    low, high = wilson_of_share(proportion, count, confidence)
    difference_low, difference_high = agresti_min(gained, lost, count, confidence)
    return Comparison(
        runs=count,
        proportion=proportion,
        low=low,
        high=high,
        gained=gained,
        lost=lost,
        difference=float(change.mean()),
        difference_low=difference_low,
        difference_high=difference_high,
    )
