"""Tables 1 to 4: how many lines are non-monotone."""

import pandas as pd

from stages.figures.declare import table
from stages.figures.outputs import Table
from stages.figures.words import OPTIMIZERS, VARIANTS, explain, left_out, number, optimizer_name, split, subject
from stages.results.counts import proportions
from stages.results.results import Results


@table(
    1,
    "non_monotone_by_learning_rate",
    shows="Non-monotone lines by optimizer, batch norm and learning rate.",
    paper="Large rates and Adam with batch norm.",
    claims=(
        "small_learning_rates_are_monotone",
        "large_learning_rates_break_monotonicity",
        "adaptive_optimizers_break_monotonicity",
        "batch_norm_breaks_monotonicity",
    ),
)
def non_monotone_by_learning_rate(results: Results) -> Table:
    """Table 1: a row for each optimizer with and without batch norm, a column for each learning rate.

    Args:
        results: The pooled suites.

    Returns:
        Tidy: one row a cell with counts, proportion and interval. Markdown: as the paper's.
    """
    return _by_learning_rate(results, ["optimizer", "batch_norm"])


@table(
    3,
    "non_monotone_by_batch_norm",
    shows="The same by learning rate and batch norm.",
    paper="Larger rates tend to be non-monotone more often; the correlation is weaker than in table 1.",
    claims=("batch_norm_breaks_monotonicity",),
)
def non_monotone_by_batch_norm(results: Results) -> Table:
    """Table 3: a row with and one without batch norm, a column for each learning rate; optimizers are pooled."""
    return _by_learning_rate(results, ["batch_norm"])


def _by_learning_rate(results: Results, keys: list[str]) -> Table:
    rows = results.lines()
    cells = _in_order(proportions(rows, [*keys, "lr"], results.measure.confidence), [*keys, "lr"])
    rates = sorted(set(cells["lr"]))
    lines = []
    for _, group in cells.groupby(keys, sort=False):
        texts = {cell.lr: _cell(cell) for cell in group.itertuples()}
        lines.append([*_words(group.iloc[0], keys), *(texts.get(rate, "") for rate in rates)])
    head = [name.replace("_", " ") for name in keys] + [f"{rate:g}" for rate in rates]
    title = f"Proportion of non-monotone lines by learning rate: {subject(rows)}"
    return Table(cells, _markdown(results, rows, title, len(keys), head, lines))


@table(
    2,
    "non_monotone_by_initialization",
    shows="Non-monotone lines of residual networks by initialisation.",
    paper="BN 54 and 77 %; the others far fewer.",
    claims=("block_identity_restores_monotonicity",),
)
@table(
    4,
    "non_monotone_by_initialization",
    shows="Table 2 on a harder problem.",
    paper="BN 45 and 62 %; the others far fewer.",
    claims=("block_identity_restores_monotonicity",),
)
def non_monotone_by_initialization(results: Results) -> Table:
    """Tables 2 and 4: residual networks, rows for each optimizer, a column for each variant.

    Args:
        results: The pooled suites.

    Returns:
        Tidy: one row a cell with counts, proportion, interval and the mean min Delta over non-monotone lines. Markdown:
        as the paper's.
    """
    rows = results.lines()
    rows = rows[rows["network"].astype(str).str.startswith("resnet")]
    keys = ["optimizer", "batch_norm", "initialization"]
    cells = _in_order(proportions(rows, keys, results.measure.confidence), keys)
    risen = rows[(rows["status"] == "converged") & ~rows["monotonic"]].astype({"min_delta": float})
    means = risen.groupby(keys)["min_delta"].mean().rename("mean_min_delta_of_non_monotone").reset_index()
    cells = cells.merge(means.astype({"batch_norm": bool}), on=keys, how="left")
    found = {(cell.batch_norm, cell.initialization): None for cell in cells.itertuples()}
    variants = [variant for variant in VARIANTS if variant in found]
    lines = []
    for name, group in cells.groupby("optimizer", sort=False):
        at = {(cell.batch_norm, cell.initialization): cell for cell in group.itertuples()}
        shown = [at.get(variant) for variant in variants]
        optimizer = optimizer_name(name)
        lines.append([optimizer, "proportion", *("" if cell is None else _cell(cell) for cell in shown)])
        lines.append([optimizer, "mean min Δ", *("" if cell is None else _mean(cell) for cell in shown)])
    head = ["optimizer", "non-monotone", *(VARIANTS[variant] for variant in variants)]
    title = f"Non-monotone lines by batch norm and initialisation: {subject(rows)}"
    note = "BN: batch norm; NBN: scales and biases in its place; -I: block-identity initialisation; NBN-F: Fixup. "
    note += "Mean min Δ: over non-monotone lines only, as in the paper; – where there is none. "
    return Table(cells, _markdown(results, rows, title, 2, head, lines, note))


def _in_order(cells: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return cells with optimizers in the paper's order, and networks with batch norm first."""
    order = {name: place for place, name in enumerate(OPTIMIZERS)}

    def place(column: pd.Series) -> pd.Series:
        if column.name == "optimizer":
            return pd.Series([(order.get(name, len(order)), name) for name in column], index=column.index)
        return ~column.astype(bool) if column.name == "batch_norm" else column

    return cells.sort_values(keys, key=place).reset_index(drop=True)


def _words(row: pd.Series, keys: list[str]) -> list[str]:
    words = {"optimizer": optimizer_name, "batch_norm": lambda on: "yes" if on else "no"}
    return [words[key](row[key]) for key in keys]


def markdown(title: str, keys: int, head: list[str], lines: list[list[str]], note: str) -> str:
    """Write a table as Markdown.

    Args:
        title: Above it.
        keys: How many columns, from the first, hold words and not numbers.
        head: Names of the columns.
        lines: The cells of each row.
        note: Below it.

    Returns:
        The file's text.
    """
    sides = ["left"] * keys + ["right"] * (len(head) - keys)
    cells = pd.DataFrame(lines, columns=head).to_markdown(index=False, colalign=sides, disable_numparse=True)
    return f"**{title}**\n\n{cells}\n\n{note}\n"


def _markdown(
    results: Results,
    rows: pd.DataFrame,
    title: str,
    keys: int,
    head: list[str],
    lines: list[list[str]],
    note: str = "",
) -> str:
    """Write a table of `rows`, of which the first columns are keys, with what its cells mean."""
    below = (
        f"In a cell: proportion of non-monotone lines (number of converged runs), below it the "
        f"{100 * results.measure.confidence:g} % Wilson interval; – where no run converged, empty where none was "
        f"trained. {note}{explain(results)} {len(rows)} runs: {split(rows)}; {left_out(rows)} (by cell in the CSV)."
    )
    return markdown(title, keys, head, lines, below)


def _cell(cell: object) -> str:
    if not cell.converged:
        return "–"
    return f"{cell.proportion:.2f} ({cell.converged})<br>{cell.low:.2f}–{cell.high:.2f}"


def _mean(cell: object) -> str:
    return number(cell.mean_min_delta_of_non_monotone) if cell.non_monotone else "–"
