"""Claims about generalisation: test accuracy, and lines on the test split."""

from dataclasses import replace

import numpy as np

from stages.claims.declare import claim
from stages.claims.finding import Finding
from stages.claims.judgements_of_numbers import judge_equal_means
from stages.claims.judgements_of_proportions import NEARLY_ALL, judge_share
from stages.results.results import Results
from stages.results.rows import combined_labels, configurations, converged

TOLERATED_DIFFERENCE = 0.02
"""Difference of test accuracies, as proportions, up to which they count as equal."""
PROBLEM = ("dataset", "network")
"""Columns that make a problem, within which test accuracies are compared."""


@claim(
    "accuracy_does_not_differ",
    statement="Test accuracy does not tell monotone and non-monotone networks apart.",
    section="figure 10, appendix C.1",
    paper="“did not identify a clear pattern”; 96.94 beside 97.14 % (MLPs)",
    rule="Reproduced if the interval of the difference of mean accuracies, within each problem, is inside 2 points; "
    "opposite if it is wholly outside.",
)
@claim(
    "accuracy_does_not_differ_convolutional",
    statement="Test accuracy does not tell monotone and non-monotone convolutional networks apart.",
    section="figure 10, appendix C.1",
    paper="75.83 beside 76.99 % (VGG)",
    rule="Reproduced if the interval of the difference of mean accuracies, within each architecture, is inside 2 "
    "points; opposite if it is wholly outside.",
)
def accuracy_does_not_differ(results: Results) -> Finding:
    """Judge the test accuracy of non-monotone runs beside that of monotone ones, within each problem."""
    rows = converged(results.lines())
    names = ("non-monotone", "monotone")
    risen = ~rows["monotonic"].astype(bool)
    return judge_equal_means(
        rows["test_accuracy"],
        risen,
        TOLERATED_DIFFERENCE,
        names,
        results.measure,
        strata=combined_labels(rows, PROBLEM),
    )


@claim(
    "test_lines_are_monotone_too",
    statement="A line that is monotone in training loss is monotone in test loss, up to overfitting.",
    section="figures 27 and 28, appendix C.13",
    paper="“the same observations also hold generally when evaluating using held-out data (up to overfitting effects)”",
    rule="Reproduced if nine of ten lines that are monotone in training loss do not rise in test loss before they "
    "reach its lowest value, beyond doubt; rises behind it are overfitting, and are counted apart.",
)
def test_lines_are_monotone_too(results: Results) -> Finding:
    """Judge the test loss of monotone lines, up to its lowest value."""
    rows = converged(results.lines())
    rows = rows[rows["monotonic"].astype(bool) & rows["min_delta_test"].notna()].reset_index(drop=True)
    tolerances = rows["suite"].map(results.limits("tolerance")).to_numpy(float)
    curves = [values for _, values in results.values(rows, "loss_test")]
    falling = np.array([rise_before_lowest(curve) for curve in curves]) <= tolerances
    later = int((rows["min_delta_test"].to_numpy(float) > tolerances).sum())
    labels = configurations(rows)
    clusters = len(np.unique(labels))
    found = judge_share(
        int(falling.sum()),
        len(rows),
        "fall until their lowest test loss",
        results.measure,
        at_least=NEARLY_ALL,
        clusters=clusters if clusters < len(rows) else None,
        noun="configurations",
    )
    return replace(found, ours=f"{found.ours}; {later} rise by more than the tolerance anywhere")


def rise_before_lowest(curve: np.ndarray) -> float:
    """Return the largest rise of a curve, shape (A,), before it reaches its lowest value."""
    before = curve[: int(np.argmin(curve)) + 1]
    return float((before - np.minimum.accumulate(before)).max())
