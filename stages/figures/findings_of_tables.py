"""Sentences of finding of tables."""

import numpy as np
import pandas as pd

from stages.figures.findings import Counts, contrast, listed, named, of, risen, upper
from stages.figures.words import VARIANTS, number

TOLERANCE = 0.001
"""Tolerance, of those in table 9, for which its sentence is written: that of the paper's table 1."""
PLAIN = "learning rate and optimizer"
"""Model of table 10 that knows nothing of the course of training."""
BEGINNING = "first tenth of training"
"""Model of table 10 that knows the beginning of training alone."""
RATIOS = ("distance_ratio", "gauss_length_smooth_grid_ratio")
"""Columns of table 12 with our number over the paper's, as the paper computes them."""


def _cells(data: pd.DataFrame, names: pd.Series) -> Counts:
    """Return the numbers of non-monotone and converged runs of cells that have the same name."""
    sums = data.groupby(names, sort=False)[["non_monotone", "converged"]].sum()
    return [(str(name), int(row["non_monotone"]), int(row["converged"])) for name, row in sums.iterrows()]


def by_optimizer_and_rate(data: pd.DataFrame) -> str:
    """State how many lines of each optimizer are non-monotone, and compare large learning rates with small ones."""
    text = risen(_cells(data, data["optimizer"].map(named)))
    return f"{text}{_by_rate(data)}"


def by_batch_norm_and_rate(data: pd.DataFrame) -> str:
    """Compare networks with batch norm and without, and large learning rates with small ones."""
    names = data["batch_norm"].astype(bool).map({True: "batch norm", False: "no batch norm"})
    found = {name: (name, k, n) for name, k, n in _cells(data, names)}
    pair = [found.get(name, (name, 0, 0)) for name in ("batch norm", "no batch norm")]
    return f"{upper(contrast(*pair))}.{_by_rate(data)}"


def _by_rate(data: pd.DataFrame) -> str:
    """Compare the learning rates above the median of all converged runs with the others; nothing if there is one."""
    kept = data[data["converged"] > 0]
    rates = np.repeat(kept["lr"].to_numpy(float), kept["converged"].to_numpy(int))
    if not len(rates) or np.ptp(rates) == 0:
        return ""
    cut = np.median(rates) if np.median(rates) < rates.max() else rates[rates < rates.max()].max()
    words = {True: f"learning rates above {number(cut)}", False: f"those up to {number(cut)}"}
    found = {name: (name, k, n) for name, k, n in _cells(kept, (kept["lr"] > cut).map(words))}
    return f" {upper(contrast(found[words[True]], found[words[False]], 'have'))}."


def by_variant(data: pd.DataFrame) -> str:
    """State how many residual networks of each variant have non-monotone lines."""
    keys = zip(data["batch_norm"].astype(bool), data["initialization"], strict=True)
    return risen(_cells(data, pd.Series([VARIANTS.get(key, str(key)) for key in keys], data.index, dtype=object)))


def of_switching(data: pd.DataFrame) -> str:
    """Compare the distance of runs that switch their optimizer first with that of runs that never do."""
    ratios = []
    for _, cells in data[data["distance_n"] > 0].groupby("lr"):
        never, switched = cells[cells["switch_after"].isna()], cells[cells["switch_after"].notna()]
        if len(never) and len(switched):
            first = switched.loc[switched["switch_after"].idxmin()]
            ratios.append(float(first["distance_mean"] / never["distance_mean"].iloc[0]))
    switched = data[data["switch_after"].notna()]
    if not ratios:
        return "No learning rate has converged runs both with a switch and without."
    names = [named(str(switched[name].iloc[0])) for name in ("optimizer", "switch_optimizer")]
    counts = of(int(switched["non_monotone"].sum()), int(switched["converged"].sum()))
    span = number(min(ratios)) if len(ratios) == 1 else f"{number(min(ratios))} to {number(max(ratios))}"
    return (
        f"Runs that switch from {names[0]} to {names[1]} at the earliest epoch travel {span} times the distance of "
        f"{names[0]} throughout; {counts} runs that switch are non-monotone."
    )


