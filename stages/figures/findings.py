"""Sentences of finding: what follows from the numbers of a figure's or table's CSV, by rules.

A function of this kind gets the CSV as pandas reads it, so that a reader can check the sentence on the file.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from stages.figures.words import number, optimizer_name
from stages.measures.agreement import proportions_agree

FEWEST = 5
"""Lines or points from which a sentence says more than how many there are."""
MOST = 4
"""Groups up to which a sentence names each."""
CONFIDENCE = 0.95
"""Confidence from which two shares are said to differ."""
IDENTITY = ["suite", "line", "kind", "label", "start_run_id", "run_id", "draw", "part"]
"""Columns that tell lines apart, of which a CSV may lack some."""
Counts = list[tuple[str, int, int]]
"""Groups with the number of their lines that rise, or of what else is counted, and of all of their lines."""


def distinct(data: pd.DataFrame, more: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row for each line of a CSV, with `monotonic` as a truth value.

    Args:
        data: Points of lines; rows without a verdict are left out.
        more: Columns that also tell lines apart, such as `panel`.
    """
    rows = data[data["monotonic"].notna()]
    rows = rows.drop_duplicates([name for name in [*IDENTITY, *more] if name in rows])
    return rows.assign(monotonic=rows["monotonic"].map({True: True, False: False, "True": True, "False": False}))


def counts_by(rows: pd.DataFrame, column: str) -> Counts:
    """Return the numbers of non-monotone lines and of all lines by the values of a column, in order of appearance."""
    groups = rows.groupby(column, sort=False)["monotonic"]
    return [(str(name), int((~group.astype(bool)).sum()), len(group)) for name, group in groups]


def of(count: int, total: int) -> str:
    """Write a number and the one that it is a part of."""
    return f"{count} of {total}"


def are(count: int) -> str:
    """Return the verb that goes with a number."""
    return "is" if count == 1 else "are"


def listed(parts: Iterable[str]) -> str:
    """Join words by commas, the last by "and"."""
    parts = list(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def risen(counts: Counts, what: str = "lines", word: str = "for ") -> str:
    """State how many lines are non-monotone, and in which groups most are.

    Args:
        counts: The groups.
        what: Name of the lines.
        word: What stands before the name of a group.

    Returns:
        A sentence: of few groups it names all, from the highest share down, of many the highest alone.
    """
    total, k = sum(n for *_, n in counts), sum(k for _, k, _ in counts)
    if total < FEWEST:
        return (
            f"{of(k, total)} {what} {are(k)} non-monotone: too few to tell more." if total else f"There are no {what}."
        )
    if not k:
        return f"None of the {total} {what} is non-monotone."
    ordered = sorted(counts, key=lambda one: -one[1] / max(one[2], 1))
    text = f"{of(k, total)} {what} {are(k)} non-monotone"
    if len(counts) == 1:
        return f"{text}."
    if len(counts) <= MOST:
        return f"{text}: {listed(f'{of(a, n)} {word}{name}' for name, a, n in ordered)}."
    name, a, n = ordered[0]
    none = sum(not one[1] for one in counts)
    return f"{text}, the largest share {word}{name} ({of(a, n)}); {of(none, len(counts))} groups have none."


def contrast(first: tuple[str, int, int], second: tuple[str, int, int], verb: str = "has") -> str:
    """Compare the shares of two groups by Fisher's exact test at level 0.05.

    Args:
        first: Name of a group, the number of its non-monotone lines, and of all of its lines.
        second: The other group.
        verb: The verb after the name of the first group: `has` or `have`.

    Returns:
        A clause that says which group has the larger share, or that they do not differ clearly.
    """
    (a, k, n), (b, m, o) = first, second
    same = proportions_agree((k, n), (m, o), CONFIDENCE)
    if same is None:
        return f"only {a if n else b} {verb} lines: {of(k, n) if n else of(m, o)} are non-monotone"
    numbers = f"({of(k, n)} against {of(m, o)})"
    if same:
        return f"{a} and {b} do not clearly differ in non-monotone lines {numbers}"
    return f"{a} {verb} {'more' if k / n > m / o else 'fewer'} non-monotone lines than {b} {numbers}"


def upper(sentence: str) -> str:
    """Return a sentence that begins with a capital letter."""
    return sentence[:1].upper() + sentence[1:]


def named(optimizer: str) -> str:
    """Return the label of an optimizer, and "all optimizers" as it is."""
    return optimizer_name(optimizer)


def below(value: float) -> float:
    """Return the largest number of two digits that is not above a positive value."""
    step = 10.0 ** (np.floor(np.log10(value)) - 1)
    return float(f"{np.floor(value / step * (1 + 1e-12)) * step:.6g}")


def shortest(rows: pd.DataFrame, column: str, what: str, unit: str = "") -> str:
    """State from which distance or length on lines are non-monotone.

    Args:
        rows: One row a line, with `monotonic` and the column.
        column: Its positive numbers.
        what: Comparative and name, such as `shorter than a distance of`.
        unit: Of the numbers.

    Returns:
        A sentence: none of the lines below a value is non-monotone, some of the others are.
    """
    values = rows[column].astype(float)
    rows = rows[np.isfinite(values) & (values > 0)]
    values, failed = values[rows.index], ~rows["monotonic"].astype(bool)
    k = int(failed.sum())
    if len(rows) < FEWEST:
        return f"{of(k, len(rows))} lines {are(k)} non-monotone: too few to tell more."
    if not failed.any():
        return f"None of the {len(rows)} lines is non-monotone, up to {number(values.max())}{unit}."
    edge = below(values[failed].min())
    near = int((values < edge).sum())
    text = f"{of(k, len(rows) - near)} lines from there on {are(k)}"
    if not near:
        return f"{of(k, len(rows))} lines {are(k)} non-monotone, also the shortest ones."
    return f"None of the {near} lines {what} {number(edge)}{unit} is non-monotone; {text}."
