"""Claims about batch norm."""

from stages.claims.declare import claim
from stages.claims.finding import Finding
from stages.claims.judgements import judge_more_non_monotone
from stages.results.results import Results
from stages.results.rows import converged


@claim(
    "batch_norm_breaks_monotonicity",
    statement="Batch norm breaks monotonicity more often.",
    section="table 1, section 4.1, table 3",
    paper="139 of 310 with, 8 of 144 without",
)
def batch_norm_breaks_monotonicity(results: Results) -> Finding:
    """Judge networks with batch norm beside those without."""
    rows = converged(results.lines())
    normalised = rows["batch_norm"].astype(bool)
    return judge_more_non_monotone(rows[normalised], rows[~normalised], ("batch norm", "none"), results.measure)
