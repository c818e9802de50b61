"""The paper's claims by name: what it says, where, its own number, and the function that judges ours."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

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
LAZY = -0.5  # exponent of the distance by the width, of lemma 7


@dataclass(frozen=True)
class Claim:
    """One statement of the paper."""

    statement: str
    where: str
    """In the paper."""
    paper: str
    """Its number, or its words."""
    judge: Callable[[Results], Finding]


def _own(results: Results) -> pd.DataFrame:
    return admitted(results.lines())


def _sgd(results: Results) -> pd.DataFrame:
    rows = _own(results)
    return rows[rows["optimizer"] == "sgd"]


def small_rates(results: Results) -> Finding:
    """SGD at small rates."""
    rows = _sgd(results)
    return never(rows[rows["lr"] <= SMALL], results.measure)


def large_rates(results: Results) -> Finding:
    """SGD at large rates, beside small ones."""
    rows = _sgd(results)
    names = (f"rates from {LARGE:g}", f"up to {SMALL:g}")
    return more(rows[rows["lr"] >= LARGE], rows[rows["lr"] <= SMALL], names, results.measure)


def adaptive(results: Results) -> Finding:
    """Adam and RMSProp beside SGD."""
    rows = _own(results)
    others = rows[rows["optimizer"].isin(ADAPTIVE)]
    return more(others, rows[rows["optimizer"] == "sgd"], ("Adam and RMSProp", "SGD"), results.measure)


def batch_norm(results: Results) -> Finding:
    """With batch norm beside without."""
    rows = _own(results)
    on = rows["batch_norm"].astype(bool)
    return more(rows[on], rows[~on], ("batch norm", "none"), results.measure)


def block_identity(results: Results) -> Finding:
    """Residual networks with batch norm and the standard initialisation beside the other variants."""
    rows = _own(results)
    plain = rows["batch_norm"].astype(bool) & (rows["initialization"] == "standard")
    return more(rows[plain], rows[~plain], ("BN", "BN-I, NBN-I and NBN-F"), results.measure)


def far(results: Results) -> Finding:
    """Distance of non-monotone lines beside monotone ones."""
    return ranks(_own(results), "normalized_distance", results.measure)


def long(results: Results) -> Finding:
    """Gauss length likewise."""
    return ranks(_own(results), "gauss_length_smooth", results.measure)


def short(results: Results) -> Finding:
    """Lines of a Gauss length below pi / 2."""
    rows = _own(results)
    return never(rows[rows["gauss_length_smooth"] < np.pi / 2], results.measure)


def power_law(results: Results) -> Finding:
    """Gauss length by distance."""
    rows, settings = _own(results), results.measure
    x, y = (rows[name].to_numpy(float) for name in ("normalized_distance", "gauss_length_smooth"))
    law = fit(x, y, settings.confidence, settings.bootstrap, settings.bootstrap_seed)
    ours = f"exponent {law.exponent:.3g} ({law.exponent_low:.3g} to {law.exponent_high:.3g}), R² {law.r_squared:.3f} "
    ours += f"({law.r_squared_low:.3f} to {law.r_squared_high:.3f}) of {law.points} lines"
    return within(law.exponent, law.exponent_low, law.exponent_high, law.points, ours)


def fresh(results: Results) -> Finding:
    """Lines from fresh initialisations of the own scheme beside the own lines."""
    return _alike(results, lambda entry: isinstance(entry, FreshLines) and entry.initialization == "own")


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


def no_barriers(results: Results) -> Finding:
    """Lines from initialisations to initialisations and to other optima without a barrier."""
    rows = pd.concat([_pairs(results, "initial", "initial"), _pairs(results, "initial", "final")])
    some = _with_barrier(results, rows)
    return often(len(rows) - some, len(rows), "have no barrier", results.measure)


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


def difficulty(results: Results) -> Finding:
    """Runs on few examples or corrupted labels."""
    rows = _own(results)
    hard = rows["train_size"].notna() | (rows["label_corruption"].astype(float) > 0)
    return never(rows[hard], results.measure)


def switched_distance(results: Results) -> Finding:
    """Distance of runs that switch to Adam beside those that stay with SGD."""
    return _switched(results, "distance")


def switched_length(results: Results) -> Finding:
    """Gauss length likewise."""
    return _switched(results, "gauss_length_smooth")


def _switched(results: Results, field: str) -> Finding:
    rows = _sgd(results)
    rows = rows[rows["magnitude"].isna()]
    gone, stay = rows[rows["switch_optimizer"] == "adam"], rows[rows["switch_after"].isna()]
    return greater(gone[field], stay[field], ("switched to Adam", "SGD throughout"), results.measure)


def grafted(results: Results) -> Finding:
    """Steps of SGD's direction with Adam's length beside Adam's direction with SGD's length."""
    rows = _own(results)
    length = rows[(rows["optimizer"] == "sgd") & (rows["magnitude"] == "adam")]
    direction = rows[(rows["optimizer"] == "adam") & (rows["magnitude"] == "sgd")]
    names = ("length of Adam", "direction of Adam")
    return more(length, direction, names, results.measure)


def accuracy(results: Results) -> Finding:
    """Test accuracy of non-monotone runs beside monotone ones."""
    rows = _own(results)
    up, down = rows[~rows["monotonic"]], rows[rows["monotonic"]]
    names = ("non-monotone", "monotone")
    return same(up["test_accuracy"], down["test_accuracy"], ALIKE, names, results.measure)


def theorem_3(results: Results) -> Finding:
    """Examples whose output turns by less than pi / 2, towards where their line ends."""
    rows = _own(results)
    rows = rows[rows["loss"] == "squared_error"]
    examples = gather(results, rows, "example_rise_to_end", "example_start_to_end")
    of, some = int(examples.below.sum()), int((examples.below & examples.rising).sum())
    return often(of - some, of, f"examples below π/2 never move away from the {END}", results.measure)


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


TABLE_1 = "table 1, section 4.1"
CLAIMS: dict[str, Claim] = {
    "small_rates": Claim(
        f"SGD with a learning rate of at most {SMALL:g} leads to monotone lines.", TABLE_1, "0 of 136", small_rates
    ),
    "large_rates": Claim(
        f"Large learning rates (from {LARGE:g}) break monotonicity.", TABLE_1, "36 of 48 beside 0 of 136", large_rates
    ),
    "adaptive": Claim(
        "Adaptive optimizers break it more often than SGD.", TABLE_1, "Adam 103 of 190, SGD 44 of 264", adaptive
    ),
    "batch_norm": Claim(
        "Batch norm breaks it more often.", f"{TABLE_1}, table 3", "139 of 310 with, 8 of 144 without", batch_norm
    ),
    "block_identity": Claim(
        "In residual networks block-identity initialisation, or no batch norm, restores it.",
        "table 2, section 4.1",
        "SGD: BN 14 of 26, the others 3 of 76",
        block_identity,
    ),
    "far": Claim(
        "Networks that travelled far in weight space are more often non-monotone.", "figure 5", "a figure", far
    ),
    "long": Claim("A large Gauss length goes with non-monotone lines.", "figure 5, section 4.2", "a figure", long),
    "short": Claim("A Gauss length below π/2 goes with monotone lines.", "theorem 3, figure 5", "a figure", short),
    "power_law": Claim("Gauss length grows as a power of the distance.", "figure 7", "R² 0.616 (MLPs)", power_law),
    "power_law_autoencoders": Claim("So it does for autoencoders.", "figure 15", "R² 0.705", power_law),
    "power_law_residual": Claim("And for residual networks.", "figure 17", "R² 0.399 and 0.402", power_law),
    "fresh": Claim(
        "Lines from unrelated initialisations behave like the own one.", "figure 6, section 4.3", "in words", fresh
    ),
    "no_barriers": Claim(
        "There are no barriers between initialisations, nor from initialisations to optima of other runs.",
        "figure 8, section 4.3",
        "none of 145 lines",
        no_barriers,
    ),
    "barriers": Claim("There are barriers between optima.", "figure 8, section 4.3", "45 lines", barriers),
    "permuted": Claim(
        "Permuted initialisations and solutions preserve it.", "figure 21, appendix C.9", "20 lines", permuted
    ),
    "difficulty": Claim(
        "Few examples and corrupted labels do not break it.", "appendices C.11 and C.12", "always monotone", difficulty
    ),
    "switched_distance": Claim(
        "Switching from SGD to Adam raises the distance.", "table 5, appendix C.4", "345 beside 8.1", switched_distance
    ),
    "switched_length": Claim(
        "Switching from SGD to Adam raises the Gauss length.",
        "table 5, appendix C.4",
        "7.1 beside 0.53",
        switched_length,
    ),
    "grafted": Claim(
        "It is the length of Adam's steps that breaks monotonicity, not their direction.",
        "table 7, appendix C.4",
        "all beside none",
        grafted,
    ),
    "accuracy": Claim(
        "Test accuracy does not tell monotone and non-monotone networks apart.",
        "figure 10",
        "96.94 % beside 97.14 % (MLPs)",
        accuracy,
    ),
    "theorem_3": Claim(
        "An output that turns by less than π/2 never moves away from where it ends.", "theorem 3", "proved", theorem_3
    ),
    "theorem_9": Claim(
        "Under gradient descent the distance falls at least as fast as the width to the power −1/2.",
        "theorem 9, lemma 7",
        "proved",
        theorem_9,
    ),
    "noisy_quadratic": Claim(
        "A line of the noisy quadratic model is monotone with a probability of roughly 1/2.",
        "appendix D.2, figure 29",
        "roughly 1/2",
        quadratic,
    ),
}
OF_THEORY = ("noisy_quadratic",)
