"""Sentences of finding of figures that show losses along lines."""

import numpy as np
import pandas as pd

from stages.figures.findings import FEWEST, Counts, contrast, counts_by, distinct, listed, of, risen, upper
from stages.figures.rises import largest_rises
from stages.figures.style import OWN_KIND
from stages.figures.words import number
from stages.results.failures import AT_END, NEAR_START


def by_panel(data: pd.DataFrame) -> str:
    """State how many lines are non-monotone, by panel."""
    return risen(counts_by(distinct(data, ["panel"]), "panel"))


def by_learning_rate(data: pd.DataFrame) -> str:
    """State how many lines are non-monotone above the median learning rate and up to it, and whether they differ."""
    rows = distinct(data)
    cut = rows["lr"].median() if len(rows) else 0.0
    above = rows["lr"] > cut
    if len(rows) < FEWEST or not above.any():
        return risen(counts_by(rows, "panel"))
    failed = ~rows["monotonic"].astype(bool)
    groups = [
        (words, int(failed[side].sum()), int(side.sum()))
        for words, side in ((f"learning rates above {number(cut)}", above), (f"those up to {number(cut)}", ~above))
    ]
    return f"{of(int(failed.sum()), len(rows))} lines are non-monotone; {contrast(*groups, 'have')}."


def by_size(data: pd.DataFrame) -> str:
    """State how many lines are non-monotone, by the number of training examples."""
    return _over(counts_by(distinct(data[data["curve"] == "line"]), "panel"), "lines")


def by_corruption(data: pd.DataFrame) -> str:
    """State how many lines of converged runs are non-monotone, by the share of corrupted labels."""
    return _over(counts_by(distinct(data[data["status"] == "converged"]), "panel"), "lines of converged runs")


def _over(counts: Counts, what: str) -> str:
    """State how many lines are non-monotone and, where none is, from which panel to which that holds."""
    text = risen(counts, what)
    first, last = (counts[0][0], counts[-1][0]) if counts else ("", "")
    return f"{text[:-1]}, from {first} up to {last}." if text.startswith("None") and first != last else text


def of_splits(data: pd.DataFrame) -> str:
    """State on how many of the lines shown the test loss rises by more than the tolerance, and the training loss."""
    rows = data.drop_duplicates(["panel", "run_id"])
    if rows.empty:
        return "No run has converged."
    training, test = (int((~rows[name].astype(bool)).sum()) for name in ("monotonic", "test_monotonic"))
    alone = int((rows["monotonic"].astype(bool) & ~rows["test_monotonic"].astype(bool)).sum())
    text = f"The test loss rises on {of(test, len(rows))} lines shown, the training loss on {training}"
    return f"{text}; on {alone} the test loss rises although the training loss does not."


def like_the_own_line(data: pd.DataFrame) -> str:
    """State how many other lines to an optimum have the verdict of the run's own line, by that verdict."""
    rows = distinct(data)
    own = rows[rows["kind"] == OWN_KIND].drop_duplicates(["suite", "run_id"])
    others = rows[rows["kind"] != OWN_KIND].merge(
        own[["suite", "run_id", "monotonic"]], on=["suite", "run_id"], suffixes=("", "_own")
    )
    if others.empty:
        return "There is no such line to a converged run."
    same = others["monotonic"] == others["monotonic_own"]
    parts = []
    for verdict, words in ((True, "monotone"), (False, "non-monotone")):
        group = same[others["monotonic_own"] == verdict]
        if len(group):
            parts.append(f"{of(int(group.sum()), len(group))} where that is {words}")
    text = f"{of(int(same.sum()), len(others))} lines have the verdict of the run's own line"
    return f"{text}: {listed(parts)}."


