"""Claims about generalisation."""

from stages.claims.declare import claim
from stages.claims.finding import Finding
from stages.claims.judgements import judge_equal_means
from stages.results.results import Results
from stages.results.rows import converged

TOLERATED_DIFFERENCE = 0.02
"""Difference of test accuracies, as proportions, up to which they count as equal."""


@claim(
    "accuracy_does_not_differ",
    statement="Test accuracy does not tell monotone and non-monotone networks apart.",
    section="figure 10",
    paper="96.94 % beside 97.14 % (MLPs)",
)
def accuracy_does_not_differ(results: Results) -> Finding:
    """Judge the test accuracy of non-monotone runs beside that of monotone ones."""
    rows = converged(results.lines())
    accuracy, monotone = rows["test_accuracy"], rows["monotonic"]
    names = ("non-monotone", "monotone")
    return judge_equal_means(accuracy[~monotone], accuracy[monotone], TOLERATED_DIFFERENCE, names, results.measure)
