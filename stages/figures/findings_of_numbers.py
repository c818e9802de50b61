"""Sentences of finding of figures that show measures of lines, and models of the theory."""

import numpy as np
import pandas as pd

from stages.figures.findings import (
    FEWEST,
    are,
    contrast,
    counts_by,
    distinct,
    listed,
    named,
    of,
    risen,
    shortest,
    upper,
)
from stages.figures.style import OWN_KIND
from stages.figures.words import number
from stages.results.failures import DISTANCE_BINS, DISTANCE_EDGES

NEAR = DISTANCE_EDGES[2]
SHORTER = {
    "normalized_distance": "shorter than a distance of",
    "gauss_length_smooth": "with a Gauss length below",
}
CLEARLY = 2.0
"""Standard errors of a difference of means from which it is called clear."""
STRAIGHT = 1.05
"""Length over chord below which paths of outputs are called nearly straight."""
FLAT, CLEAR = 0.1, 0.5
"""Exponent up to which a Gauss length hardly grows, and R² from which one power law describes it."""


def by_distance(data: pd.DataFrame) -> str:
    """State from which distance on lines are non-monotone."""
    return shortest(distinct(data), "normalized_distance", SHORTER["normalized_distance"])


def by_distance_and_length(data: pd.DataFrame) -> str:
    """State from which distance on lines are non-monotone, and from which Gauss length on."""
    rows = distinct(data)
    return f"{by_distance(rows)} {by_gauss_length(rows)}"


def by_gauss_length(data: pd.DataFrame) -> str:
    """State from which Gauss length on lines are non-monotone."""
    return shortest(distinct(data), "gauss_length_smooth", SHORTER["gauss_length_smooth"], " rad")


def by_optimizer(data: pd.DataFrame) -> str:
    """State how many lines of each optimizer are non-monotone, and how long the shortest of these is."""
    rows = distinct(data)
    failed = rows[~rows["monotonic"].astype(bool)]
    text = risen(counts_by(rows.assign(name=rows["optimizer"].map(named)), "name"))
    shortest_of = failed.groupby("optimizer", sort=False)["normalized_distance"].min().sort_values(kind="stable")
    if failed.empty or len(rows) < FEWEST:
        return text
    parts = [f"{number(value)} for {named(name)}" for name, value in shortest_of.items()]
    return f"{text} The shortest of them has a distance of {listed(parts)}."


def by_batch_norm(data: pd.DataFrame) -> str:
    """Compare networks with batch norm and without by their non-monotone lines and their median distance."""
    rows = distinct(data)
    groups, medians = [], []
    for on, words in ((True, "batch norm"), (False, "no batch norm")):
        group = rows[rows["batch_norm"].astype(bool) == on]
        groups.append((words, int((~group["monotonic"].astype(bool)).sum()), len(group)))
        medians += [f"{number(group['normalized_distance'].median())} with {words}"] if len(group) else []
    return f"{upper(contrast(*groups))}; the median distance is {listed(medians) or 'not known'}."


def of_accuracy(data: pd.DataFrame) -> str:
    """Compare the test accuracy of non-monotone and monotone runs in each panel."""
    parts = []
    for panel, rows in data[data["test_accuracy"].notna()].groupby("panel", sort=False):
        verdict = rows["monotonic"].astype(bool)
        here, there = (100 * rows["test_accuracy"][side].to_numpy(float) for side in (~verdict, verdict))
        if min(len(here), len(there)) < 2:
            parts.append(f"on {panel} too few runs are {'non-' * (len(here) < 2)}monotone to compare")
            continue
        gap = here.mean() - there.mean()
        error = np.sqrt(here.var(ddof=1) / len(here) + there.var(ddof=1) / len(there))
        numbers = f"({here.mean():.2f} against {there.mean():.2f} %)"
        clear = abs(gap) > CLEARLY * error
        how = f"{abs(gap):.2f} points {'lower' if gap < 0 else 'higher'}" if clear else "not clearly different"
        parts.append(f"on {panel} {how} {numbers}")
    if not parts:
        return "No converged run has a test accuracy."
    return f"The test accuracy of non-monotone runs, compared with monotone ones, is {'; '.join(parts)}."


