"""The paper's claims: what it says, where, its own number, and the function that judges ours."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from stages.claims.declare import claim
from stages.claims.finding import (
    FAILS,
    FEW,
    HOLDS,
    Finding,
    greater,
    more,
    never,
    nothing,
    often,
    ranks,
    same,
    within,
)
from stages.config import FreshLines, PairLines, PermutedLines
from stages.figures.base import admitted
from stages.figures.example_turning import END, gather
from stages.figures.pairs import both_admitted
from stages.measures.power_law import fit
from stages.measures.proportion import wilson
from stages.results.results import Results
from stages.theory import noisy_quadratic

SMALL, LARGE = 0.03, 1.0  # learning rates of SGD, of table 1
ADAPTIVE = ("adam", "rmsprop")
ALIKE = 0.02  # of test accuracy: what is less counts as no difference
HALF, ROUGHLY = 0.5, 0.1
TABLE_1 = "table 1, section 4.1"
LAZY = -0.5  # exponent of the distance by the width, of lemma 7


def _own(results: Results) -> pd.DataFrame:
    return admitted(results.lines())


def _sgd(results: Results) -> pd.DataFrame:
    rows = _own(results)
    return rows[rows["optimizer"] == "sgd"]


@claim(
    "small_rates",
    statement=f"SGD with a learning rate of at most {SMALL:g} leads to monotone lines.",
    section=TABLE_1,
    paper="0 of 136",
)
def small_rates(results: Results) -> Finding:
    """SGD at small rates."""
    rows = _sgd(results)
    return never(rows[rows["lr"] <= SMALL], results.measure)


@claim(
    "large_rates",
    statement=f"Large learning rates (from {LARGE:g}) break monotonicity.",
    section=TABLE_1,
    paper="36 of 48 beside 0 of 136",
)
def large_rates(results: Results) -> Finding:
    """SGD at large rates, beside small ones."""
    rows = _sgd(results)
    names = (f"rates from {LARGE:g}", f"up to {SMALL:g}")
    return more(rows[rows["lr"] >= LARGE], rows[rows["lr"] <= SMALL], names, results.measure)


@claim(
    "adaptive",
    statement="Adaptive optimizers break it more often than SGD.",
    section=TABLE_1,
    paper="Adam 103 of 190, SGD 44 of 264",
)
def adaptive(results: Results) -> Finding:
    """Adam and RMSProp beside SGD."""
    rows = _own(results)
    others = rows[rows["optimizer"].isin(ADAPTIVE)]
    return more(others, rows[rows["optimizer"] == "sgd"], ("Adam and RMSProp", "SGD"), results.measure)


@claim(
    "batch_norm",
    statement="Batch norm breaks it more often.",
    section=f"{TABLE_1}, table 3",
    paper="139 of 310 with, 8 of 144 without",
)
def batch_norm(results: Results) -> Finding:
    """With batch norm beside without."""
    rows = _own(results)
    on = rows["batch_norm"].astype(bool)
    return more(rows[on], rows[~on], ("batch norm", "none"), results.measure)


@claim(
    "block_identity",
    statement="In residual networks block-identity initialisation, or no batch norm, restores it.",
    section="table 2, section 4.1",
    paper="SGD: BN 14 of 26, the others 3 of 76",
)
def block_identity(results: Results) -> Finding:
    """Residual networks with batch norm and the standard initialisation beside the other variants."""
    rows = _own(results)
    plain = rows["batch_norm"].astype(bool) & (rows["initialization"] == "standard")
    return more(rows[plain], rows[~plain], ("BN", "BN-I, NBN-I and NBN-F"), results.measure)


@claim(
    "far",
    statement="Networks that travelled far in weight space are more often non-monotone.",
    section="figure 5",
    paper="a figure",
)
def far(results: Results) -> Finding:
    """Distance of non-monotone lines beside monotone ones."""
    return ranks(_own(results), "normalized_distance", results.measure)


@claim(
    "long",
    statement="A large Gauss length goes with non-monotone lines.",
    section="figure 5, section 4.2",
    paper="a figure",
)
def long(results: Results) -> Finding:
    """Gauss length likewise."""
    return ranks(_own(results), "gauss_length_smooth", results.measure)


@claim(
    "short",
    statement="A Gauss length below π/2 goes with monotone lines.",
    section="theorem 3, figure 5",
    paper="a figure",
)
def short(results: Results) -> Finding:
    """Lines of a Gauss length below pi / 2."""
    rows = _own(results)
    return never(rows[rows["gauss_length_smooth"] < np.pi / 2], results.measure)


@claim(
    "power_law",
    statement="Gauss length grows as a power of the distance.",
    section="figure 7",
    paper="R² 0.616 (MLPs)",
)
@claim(
    "power_law_autoencoders",
    statement="So it does for autoencoders.",
    section="figure 15",
    paper="R² 0.705",
)
@claim(
    "power_law_residual",
    statement="And for residual networks.",
    section="figure 17",
    paper="R² 0.399 and 0.402",
)
def power_law(results: Results) -> Finding:
    """Gauss length by distance."""
    rows, settings = _own(results), results.measure
    x, y = (rows[name].to_numpy(float) for name in ("normalized_distance", "gauss_length_smooth"))
    law = fit(x, y, settings.confidence, settings.bootstrap, settings.bootstrap_seed)
    ours = f"exponent {law.exponent:.3g} ({law.exponent_low:.3g} to {law.exponent_high:.3g}), R² {law.r_squared:.3f} "
    ours += f"({law.r_squared_low:.3f} to {law.r_squared_high:.3f}) of {law.points} lines"
    return within(law.exponent, law.exponent_low, law.exponent_high, law.points, ours)


@claim(
    "fresh",
    statement="Lines from unrelated initialisations behave like the own one.",
    section="figure 6, section 4.3",
    paper="in words",
)
def fresh(results: Results) -> Finding:
    """Lines from fresh initialisations of the own scheme beside the own lines."""
    return _alike(results, lambda entry: isinstance(entry, FreshLines) and entry.initialization == "own")


@claim(
    "permuted",
    statement="Permuted initialisations and solutions preserve it.",
    section="figure 21, appendix C.9",
    paper="20 lines",
)
def permuted(results: Results) -> Finding:
    """Lines with a permuted end beside the own lines."""
    return _alike(results, lambda entry: isinstance(entry, PermutedLines))


def _alike(results: Results, wanted: Callable[[object], bool]) -> Finding:
    """Judge that lines have the verdict of the own line of the run at their end."""
    own = results.lines(once=False).set_index(["suite", "run_id"])["monotonic"]
    some = of = 0
    for suite, about in results.suites.items():
        for name in (name for name, entry in about.lines.items() if wanted(entry)):
            rows = admitted(results.other_lines(suite, name))
            verdicts = [own[suite, run_id] for run_id in rows["run_id"]]
            some += int((rows["monotonic"].to_numpy(bool) == np.array(verdicts, dtype=bool)).sum())
            of += len(rows)
    return often(some, of, "have the verdict of the own line", results.measure)


@claim(
    "no_barriers",
    statement="There are no barriers between initialisations, nor from initialisations to optima of other runs.",
    section="figure 8, section 4.3",
    paper="none of 145 lines",
)
def no_barriers(results: Results) -> Finding:
    """Lines from initialisations to initialisations and to other optima without a barrier."""
    rows = pd.concat([_pairs(results, "initial", "initial"), _pairs(results, "initial", "final")])
    some = _with_barrier(results, rows)
    return often(len(rows) - some, len(rows), "have no barrier", results.measure)


@claim(
    "barriers",
    statement="There are barriers between optima.",
    section="figure 8, section 4.3",
    paper="45 lines",
)
def barriers(results: Results) -> Finding:
    """Lines between optima with a barrier."""
    rows = _pairs(results, "final", "final")
    return often(_with_barrier(results, rows), len(rows), "have a barrier", results.measure)


def _with_barrier(results: Results, rows: pd.DataFrame) -> int:
    """Count lines that rise above both of their ends by more than the tolerance."""
    tolerance = rows["suite"].map(results.limits("tolerance")).to_numpy(float)
    return int((rows["barrier"].to_numpy(float) > tolerance).sum())


def _pairs(results: Results, start: str, end: str) -> pd.DataFrame:
    found = [
        admitted(both_admitted(results, suite, [name]))
        for suite, about in results.suites.items()
        for name, entry in about.lines.items()
        if isinstance(entry, PairLines) and (entry.start, entry.end, entry.matching) == (start, end, None)
    ]
    found = [rows for rows in found if len(rows)]
    return pd.concat(found) if found else results.lines().head(0)


@claim(
    "difficulty",
    statement="Few examples and corrupted labels do not break it.",
    section="appendices C.11 and C.12",
    paper="always monotone",
)
def difficulty(results: Results) -> Finding:
    """Runs on few examples or corrupted labels."""
    rows = _own(results)
    hard = rows["train_size"].notna() | (rows["label_corruption"].astype(float) > 0)
    return never(rows[hard], results.measure)


@claim(
    "switched_distance",
    statement="Switching from SGD to Adam raises the distance.",
    section="table 5, appendix C.4",
    paper="345 beside 8.1",
)
def switched_distance(results: Results) -> Finding:
    """Distance of runs that switch to Adam beside those that stay with SGD."""
    return _switched(results, "distance")


@claim(
    "switched_length",
    statement="Switching from SGD to Adam raises the Gauss length.",
    section="table 5, appendix C.4",
    paper="7.1 beside 0.53",
)
def switched_length(results: Results) -> Finding:
    """Gauss length likewise."""
    return _switched(results, "gauss_length_smooth")


def _switched(results: Results, field: str) -> Finding:
    rows = _sgd(results)
    rows = rows[rows["magnitude"].isna()]
    gone, stay = rows[rows["switch_optimizer"] == "adam"], rows[rows["switch_after"].isna()]
    return greater(gone[field], stay[field], ("switched to Adam", "SGD throughout"), results.measure)


@claim(
    "grafted",
    statement="It is the length of Adam's steps that breaks monotonicity, not their direction.",
    section="table 7, appendix C.4",
    paper="all beside none",
)
def grafted(results: Results) -> Finding:
    """Steps of SGD's direction with Adam's length beside Adam's direction with SGD's length."""
    rows = _own(results)
    length = rows[(rows["optimizer"] == "sgd") & (rows["magnitude"] == "adam")]
    direction = rows[(rows["optimizer"] == "adam") & (rows["magnitude"] == "sgd")]
    names = ("length of Adam", "direction of Adam")
    return more(length, direction, names, results.measure)


@claim(
    "accuracy",
    statement="Test accuracy does not tell monotone and non-monotone networks apart.",
    section="figure 10",
    paper="96.94 % beside 97.14 % (MLPs)",
)
def accuracy(results: Results) -> Finding:
    """Test accuracy of non-monotone runs beside monotone ones."""
    rows = _own(results)
    up, down = rows[~rows["monotonic"]], rows[rows["monotonic"]]
    names = ("non-monotone", "monotone")
    return same(up["test_accuracy"], down["test_accuracy"], ALIKE, names, results.measure)


@claim(
    "theorem_3",
    statement="An output that turns by less than π/2 never moves away from where it ends.",
    section="theorem 3",
    paper="proved",
)
def theorem_3(results: Results) -> Finding:
    """Examples whose output turns by less than pi / 2, towards where their line ends."""
    rows = _own(results)
    rows = rows[rows["loss"] == "squared_error"]
    examples = gather(results, rows, "example_rise_to_end", "example_start_to_end")
    of, some = int(examples.below.sum()), int((examples.below & examples.rising).sum())
    return often(of - some, of, f"examples below π/2 never move away from the {END}", results.measure)


@claim(
    "theorem_9",
    statement="Under gradient descent the distance falls at least as fast as the width to the power −1/2.",
    section="theorem 9, lemma 7",
    paper="proved",
)
def theorem_9(results: Results) -> Finding:
    """How fast the distance falls with the width, whose theorem is about networks without a bound on it."""
    rows, settings = _own(results), results.measure
    rows = rows[rows["width"].notna()]
    x, y = rows["width"].to_numpy(float), rows["distance"].to_numpy(float)
    law = fit(x, y, settings.confidence, settings.bootstrap, settings.bootstrap_seed)
    if not np.isfinite(law.exponent):
        return nothing(f"{law.points} points")
    ours = f"distance falls as the width to the power {law.exponent:.3f} ({law.exponent_low:.3f} to "
    ours += f"{law.exponent_high:.3f}), {law.points} runs"
    verdict = HOLDS if law.exponent_high <= LAZY else FAILS if law.exponent_low > LAZY else FEW
    return Finding(verdict, ours, law.exponent, law.exponent_low, law.exponent_high, {"points": law.points})


@claim(
    "noisy_quadratic",
    statement="A line of the noisy quadratic model is monotone with a probability of roughly 1/2.",
    section="appendix D.2, figure 29",
    paper="roughly 1/2",
    theory=True,
)
def quadratic(results: Results) -> Finding:
    """Lines of the noisy quadratic model that never rise, to the paper's end at each rate."""
    cells = noisy_quadratic.summary(results.theory("noisy_quadratic"), results.measure.confidence)
    cells = cells[cells["end"] == "paper"].sort_values("lr")
    some, of = int(cells["monotone"].sum()), int(cells["lines"].sum())
    low, high = wilson(some, of, results.measure.confidence)
    close = ((cells["low"] >= HALF - ROUGHLY) & (cells["high"] <= HALF + ROUGHLY)).all()
    away = ((cells["high"] < HALF - ROUGHLY) | (cells["low"] > HALF + ROUGHLY)).any()
    each = ", ".join(f"{cell.proportion:.2f} at {cell.lr:g}" for cell in cells.itertuples())
    ours = f"{each}; {some} of {of} in all ({low:.3g} to {high:.3g})"
    return Finding(HOLDS if close else FAILS if away else FEW, ours, some / of, low, high, {"lines": of})