def of_grafting(data: pd.DataFrame) -> str:
    """State how many runs are non-monotone by the optimizer that lends the length of the steps."""
    return risen(_cells(data, data["step_size"].map(named)), "lines", "with steps of the length of ")


def of_linear_networks(data: pd.DataFrame) -> str:
    """State how many two-layer linear networks contradict the statements of appendix A.1."""
    total = data.sum(numeric_only=True)
    return (
        f"{of(int(total['at_most_pi']), int(total['converged']))} converged networks have a Gauss length of at most π; "
        f"of {int(total['below_half_pi'])} below π/2, {int(total['below_half_pi_not_surrogate_monotone'])} contradict "
        f"theorem 3; the paper's criterion on eigenvalues alone misleads for {int(total['eigenvalues_met_alone'])}."
    )


def of_statistics(data: pd.DataFrame) -> str:
    """Compare the share of non-monotone lines with the statistics that have most of them with that of own lines."""
    parts = []
    for suite, rows in data[data["tolerance"] == TOLERANCE].groupby("suite", sort=False):
        shares = rows.set_index("statistics")["proportion"]
        others = shares.drop("own line", errors="ignore")
        if "own line" in shares and len(others):
            most = f"{100 * others.max():.0f} % with {others.idxmax()}"
            parts.append(f"in {suite} {100 * shares['own line']:.0f} % of own lines and at most {most}")
    if not parts:
        return "No converged run has such lines."
    return f"Above a tolerance of {TOLERANCE:g} these lines rise: {'; '.join(parts)}.".replace("_", " ")


def of_forecasts(data: pd.DataFrame) -> str:
    """Compare what the first tenth of training forecasts with what learning rate and optimizer do."""
    models = data.set_index("model")
    if not {PLAIN, BEGINNING} <= set(models.index):
        return "There are too few architectures or failures to forecast from the others."
    own = models.loc[BEGINNING]
    how = "better than" if own["difference_low"] > 0 else "worse than" if own["difference_high"] < 0 else "as well as"
    return (
        f"The first tenth of training forecasts failures {how} learning rate and optimizer: areas under the ROC curve "
        f"of {own['area']:.2f} and {models.loc[PLAIN, 'area']:.2f} over {int(own['lines'])} lines, of which "
        f"{int(own['non_monotone'])} fail."
    )


def of_mechanisms(data: pd.DataFrame) -> str:
    """State how many failures of each kind become monotone by each treatment."""
    rows = data[data["optimizer"] == "all"]
    parts = []
    for treatment, cells in rows.groupby("treatment", sort=False):
        cured = []
        for kind in ("near the start", "at the end"):
            group = cells[cells["without"] == kind]
            total = int(group["pairs"].sum())
            if total:
                count = int(group["pairs"][group["with"] == "monotone"].sum())
                cured.append(f"{of(count, total)} failures {kind}")
        fine = cells[cells["without"] == "monotone"]
        new = int(fine["pairs"][fine["with"] != "monotone"].sum())
        if cured:
            broken = of(new, int(fine["pairs"].sum()))
            parts.append(f"with {treatment} {listed(cured)} become monotone, and {broken} monotone lines fail")
    return f"{upper('; '.join(parts))}." if parts else "No pair of converged runs has a failure."


def of_settings(data: pd.DataFrame) -> str:
    """State how near to the paper's numbers ours come, at best and at worst."""
    parts = []
    for column, words in zip(RATIOS, ("distance", "Gauss length on the grid"), strict=True):
        ratios = data[column].dropna() if column in data else pd.Series(dtype=float)
        if len(ratios):
            parts.append(f"{words} {number(ratios.min())} to {number(ratios.max())} ({len(ratios)} runs)")
    if not parts:
        return "No run has a number of the paper's beside it."
    return f"Ours over the paper's numbers: {listed(parts)}."