def of_power_law(data: pd.DataFrame) -> str:
    """State how well one power law describes the smooth Gauss length, and its exponents on both sides of `NEAR`."""
    return f"{upper(_law_in_words(data))}."


def of_power_laws(data: pd.DataFrame) -> str:
    """State how well one power law describes the smooth Gauss length, by suite."""
    parts = [f"In {suite}, {_law_in_words(rows)}." for suite, rows in data.groupby("suite", sort=False)]
    return " ".join(parts).replace("_", " ") or "There is no converged run."


def _law_in_words(data: pd.DataFrame) -> str:
    x, y = data["normalized_distance"].to_numpy(float), data["gauss_length_smooth"].to_numpy(float)
    keep = np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)
    x, y = x[keep], y[keep]
    if len(x) < FEWEST or np.ptp(x) == 0:
        return f"too few points ({len(x)}) for a power law"
    exponent, squared = _law(x, y)
    how = "describes" if squared >= CLEAR else "hardly describes"
    text = f"one power law {how} the Gauss length (exponent {exponent:.2f}, R² {squared:.2f})"
    sides = [x < NEAR, x >= NEAR]
    if min(side.sum() for side in sides) < 2 * FEWEST or any(np.ptp(x[side]) == 0 for side in sides):
        return text
    (near, _), (far, _) = (_law(x[side], y[side]) for side in sides)
    if near < FLAT <= far:
        return f"{text}: it hardly grows below a distance of {NEAR:g} ({near:.2f}), and does above ({far:.2f})"
    return f"{text}; the exponent is {near:.2f} below a distance of {NEAR:g} and {far:.2f} above"


