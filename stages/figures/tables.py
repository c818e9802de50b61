"""Tables 1 to 4: how many lines are non-monotone."""

import pandas as pd

from stages.figures import findings_of_tables
from stages.figures.declare import table
from stages.figures.outputs import Table
from stages.figures.words import OPTIMIZERS, VARIANTS, explain, left_out, number, optimizer_name, split, subject
from stages.measures.agreement import means_agree, proportions_agree
from stages.results.counts import proportions
from stages.results.paper_comparison import AGREES, RULE, at_paper_scale, beside_paper, paper_cells, verdicts
from stages.results.results import Results

PAPER_NOTE = f"Below ours the paper's number (its converged runs). {RULE}. "


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
    finding=findings_of_tables.by_optimizer_and_rate,
)
def non_monotone_by_learning_rate(results: Results) -> Table:
    """Table 1: a row for each optimizer with and without batch norm, a column for each learning rate.

    Args:
        results: The pooled suites.

    Returns:
        Tidy: one row a cell with counts, proportion and interval. Markdown: as the paper's.
    """
    return _by_learning_rate(results, ["optimizer", "batch_norm"], "table 1")


@table(
    3,
    "non_monotone_by_batch_norm",
    shows="The same by learning rate and batch norm.",
    paper="Larger rates tend to be non-monotone more often; the correlation is weaker than in table 1.",
    claims=("batch_norm_breaks_monotonicity",),
    finding=findings_of_tables.by_batch_norm_and_rate,
)
def non_monotone_by_batch_norm(results: Results) -> Table:
    """Table 3: a row with and one without batch norm, a column for each learning rate; optimizers are pooled."""
    return _by_learning_rate(results, ["batch_norm"])


def _by_learning_rate(results: Results, keys: list[str], place: str | None = None) -> Table:
    """Write a row for each combination of the keys, a column for each learning rate.

    Args:
        results: The pooled suites.
        keys: Columns that make a row.
        place: The paper's table whose numbers stand beside; None if its cells cannot be told apart.

    Returns:
        The table.
    """
    rows = results.lines()
    cells = _in_order(proportions(rows, [*keys, "lr"], results.measure.confidence), [*keys, "lr"])
    if place:
        cells = with_paper_proportions(cells, rows, place, [*keys, "lr"], results.measure.confidence)
    rates = sorted(set(cells["lr"]))
    beside = place is not None and at_paper_scale(rows, place)
    lines = []
    for _, group in cells.groupby(keys, sort=False):
        texts = {cell["lr"]: _cell(cell, beside) for cell in group.to_dict("records")}
        lines.append([*_words(group.iloc[0], keys), *(texts.get(rate, "") for rate in rates)])
    head = [name.replace("_", " ") for name in keys] + [f"{rate:g}" for rate in rates]
    title = f"Proportion of non-monotone lines by learning rate: {subject(rows)}"
    return Table(cells, _markdown(results, rows, title, len(keys), head, lines, PAPER_NOTE if beside else ""))


