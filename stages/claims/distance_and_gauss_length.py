"""Claims about how far a network moves in weight space, and how much its output turns on the way."""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pandas as pd

from stages.claims.declare import claim
from stages.claims.finding import Finding, Verdict, grade, not_testable
from stages.claims.judgement_terms import POWER
from stages.claims.judgements_of_numbers import judge_larger_if_non_monotone
from stages.claims.judgements_of_proportions import judge_difference
from stages.claims.paper_effects import r_squared
from stages.measures.power_law import fit
from stages.results.results import Results
from stages.results.rows import configurations, converged

NEAR = 3.0
"""Normalised distance that separates the two regimes of the power law: lines shorter than this hardly turn more."""
MARGIN_OF_EXPONENT = 0.05
"""Exponent up to which Gauss length counts as not growing with the distance."""


@claim(
    "distance_predicts_failure",
    statement="Networks that travelled far in weight space are more often non-monotone.",
    section="figure 5, section 4.2.1",
    paper="“more likely to exhibit non-monotonic loss interpolations”",
    rule="Reproduced if a non-monotone line has a larger normalised distance than a monotone one with a probability "
    "(area under the ROC curve) above 1/2 beyond doubt.",
)
def distance_predicts_failure(results: Results) -> Finding:
    """Judge the normalised distance of non-monotone lines beside that of monotone ones."""
    rows = converged(results.lines())
    return judge_larger_if_non_monotone(rows, "normalized_distance", results.measure, "a larger distance")


@claim(
    "gauss_length_predicts_failure",
    statement="A large Gauss length goes with non-monotone lines.",
    section="figure 5, section 4.2.2",
    paper="“as the Gauss length increases, the non-monotonicity also increases”",
    rule="Reproduced if a non-monotone line has a larger Gauss length than a monotone one with a probability (area "
    "under the ROC curve) above 1/2 beyond doubt.",
)
def gauss_length_predicts_failure(results: Results) -> Finding:
    """Judge the Gauss length of non-monotone lines beside that of monotone ones."""
    rows = converged(results.lines())
    return judge_larger_if_non_monotone(rows, results.gauss_length, results.measure, "a larger Gauss length")


@claim(
    "short_paths_are_monotone",
    statement="A Gauss length below π/2 goes with monotone lines.",
    section="theorem 3, figure 5, section 4.2.2",
    paper="“small Gauss lengths lead to monotonic interpolations”",
    rule="Reproduced if lines whose output turns by π/2 or more are non-monotone more often than those below, beyond "
    "doubt; it is judged by the total turning, which theorem 3 is about, and the smooth integral is shown beside it.",
)
def short_paths_are_monotone(results: Results) -> Finding:
    """Judge lines with a total turning of pi / 2 or more beside those below."""
    rows = converged(results.lines())
    rows = rows[rows["gauss_length_turning"].notna()]
    risen = ~rows["monotonic"].astype(bool)
    found = judge_difference(
        rows["gauss_length_turning"] >= np.pi / 2,
        risen,
        ("π/2 or more", "below"),
        results.measure,
        what="non-monotone by total turning",
        clusters=configurations(rows),
    )
    below = rows["gauss_length_smooth"] < np.pi / 2
    smooth = f"π/2 or more: {int(risen[~below].sum())} of {int((~below).sum())}; "
    smooth += f"below: {int(risen[below].sum())} of {int(below.sum())}"
    return replace(found, ours=f"{found.ours}; by the smooth integral {smooth}")


@claim(
    "power_law",
    statement="Gauss length grows as a power of the distance.",
    section="figure 7, section 4.2.3",
    paper="R² 0.616 (MLPs)",
    rule="Reproduced if the exponent is above 0 beyond doubt and the interval of R² reaches the paper's; the fits "
    "below and above a normalised distance of 3 are shown beside it.",
)
def power_law(results: Results) -> Finding:
    """Judge the exponent of Gauss length by normalised distance, and R², for fully-connected networks."""
    return _judge_power_law(results, r_squared("figure 7"))


