"""Claims about how far a network moves in weight space, and how much its output turns on the way."""

import numpy as np

from stages.claims.declare import claim
from stages.claims.finding import Finding
from stages.claims.judgements import judge_all_monotone, judge_larger_if_non_monotone, judge_positive
from stages.measures.power_law import fit
from stages.results.results import Results
from stages.results.rows import converged


@claim(
    "distance_predicts_failure",
    statement="Networks that travelled far in weight space are more often non-monotone.",
    section="figure 5",
    paper="a figure",
)
def distance_predicts_failure(results: Results) -> Finding:
    """Judge the normalised distance of non-monotone lines beside that of monotone ones."""
    return judge_larger_if_non_monotone(converged(results.lines()), "normalized_distance", results.measure)


@claim(
    "gauss_length_predicts_failure",
    statement="A large Gauss length goes with non-monotone lines.",
    section="figure 5, section 4.2",
    paper="a figure",
)
def gauss_length_predicts_failure(results: Results) -> Finding:
    """Judge the Gauss length of non-monotone lines beside that of monotone ones."""
    return judge_larger_if_non_monotone(converged(results.lines()), "gauss_length_smooth", results.measure)


@claim(
    "short_paths_are_monotone",
    statement="A Gauss length below π/2 goes with monotone lines.",
    section="theorem 3, figure 5",
    paper="a figure",
)
def short_paths_are_monotone(results: Results) -> Finding:
    """Judge lines of a Gauss length below pi / 2."""
    rows = converged(results.lines())
    return judge_all_monotone(rows[rows["gauss_length_smooth"] < np.pi / 2], results.measure)


@claim(
    "power_law",
    statement="Gauss length grows as a power of the distance.",
    section="figure 7",
    paper="R² 0.616 (MLPs)",
)
@claim(
    "power_law_autoencoders",
    statement="Gauss length grows as a power of the distance for autoencoders.",
    section="figure 15",
    paper="R² 0.705",
)
@claim(
    "power_law_residual",
    statement="Gauss length grows as a power of the distance for residual networks.",
    section="figure 17",
    paper="R² 0.399 and 0.402",
)
def power_law(results: Results) -> Finding:
    """Judge the exponent of Gauss length by normalised distance."""
    rows, settings = converged(results.lines()), results.measure
    x, y = (rows[name].to_numpy(float) for name in ("normalized_distance", "gauss_length_smooth"))
    law = fit(x, y, settings.confidence, settings.bootstrap, settings.bootstrap_seed)
    words = f"exponent {law.exponent:.3g} ({law.exponent_low:.3g} to {law.exponent_high:.3g}), R² {law.r_squared:.3f} "
    words += f"({law.r_squared_low:.3f} to {law.r_squared_high:.3f}) of {law.points} lines"
    return judge_positive(law.exponent, law.exponent_low, law.exponent_high, law.points, words)