@table(
    2,
    "non_monotone_by_initialization",
    shows="Non-monotone lines of residual networks by initialisation.",
    paper="BN 54 and 77 %; the others far fewer.",
    claims=("block_identity_restores_monotonicity",),
    finding=findings_of_tables.by_variant,
)
@table(
    4,
    "non_monotone_by_initialization",
    shows="Table 2 on a harder problem.",
    paper="BN 45 and 62 %; the others far fewer.",
    claims=("block_identity_restores_monotonicity",),
    finding=findings_of_tables.by_variant,
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
    place = "table 4" if at_paper_scale(rows, "table 4") else "table 2"
    cells = with_paper_proportions(cells, rows, place, keys, results.measure.confidence)
    errors = risen.groupby(keys)["min_delta"].sem().rename("error").reset_index()
    cells = _with_paper_means(cells, errors, rows, place, keys, results.measure.confidence)
    beside = at_paper_scale(rows, place)
    found = set(zip(cells["batch_norm"], cells["initialization"], strict=True))
    variants = [variant for variant in VARIANTS if variant in found]
    lines = []
    for name, group in cells.groupby("optimizer", sort=False):
        at = {(cell["batch_norm"], cell["initialization"]): cell for cell in group.to_dict("records")}
        shown = [at.get(variant) for variant in variants]
        optimizer = optimizer_name(name)
        lines.append([optimizer, "proportion", *("" if cell is None else _cell(cell, beside) for cell in shown)])
        lines.append([optimizer, "mean min Δ", *("" if cell is None else _mean(cell, beside) for cell in shown)])
    head = ["optimizer", "non-monotone", *(VARIANTS[variant] for variant in variants)]
    title = f"Non-monotone lines by batch norm and initialisation: {subject(rows)}"
    note = "BN: batch norm; NBN: scales and biases in its place; -I: block-identity initialisation; NBN-F: Fixup. "
    note += "Mean min Δ: over non-monotone lines only, as in the paper; – where there is none. "
    return Table(cells, _markdown(results, rows, title, 2, head, lines, note + (PAPER_NOTE if beside else "")))


def with_paper_proportions(
    cells: pd.DataFrame, rows: pd.DataFrame, place: str, keys: list[str], confidence: float
) -> pd.DataFrame:
    """Put the paper's proportions and numbers of converged runs beside ours.

    Args:
        cells: Cells of `proportions`.
        rows: Rows of `Results.lines` that they count.
        place: The paper's table.
        keys: Columns that tell cells apart.
        confidence: Confidence of the verdict whether both agree.

    Returns:
        The cells with the columns of `beside_paper` for `non_monotone`, and with `converged_agrees`: whether as many of
        the trained runs converge as in the paper. There are verdicts only at the paper's own scale.
    """

    def agree(cell: dict) -> bool | None:
        count = cell["paper_non_monotone_count"]
        theirs = (round(count * cell["paper_non_monotone"]) if count else 0, int(count))
        return proportions_agree((cell["non_monotone"], cell["converged"]), theirs, confidence)

    def converge_alike(cell: dict) -> bool | None:
        count, total = cell["paper_non_monotone_count"], cell["paper_non_monotone_total"]
        if pd.isna(count) or pd.isna(total):
            return None
        return proportions_agree((cell["converged"], cell["trained"]), (int(count), int(total)), confidence)

    judged = at_paper_scale(rows, place)
    cells = beside_paper(cells, paper_cells(place, "non_monotone"), keys, "non_monotone", agree if judged else None)
    alike = verdicts(converge_alike(cell) if judged else None for cell in cells.to_dict("records"))
    return cells.assign(**{"converged" + AGREES: alike})


def _with_paper_means(
    cells: pd.DataFrame, errors: pd.DataFrame, rows: pd.DataFrame, place: str, keys: list[str], confidence: float
) -> pd.DataFrame:
    """Put the paper's mean min Delta over non-monotone runs beside ours, whose standard `errors` are given by cell."""
    name = "mean_min_delta_of_non_monotone"
    error = cells.merge(errors.astype({"batch_norm": bool}), on=keys, how="left")["error"].to_numpy(float)

    def agree(cell: dict) -> bool | None:
        ours = cell[name], cell["error"], cell["non_monotone"]
        return means_agree(*ours, cell[f"paper_{name}"], float("nan"), cell[f"paper_{name}_count"], confidence)

    paper = paper_cells(place, "min_delta")
    paper = paper[paper["count"] > 0]
    judged = agree if at_paper_scale(rows, place) else None
    return beside_paper(cells.assign(error=error), paper, keys, name, judged).drop(columns="error")


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


def _cell(cell: dict, beside: bool) -> str:
    """Return a proportion with its interval, and the paper's below it if it is to stand `beside`."""
    ours = "–"
    if cell["converged"]:
        ours = f"{cell['proportion']:.2f} ({cell['converged']})<br>{cell['low']:.2f}–{cell['high']:.2f}"
    if not beside:
        return ours
    count = cell["paper_non_monotone_count"]
    return ours + paper_text(cell, "non_monotone", f"{cell['paper_non_monotone']:.2f} ({count:g})" if count else "–")


def _mean(cell: dict, beside: bool) -> str:
    """Return a mean min Delta, and the paper's below it if it is to stand `beside`."""
    name = "mean_min_delta_of_non_monotone"
    ours = number(cell[name]) if cell["non_monotone"] else "–"
    return ours + paper_text(cell, name, number(cell[f"paper_{name}"])) if beside else ours


def paper_text(cell: dict, name: str, text: str) -> str:
    """Return what stands below our number in a cell: the paper's number, and whether both agree.

    Args:
        cell: A cell with the columns of `beside_paper`.
        name: The name of the number there.
        text: The paper's number as it is written.

    Returns:
        Nothing if the paper has no such cell.
    """
    if pd.isna(cell[f"paper_{name}_count"]):
        return ""
    verdict = cell[name + AGREES]
    return f"<br>paper {text}" + ("" if pd.isna(verdict) else ", agrees" if verdict else ", differs")