@claim(
    "power_law_autoencoders",
    statement="Gauss length grows as a power of the distance for autoencoders.",
    section="figure 15, appendix C.7",
    paper="“a clear power-law relationship”, R² 0.705",
    rule="As for classifiers: reproduced if the exponent is above 0 beyond doubt and the interval of R² reaches the "
    "paper's.",
)
def power_law_autoencoders(results: Results) -> Finding:
    """Judge the exponent of Gauss length by normalised distance, and R², for autoencoders."""
    return _judge_power_law(results, r_squared("figure 15"))


@claim(
    "power_law_residual",
    statement="For residual networks Gauss length and distance are correlated, but without a clear power law.",
    section="figure 17, appendix C.7",
    paper="“not a clear power law relationship but nonetheless a clear positive correlation”, R² 0.399 and 0.402",
    rule="Reproduced if the exponent is above 0 and R² below that of the paper's classifiers (0.616), both beyond "
    "doubt; opposite if R² is above it.",
)
def power_law_residual(results: Results) -> Finding:
    """Judge that the exponent is above 0, and R² below that of a clear power law."""
    found = _judge_power_law(results, r_squared("figure 17"))
    if found.verdict not in (Verdict.REPRODUCED, Verdict.WEAKER):
        return found
    clear = r_squared("figure 7")
    verdict = (
        Verdict.REPRODUCED if found.high < clear else Verdict.OPPOSITE if found.low > clear else Verdict.UNDERPOWERED
    )
    return replace(found, verdict=verdict)


def _judge_power_law(results: Results, paper_effect: float) -> Finding:
    """Judge the exponent and R² of the power law, where runs that differ only in their seeds are one point."""
    settings = results.measure
    points = _points(converged(results.lines()), results.gauss_length)
    distance = points["normalized_distance"].to_numpy()
    length = points[results.gauss_length].to_numpy()
    law = fit(distance, length, settings.confidence, settings.bootstrap, settings.bootstrap_seed)
    counts = {"points": law.points}
    if not np.isfinite([law.exponent, law.exponent_low, law.exponent_high, law.r_squared_low]).all():
        return not_testable(f"{law.points} points", counts)
    words = f"exponent {law.exponent:.3g} ({law.exponent_low:.3g} to {law.exponent_high:.3g}), R² {law.r_squared:.3f} "
    words += f"({law.r_squared_low:.3f} to {law.r_squared_high:.3f}) of {law.points} configurations"
    for name, chosen in (("below", distance < NEAR), ("from", distance >= NEAR)):
        part = fit(distance[chosen], length[chosen], settings.confidence, settings.bootstrap, settings.bootstrap_seed)
        if np.isfinite(part.exponent):
            words += f"; {name} a distance of {NEAR:g}: {part.exponent:.2f}, R² {part.r_squared:.2f} ({part.points})"
    verdict = grade(law.exponent_low, law.exponent_high, margin=MARGIN_OF_EXPONENT)
    if verdict == Verdict.REPRODUCED and law.r_squared_high < paper_effect:
        verdict = Verdict.WEAKER
    limit, root = NormalDist().inv_cdf((1 + settings.confidence) / 2), np.sqrt(max(law.points - 3, 0))
    return Finding(
        verdict=verdict,
        ours=words,
        effect=law.r_squared,
        low=law.r_squared_low,
        high=law.r_squared_high,
        counts=counts,
        kind="R² of ln Gauss length by ln normalised distance",
        paper_effect=paper_effect,
        margin=MARGIN_OF_EXPONENT,
        power=NormalDist().cdf(float(np.arctanh(np.sqrt(paper_effect)) * root - limit)),
        smallest_effect=float(np.tanh((limit + NormalDist().inv_cdf(POWER)) / root) ** 2) if root else None,
    )


def _points(rows: pd.DataFrame, length: str) -> pd.DataFrame:
    """Return the geometric means of distance and Gauss length of each configuration."""
    columns = ["normalized_distance", length]
    values = rows[columns].astype(float)
    logs = np.log(values.where(values > 0))
    return np.exp(logs.dropna().groupby(configurations(rows)[logs.notna().all(axis=1)]).mean())