def _law(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return exponent and R² of the least squares of ln y on ln x."""
    log_x, log_y = np.log(x), np.log(y)
    slope, intercept = np.polyfit(log_x, log_y, 1)
    total = ((log_y - log_y.mean()) ** 2).sum()
    left = ((log_y - intercept - slope * log_x) ** 2).sum()
    return float(slope), float(1 - left / total) if total else 1.0


def of_cells(data: pd.DataFrame) -> str:
    """Compare cells above and up to the median learning rate, and wide and deep networks with narrow and shallow."""
    cells = data[data["converged"] > 0]
    if cells.empty:
        return "No run of these sizes has converged."
    cut = cells["lr"].median()
    names = (f"learning rates above {number(cut)}", f"those up to {number(cut)}")
    sides = (cells["lr"] > cut, cells["lr"] <= cut)
    groups = [_sum(name, cells[side]) for name, side in zip(names, sides, strict=True)]
    parts = [upper(contrast(*groups, "have"))]
    for size, large, small in (("width", "wide", "narrow"), ("depth", "deep", "shallow")):
        own = cells[cells["by"] == size]
        if own["size"].nunique() > 1:
            wide = own["size"] > own["size"].median()
            wide = wide if wide.any() else own["size"] == own["size"].max()
            pair = [_sum(f"{word} networks", own[side]) for word, side in ((large, wide), (small, ~wide))]
            parts.append(contrast(*pair, "have"))
    return f"{'; '.join(parts)}."


def _sum(name: str, cells: pd.DataFrame) -> tuple[str, int, int]:
    return name, int(cells["non_monotone"].sum()), int(cells["converged"].sum())


def of_noisy_quadratic(data: pd.DataFrame) -> str:
    """State which share of lines never rises at the smallest and the largest learning rate."""
    rows = data[(data["end"] == "paper") & (data["grid"] == "continuous line")].sort_values("lr")
    if rows.empty:
        return "No line of the model was simulated."
    parts = [f"{100 * row.proportion:.0f} % at learning rate {row.lr:g}" for row in rows.iloc[[0, -1]].itertuples()]
    halves = int(((rows["low"] <= 0.5) & (rows["high"] >= 0.5)).sum())
    return (
        f"Of lines of the noisy quadratic model {listed(dict.fromkeys(parts))} never rise; the paper's estimate of one "
        f"half is inside the interval at {of(halves, len(rows))} learning rates."
    )


def of_travel(data: pd.DataFrame) -> str:
    """State which optimizer has travelled least and which farthest at the lowest loss that all have reached."""
    rows = data[(data["shown"] > 0) & data["panel"].eq("best learning rate")]
    complete = rows.groupby("level")["optimizer"].nunique()
    levels = complete[complete == rows["optimizer"].nunique()].index
    if len(levels) == 0 or rows["optimizer"].nunique() < 2:
        return "No training loss was reached by several optimizers on the same settings."
    level = min(levels)
    medians = rows[rows["level"] == level].set_index("optimizer")["median"].sort_values(kind="stable")
    parts = [f"{named(name)} {number(value)}" for name, value in medians.items()]
    return (
        f"At a training loss of {level:g} and each one's best learning rate, the median distance travelled is "
        f"{listed(parts)}."
    )


def of_examples(data: pd.DataFrame) -> str:
    """State how many examples that turn by less than pi / 2 move away from the end of the line, and from the target."""
    parts = []
    for towards, rows in data.groupby("towards", sort=False):
        near = rows[rows["turning_to"] <= np.pi / 2 + 1e-4]
        rising = int(near["examples"][near["rise_from"] > 0].sum())
        total = int(near["examples"].sum())
        place = "where they end" if towards == "end of the line" else "their target, which they only come close to"
        parts.append(f"{of(rising, total)} move away from {place}")
    if not parts:
        return "No run of squared error has converged."
    return f"Of examples whose outputs turn by less than π/2, {listed(parts)}."


def of_width(data: pd.DataFrame) -> str:
    """State the exponent of the distance by the width, and on which widths lines are non-monotone."""
    rows = distinct(data)
    if len(rows) < FEWEST or rows["width"].nunique() < 2:
        return "Too few widths have converged runs."
    exponent, squared = _law(rows["width"].to_numpy(float), rows["distance"].to_numpy(float))
    how = "as fast as" if exponent <= -0.5 else "more slowly than"
    failed = rows["width"][~rows["monotonic"].astype(bool)]
    where = f" (width {', '.join(f'{width:g}' for width in sorted(set(failed)))})" if len(failed) else ""
    return (
        f"The distance falls with the width to the power {exponent:.2f} (R² {squared:.2f}), {how} the lazy regime's "
        f"−1/2; {of(len(failed), len(rows))} lines {are(len(failed))} non-monotone{where}."
    )


def of_linear_networks(data: pd.DataFrame) -> str:
    """State how many two-layer linear networks are monotone, and how many have a Gauss length below pi / 2."""
    if data.empty:
        return "No network has converged."
    monotone, near = data["monotone"].astype(bool), data["gauss_length"] < np.pi / 2
    all_of_them = "All" if monotone.all() else of(int(monotone.sum()), len(data))
    return (
        f"{all_of_them}{f' {len(data)}' if monotone.all() else ''} converged networks are monotone, "
        f"{of(int((monotone & near).sum()), int(near.sum()))} of those with a Gauss length below π/2 and "
        f"{of(int((monotone & ~near).sum()), int((~near).sum()))} of the others."
    )


def of_matching(data: pd.DataFrame) -> str:
    """State the mean barrier between optima as trained and after each way of matching their hidden units."""
    means = data[data["panel"] == "barriers"].groupby("kind", sort=False)["barrier"].mean()
    if "as trained" not in means:
        return "There is no line between converged optima."
    first = means.pop("as trained")
    parts = [
        f"by {kind.removesuffix(' matched')} it {'falls to' if mean < first else 'does not fall:'} {number(mean)}"
        for kind, mean in means.items()
    ]
    rest = f"; with hidden units matched {listed(parts)}" if parts else ""
    return f"The mean barrier between optima is {number(first)} as trained{rest}."


def of_paths(data: pd.DataFrame) -> str:
    """State how far paths of training leave their lines, of monotone and of non-monotone runs."""
    points = data[data["kind"] != OWN_KIND]
    if points.empty:
        return "No converged run has snapshots."
    farthest = points.assign(monotonic=points["monotonic"].astype(bool)).groupby(["suite", "run_id", "monotonic"])
    farthest = farthest["residual"].max().reset_index()
    parts = []
    for verdict, words in ((True, "monotone"), (False, "non-monotone")):
        group = farthest["residual"][farthest["monotonic"] == verdict]
        if len(group):
            parts.append(f"{number(group.max())} of its length in {len(group)} {words} run{'s' * (len(group) > 1)}")
    return f"Paths of training leave their line by at most {listed(parts)}."


def by_bins(data: pd.DataFrame) -> str:
    """State how the share of non-monotone lines changes from one bin of distance to the next."""
    panel = "all suites" if "all suites" in set(data["panel"]) else (data["panel"].iloc[0] if len(data) else "")
    rows = data[(data["panel"] == panel) & (data["optimizer"] == "all")].set_index("bin").reindex(DISTANCE_BINS)
    rows = rows.dropna(subset="converged")
    if rows.empty:
        return "No run has converged."
    shares = rows["proportion"].to_numpy()
    parts = [f"{of(int(row.non_monotone), int(row.converged))} at {row.Index}" for row in rows.itertuples()]
    if len(rows) < 2:
        return f"Non-monotone lines by normalised distance: {listed(parts)}."
    steady = bool((np.diff(shares) >= 0).all() and shares[-1] > shares[0])
    how = "grows" if steady else "does not grow steadily"
    return f"The share of non-monotone lines {how} with the normalised distance: {listed(parts)}."


def of_statistics(data: pd.DataFrame) -> str:
    """Compare the share of non-monotone lines with the statistics that have most of them with that of own lines."""
    rows = data[data["alpha"].isna()]
    parts = []
    for suite, group in rows.groupby("suite", sort=False):
        failed = ~group["monotonic"].map({"True": True, "False": False, True: True, False: False}).astype(bool)
        runs = failed.groupby([group["statistics"], group["run_id"]]).mean().groupby("statistics").mean()
        own = runs.pop(OWN_KIND) if OWN_KIND in runs else np.nan
        if len(runs) and np.isfinite(own):
            most = f"{100 * runs.max():.0f} % with {runs.idxmax()}" if runs.max() > own else "not more with any other"
            lines = f"{100 * own:.0f} % of {group['run_id'].nunique()} own lines"
            parts.append(f"in {suite} {lines} are non-monotone and {most}".replace("_", " "))
    return f"{upper('; '.join(parts))}." if parts else "No converged run has such lines."


def of_logits(data: pd.DataFrame) -> str:
    """Compare how much longer than their chords the paths of outputs are, with batch norm and without."""
    if data["batch_norm"].nunique() < 2:
        return "No pair of converged runs differs in batch norm only."
    ratios = {}
    for on, rows in data.groupby(data["batch_norm"].astype(bool)):
        paths = [path[["component_1", "component_2"]].to_numpy() for _, path in rows.groupby("example")]
        lengths = [(np.hypot(*np.diff(path, axis=0).T).sum(), np.hypot(*(path[-1] - path[0]))) for path in paths]
        ratios[on] = sum(length for length, _ in lengths) / max(sum(chord for _, chord in lengths), 1e-12)
    how = "more bent" if ratios[True] > ratios[False] else "less bent"
    how = "nearly straight, as without it" if max(ratios.values()) < STRAIGHT else f"{how} than without it"
    return (
        f"With batch norm the paths of the outputs are {how}: in two principal components they are "
        f"{ratios[True]:.3f} times as long as their chords, against {ratios[False]:.3f}."
    )
