"""Claims of this project about forecasting failures early in training."""

from stages.claims.declare import claim
from stages.claims.finding import Finding, not_testable
from stages.claims.judgements_of_numbers import CHANCE, MARGIN_OF_AREA, judge_number
from stages.results.forecasts import BASELINE, EVERYTHING, forecasts
from stages.results.results import Results

TOO_FEW = "too few architectures or failures to fit a model without one of the architectures"


@claim(
    "first_tenth_forecasts_failure",
    statement="The first tenth of training tells which runs will end at a non-monotone line.",
    section="this project",
    paper="not in the paper",
    rule="Supported if a logistic regression on distance, its growth, loss, learning rate and optimizer after a tenth "
    "of the epochs ranks the runs of an architecture that it was not fitted to with an area under the ROC curve above "
    "1/2 beyond doubt.",
    own=True,
)
def first_tenth_forecasts_failure(results: Results) -> Finding:
    """Judge the area under the ROC curve of the forecast by everything that is known after a tenth of training."""
    made = forecasts(results)
    if made is None:
        return not_testable(TOO_FEW)
    found = made.area(EVERYTHING)
    low, high = found.interval(made.clusters_N, results.measure.confidence)
    return judge_number(
        found.area,
        low,
        high,
        kind="area under the ROC curve, one architecture left out",
        words=f"area under the ROC curve {found.area:.2f} ({low:.3g} to {high:.3g})",
        counts={"non-monotone": int(made.failed_N.sum()), "monotone": int((~made.failed_N).sum())},
        settings=results.measure,
        null=CHANCE,
        margin=MARGIN_OF_AREA,
    )


@claim(
    "first_tenth_adds_to_learning_rate",
    statement="The first tenth of training forecasts failures better than learning rate and optimizer alone.",
    section="this project",
    paper="not in the paper",
    rule="Supported if the area under the ROC curve is larger with what was seen of training than without, for the "
    "same runs, beyond doubt.",
    own=True,
)
def first_tenth_adds_to_learning_rate(results: Results) -> Finding:
    """Judge the area of the forecast by everything minus that of the forecast by learning rate and optimizer."""
    made = forecasts(results)
    if made is None:
        return not_testable(TOO_FEW)
    with_training, without = made.area(EVERYTHING), made.area(BASELINE)
    low, high = with_training.interval_above(without, made.clusters_N, results.measure.confidence)
    difference = with_training.area - without.area
    return judge_number(
        difference,
        low,
        high,
        kind="difference of areas under the ROC curve",
        words=f"{with_training.area:.2f} with, {without.area:.2f} without; difference {difference:.2f} "
        f"({low:.3g} to {high:.3g})",
        counts={"non-monotone": int(made.failed_N.sum()), "monotone": int((~made.failed_N).sum())},
        settings=results.measure,
    )