def of_barriers(data: pd.DataFrame) -> str:
    """State the mean barrier of lines between runs by the kind of their ends, from the highest down."""
    rows = data[data["kind"] != OWN_KIND]
    if rows.empty:
        return "There is no line between converged runs."
    lines = rows.groupby(["kind", "suite", "line", "start_run_id", "run_id"], sort=False)["train_loss"]
    barriers = (lines.max() - np.maximum(lines.first(), lines.last())).groupby("kind", sort=False)
    means = barriers.mean().sort_values(ascending=False, kind="stable")
    numbers = barriers.size()
    parts = [f"{number(value)} {kind} ({numbers[kind]} lines)" for kind, value in means.items()]
    return f"The mean barrier of lines is {listed(parts)}."


def by_start(data: pd.DataFrame) -> str:
    """State how many lines are non-monotone by where they start, which the panels name."""
    rows = distinct(data[data["kind"] != OWN_KIND])
    names = rows["panel"].str.replace(r"^run \d+: ", "", regex=True)
    names = names.where(names.str.startswith("from "), "with " + names)
    return risen(counts_by(rows.assign(panel=names), "panel"), word="")


def of_kinds(data: pd.DataFrame) -> str:
    """State where along the line non-monotone lines rise most."""
    rows = data.drop_duplicates(["suite", "run_id"])
    near, end = int((rows["bump_alpha"] < NEAR_START).sum()), int((rows["bump_alpha"] > AT_END).sum())
    between = len(rows) - near - end
    if rows.empty:
        return "No line is non-monotone."
    places = f" (up to an α below {NEAR_START:g}), {end} at the end (above {AT_END:g})"
    middle = between or "none"
    return f"{of(near, len(rows))} non-monotone lines rise most near the start{places} and {middle} in between."


def of_one_plane(data: pd.DataFrame) -> str:
    """State along which lines between marked points the loss rises, and whether training itself rises."""
    lines = distinct(data[data["what"] == "line"]).drop_duplicates("label")
    if lines.empty:
        return "No line between the points was evaluated."
    falls = lines["label"][lines["monotonic"]]
    rises = [f"{row.label} (min Δ {number(row.min_delta)})" for row in lines[~lines["monotonic"]].itertuples()]
    parts = [f"falls along {listed(falls)}"] if len(falls) else []
    parts += [f"rises along {listed(rises)}"] if rises else []
    text = f"The training loss {' and '.join(parts)}"
    path = data[data["what"] == "training"]
    if len(path):
        rise = largest_rises(path["train_loss"], [path["label"]]).max()
        text += f"; on the path of training it {f'rises by {number(rise)}' if rise > 0 else 'only falls'}"
    return f"{text}."


def of_planes(data: pd.DataFrame) -> str:
    """State near which marked point each plane is lowest."""
    places = []
    for plane, rows in data.groupby("plane", sort=False):
        grid, marks = rows[(rows["what"] == "grid") & rows["train_loss"].notna()], rows[rows["what"] == "mark"]
        if len(grid):
            lowest = grid.loc[grid["train_loss"].idxmin()]
            nearest = marks.loc[np.hypot(marks["x"] - lowest["x"], marks["y"] - lowest["y"]).idxmin()]
            places.append((str(plane), nearest, lowest))
    if not places:
        return "There is no plane of runs that did not diverge."
    trained = sum(nearest["kind"] == "final" for _, nearest, _ in places)
    parts = [
        f"{number(lowest['train_loss'])} nearest to {nearest['label']} on {plane}" for plane, nearest, lowest in places
    ]
    text = "each plane is" if trained == len(places) else f"{of(trained, len(places))} planes are"
    return f"{upper(text)} lowest near a trained network: {listed(parts)}.".replace("_", " ")


def of_planes_and_lines(data: pd.DataFrame) -> str:
    """State how many lines between the marked points of planes are non-monotone, by their kind."""
    lines = distinct(data[data["what"] == "line"]).drop_duplicates(["suite", "label"])
    return risen(counts_by(lines.replace({"kind": {OWN_KIND: "own lines"}}), "kind"), word="")
