"""Claims about problems that are hard to learn."""

from stages.claims.declare import claim
from stages.claims.finding import Finding
from stages.claims.judgements_of_proportions import judge_all_monotone
from stages.results.results import Results
from stages.results.rows import converged


@claim(
    "hard_problems_are_monotone",
    statement="Few examples and corrupted labels do not break monotonicity.",
    section="appendix C.11",
    paper="“At all levels of label corruption, the MLI property persisted”",
    rule="Reproduced if at least nine of ten lines are monotone beyond doubt.",
)
def hard_problems_are_monotone(results: Results) -> Finding:
    """Judge runs on few examples or on corrupted labels."""
    rows = converged(results.lines())
    hard = rows["train_size"].notna() | (rows["label_corruption"].astype(float) > 0)
    return judge_all_monotone(rows[hard], results.measure)
