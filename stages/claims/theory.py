"""The paper's theorems on trained networks, and its noisy quadratic model."""

import numpy as np
import pandas as pd

from stages.claims.declare import claim
from stages.claims.finding import Finding, Verdict, not_testable
from stages.claims.judgements_of_proportions import NEARLY_ALL, judge_share
from stages.results.examples import collect_examples
from stages.results.results import Results
from stages.results.rows import converged
from stages.theory import noisy_quadratic

LEMMA_7_EXPONENT = -0.5
"""Exponent of the distance by the width, in the limit of infinite width."""
MARGIN_OF_SLOPE = 0.02
"""Change of the local exponent, from one pair of widths to the next, from which it counts as still falling."""
EXPECTED_PROBABILITY, TOLERATED_DEVIATION = 0.5, 0.1
"""Probability that a line of the noisy quadratic model is monotone, and what "roughly" means."""


@claim(
    "theorem_3",
    statement="An output that turns by less than π/2 never moves away from where it ends.",
    section="theorem 3",
    paper="proved",
    rule="Reproduced if at least nine of ten examples beyond doubt, and in fact all, never move away; each example is "
    "a case of the theorem of its own.",
)
def theorem_3(results: Results) -> Finding:
    """Judge examples whose output turns by less than pi / 2 in all by their squared distance to the end."""
    rows = converged(results.lines())
    rows = rows[rows["loss"] == "squared_error"]
    examples = collect_examples(results, rows, "example_rise_to_end", "example_start_to_end")
    total, rising = int(examples.below.sum()), int((examples.below & examples.rising).sum())
    description = "examples below π/2 never move away from the end of the line"
    return judge_share(total - rising, total, description, results.measure, at_least=NEARLY_ALL)


@claim(
    "theorem_9",
    statement="Under gradient descent the distance falls at least as fast as the width to the power −1/2.",
    section="theorem 9, lemma 7",
    paper="proved, for widths that tend to infinity",
    rule="Reproduced if the exponent between the two largest widths, at equal training loss, is at most −1/2 beyond "
    "doubt; not testable if it is still falling with the width, since the theorem is about the limit.",
)
def theorem_9(results: Results) -> Finding:
    """Judge the local exponents of the distance by the width, at the smallest training loss that all runs reach."""
    rows = converged(results.lines())
    rows = rows[rows["width"].notna()]
    table = distances_at_equal_loss(rows, results.epochs)
    widths = sorted(table["width"].unique())
    if len(widths) < 3:
        return not_testable(f"{len(widths)} widths, and three are needed to see whether the exponent still falls")
    slopes = [
        _local_exponent(table, *pair, results.measure.confidence) for pair in zip(widths, widths[1:], strict=False)
    ]
    effect, low, high = slopes[-1]
    falling = effect < slopes[-2][0] - MARGIN_OF_SLOPE
    listed = ", ".join(f"{slope:.2f}" for slope, _, _ in slopes)
    words = f"local exponents {listed} between widths {', '.join(f'{width:g}' for width in widths)} at equal training "
    words += f"loss; {effect:.3f} ({low:.3f} to {high:.3f}) between the largest"
    decided = Verdict.OPPOSITE if low > LEMMA_7_EXPONENT else Verdict.UNDERPOWERED
    undecided = Verdict.NOT_TESTABLE if falling else decided
    return Finding(
        verdict=Verdict.REPRODUCED if high <= LEMMA_7_EXPONENT else undecided,
        ours=words + (", still falling: not asymptotic at these widths" if falling else ""),
        effect=effect,
        low=low,
        high=high,
        counts={"runs": len(table), "widths": len(widths)},
        kind="exponent of distance by width, between the two largest widths",
        paper_effect=LEMMA_7_EXPONENT,
    )


