"""Claims about adaptive optimizers, about switching to one, and about steps with the length of one."""

from stages.claims.declare import claim
from stages.claims.finding import Finding
from stages.claims.judgements import judge_larger, judge_more_non_monotone
from stages.results.results import Results
from stages.results.rows import converged


@claim(
    "adaptive_optimizers_break_monotonicity",
    statement="Adaptive optimizers break monotonicity more often than SGD.",
    section="table 1, section 4.1",
    paper="Adam 103 of 190, SGD 44 of 264",
)
def adaptive_optimizers_break_monotonicity(results: Results) -> Finding:
    """Judge runs of Adam and RMSProp beside those of SGD."""
    rows = converged(results.lines())
    adaptive = rows[rows["optimizer"].isin(("adam", "rmsprop"))]
    names = ("Adam and RMSProp", "SGD")
    return judge_more_non_monotone(adaptive, rows[rows["optimizer"] == "sgd"], names, results.measure)


@claim(
    "switching_raises_distance",
    statement="Switching from SGD to Adam raises the distance.",
    section="table 5, appendix C.4",
    paper="345 beside 8.1",
)
def switching_raises_distance(results: Results) -> Finding:
    """Judge the distance of runs that switch to Adam beside that of runs that stay with SGD."""
    return _judge_switching(results, "distance")


@claim(
    "switching_raises_gauss_length",
    statement="Switching from SGD to Adam raises the Gauss length.",
    section="table 5, appendix C.4",
    paper="7.1 beside 0.53",
)
def switching_raises_gauss_length(results: Results) -> Finding:
    """Judge the Gauss length of runs that switch to Adam beside that of runs that stay with SGD."""
    return _judge_switching(results, "gauss_length_smooth")


def _judge_switching(results: Results, column: str) -> Finding:
    rows = converged(results.lines())
    rows = rows[(rows["optimizer"] == "sgd") & rows["magnitude"].isna()]
    switched, stayed = rows[rows["switch_optimizer"] == "adam"], rows[rows["switch_after"].isna()]
    names = ("switched to Adam", "SGD throughout")
    return judge_larger(switched[column], stayed[column], names, results.measure)


@claim(
    "step_length_breaks_monotonicity",
    statement="The length of Adam's steps breaks monotonicity, not their direction.",
    section="table 7, appendix C.4",
    paper="all beside none",
)
def step_length_breaks_monotonicity(results: Results) -> Finding:
    """Judge steps in SGD's direction with Adam's length beside steps in Adam's direction with SGD's length."""
    rows = converged(results.lines())
    length = rows[(rows["optimizer"] == "sgd") & (rows["magnitude"] == "adam")]
    direction = rows[(rows["optimizer"] == "adam") & (rows["magnitude"] == "sgd")]
    return judge_more_non_monotone(length, direction, ("length of Adam", "direction of Adam"), results.measure)
