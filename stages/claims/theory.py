"""The paper's theorems on trained networks, and its noisy quadratic model."""

import numpy as np

from stages.claims.declare import claim
from stages.claims.finding import FAILS, FEW, HOLDS, Finding, not_enough
from stages.claims.judgements import judge_nearly_all
from stages.measures.power_law import fit
from stages.measures.proportion import wilson
from stages.results.examples import collect_examples
from stages.results.results import Results
from stages.results.rows import converged
from stages.theory import noisy_quadratic

LEMMA_7_EXPONENT = -0.5
"""Exponent of the distance by the width, in the limit of infinite width."""
EXPECTED_PROBABILITY, TOLERATED_DEVIATION = 0.5, 0.1
"""Probability that a line of the noisy quadratic model is monotone, and what "roughly" means."""


@claim(
    "theorem_3",
    statement="An output that turns by less than π/2 never moves away from where it ends.",
    section="theorem 3",
    paper="proved",
)
def theorem_3(results: Results) -> Finding:
    """Judge examples whose output turns by less than pi / 2 by their squared distance to the end of their line."""
    rows = converged(results.lines())
    rows = rows[rows["loss"] == "squared_error"]
    examples = collect_examples(results, rows, "example_rise_to_end", "example_start_to_end")
    total, rising = int(examples.below.sum()), int((examples.below & examples.rising).sum())
    description = "examples below π/2 never move away from the end of the line"
    return judge_nearly_all(total - rising, total, description, results.measure)


@claim(
    "theorem_9",
    statement="Under gradient descent the distance falls at least as fast as the width to the power −1/2.",
    section="theorem 9, lemma 7",
    paper="proved",
)
def theorem_9(results: Results) -> Finding:
    """Judge the exponent of the distance by the width. The theorem itself is about the limit of infinite width."""
    rows, settings = converged(results.lines()), results.measure
    rows = rows[rows["width"].notna()]
    x, y = rows["width"].to_numpy(float), rows["distance"].to_numpy(float)
    law = fit(x, y, settings.confidence, settings.bootstrap, settings.bootstrap_seed)
    if not np.isfinite(law.exponent):
        return not_enough(f"{law.points} points")
    low, high = law.exponent_low, law.exponent_high
    words = f"distance falls as the width to the power {law.exponent:.3f} ({low:.3f} to {high:.3f}), {law.points} runs"
    verdict = HOLDS if high <= LEMMA_7_EXPONENT else FAILS if low > LEMMA_7_EXPONENT else FEW
    return Finding(verdict, words, law.exponent, low, high, {"points": law.points})


@claim(
    "noisy_quadratic",
    statement="A line of the noisy quadratic model is monotone with a probability of roughly 1/2.",
    section="appendix D.2, figure 29",
    paper="roughly 1/2",
    theory=True,
)
def noisy_quadratic_is_monotone_half_the_time(results: Results) -> Finding:
    """Judge lines of the noisy quadratic model to the paper's end point, at each learning rate."""
    cells = noisy_quadratic.count_monotone_lines(results.theory("noisy_quadratic"), results.measure.confidence)
    cells = cells[cells["end"] == "paper"].sort_values("lr")
    monotone, total = int(cells["monotone"].sum()), int(cells["lines"].sum())
    low, high = wilson(monotone, total, results.measure.confidence)
    least, most = EXPECTED_PROBABILITY - TOLERATED_DEVIATION, EXPECTED_PROBABILITY + TOLERATED_DEVIATION
    within = ((cells["low"] >= least) & (cells["high"] <= most)).all()
    outside = ((cells["high"] < least) | (cells["low"] > most)).any()
    proportions = ", ".join(f"{cell.proportion:.2f} at {cell.lr:g}" for cell in cells.itertuples())
    words = f"{proportions}; {monotone} of {total} in all ({low:.3g} to {high:.3g})"
    verdict = HOLDS if within else FAILS if outside else FEW
    return Finding(verdict, words, monotone / total, low, high, {"lines": total})