def distances_at_equal_loss(rows: pd.DataFrame, epochs: pd.DataFrame) -> pd.DataFrame:
    """Return the distance of each run when its training loss first reaches a value that all runs reach.

    Args:
        rows: Rows of `Results.lines`.
        epochs: Training curves, as `Results.epochs`.

    Returns:
        `width` and `distance` of each run. The loss is the largest of the runs' smallest; between two epochs the
        distance is interpolated linearly by the logarithm of the loss.
    """
    curves = {key: curve.sort_values("epoch") for key, curve in epochs.groupby(["suite", "run_id"])}
    keys = list(zip(rows["suite"], rows["run_id"], strict=True))
    common = max((curves[key]["loss"].min() for key in keys), default=np.nan)
    found = []
    for key in keys:
        loss, distance = curves[key]["loss"].to_numpy(float), curves[key]["distance"].to_numpy(float)
        place = int(np.argmax(loss <= common))
        share = 1.0
        if place and loss[place] < loss[place - 1]:
            share = np.log(loss[place - 1] / common) / np.log(loss[place - 1] / loss[place])
        found.append(distance[place] if not place else distance[place - 1] * (1 - share) + distance[place] * share)
    return pd.DataFrame({"width": rows["width"].to_numpy(float), "distance": found})


def _local_exponent(table: pd.DataFrame, narrow: float, wide: float, confidence: float) -> tuple[float, float, float]:
    """Return the exponent between two widths, with Welch's interval over seeds."""
    from scipy.stats import ttest_ind

    a, b = (np.log(table.loc[table["width"] == width, "distance"].to_numpy(float)) for width in (wide, narrow))
    scale = np.log(wide / narrow)
    slope = float((a.mean() - b.mean()) / scale)
    if min(len(a), len(b)) < 2 or not (np.ptp(a) or np.ptp(b)):
        return slope, slope if min(len(a), len(b)) > 1 else -np.inf, slope if min(len(a), len(b)) > 1 else np.inf
    interval = ttest_ind(a, b, equal_var=False).confidence_interval(confidence)
    return slope, float(interval.low / scale), float(interval.high / scale)


@claim(
    "noisy_quadratic",
    statement="A line of the noisy quadratic model is monotone with a probability of roughly 1/2.",
    section="appendix D.2, figure 29",
    paper="“the probability we have monotonic interpolation is roughly 1/2”",
    rule="By learning rate: reproduced if the interval of the probability is within 0.1 of 1/2 at every rate, weaker "
    "if it is at the smallest but not at all, opposite if it is wholly outside at the smallest.",
    theory=True,
)
def noisy_quadratic_is_monotone_half_the_time(results: Results) -> Finding:
    """Judge lines of the noisy quadratic model to the paper's end point, at each learning rate."""
    cells = noisy_quadratic.count_monotone_lines(results.theory("noisy_quadratic"), results.measure.confidence)
    cells = cells[cells["end"] == "paper"].sort_values("lr")
    least, most = EXPECTED_PROBABILITY - TOLERATED_DEVIATION, EXPECTED_PROBABILITY + TOLERATED_DEVIATION
    within = (cells["low"] >= least) & (cells["high"] <= most)
    smallest = cells.iloc[0]
    outside = smallest["high"] < least or smallest["low"] > most
    proportions = ", ".join(f"{cell.proportion:.2f} at {cell.lr:g}" for cell in cells.itertuples())
    words = f"{proportions}; {smallest['proportion']:.3f} ({smallest['low']:.3g} to {smallest['high']:.3g}) at the "
    words += f"smallest learning rate, within {TOLERATED_DEVIATION:g} of 1/2 at {int(within.sum())} of {len(cells)}"
    partly = Verdict.WEAKER if within.iloc[0] else Verdict.OPPOSITE if outside else Verdict.UNDERPOWERED
    return Finding(
        verdict=Verdict.REPRODUCED if within.all() else partly,
        ours=words,
        effect=float(smallest["proportion"]),
        low=float(smallest["low"]),
        high=float(smallest["high"]),
        counts={"lines": int(cells["lines"].sum()), "learning rates": len(cells)},
        kind="probability of a monotone line at the smallest learning rate",
        paper_effect=EXPECTED_PROBABILITY,
        margin=TOLERATED_DEVIATION,
    )
