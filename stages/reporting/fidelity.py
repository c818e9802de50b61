"""Which numbers of the paper agree with ours: counted by table, and those that differ one by one."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from stages.config.declared import item_of
from stages.measures.agreement import means_agree, proportions_agree
from stages.measures.power_law import fit
from stages.results.paper_comparison import AGREES, RULE, at_paper_scale, is_of
from stages.results.paper_numbers import NEVER, SCALE, read_paper_numbers
from stages.results.results import Results
from stages.results.rows import converged
from stages.shared.csv_files import read_csv

COLUMNS = ["place", "cell", "quantity", "ours", "runs", "paper", "paper_runs", "agrees"]
TABLES = tuple(f"table_{number}" for number in range(1, 8))
CELL_KEYS = ("optimizer", "step_size", "direction", "batch_norm", "initialization", "lr", "switch_after", "switch_lr")
OURS = {  # column of a table with our number, and with the number of its runs, by the name of the verdict
    "non_monotone": ("proportion", "converged"),
    "converged": ("converged", "trained"),
    "mean_min_delta_of_non_monotone": ("mean_min_delta_of_non_monotone", "non_monotone"),
    "gauss_length_smooth_grid": ("gauss_length_smooth_grid_mean", "gauss_length_smooth_grid_n"),
    "distance": ("distance_mean", "distance_n"),
}
POWER_LAWS = {"figure 7": "figure_07", "figure 15": "figure_15", "figure 17": "figure_17"}
STATED_PROPORTIONS = ("section 4.1", "section C.4")
INTRODUCTION = f"""\
# Fidelity: which of the paper's numbers are ours too

`paper/numbers.csv` has every number that the paper states in its tables and the text. Compared are those whose data and
networks were run at the paper's own scale. {RULE}; a number with an
interval agrees if the interval holds the paper's. Where ours are few runs, to agree means no more than not to be told
apart. `fidelity.csv` has each comparison. [Which settings are the paper's?](SETTINGS) says what the paper leaves open.
"""


def compare(tables: Path, plotted: dict[str, Results]) -> pd.DataFrame:
    """Put each number that the paper states beside ours.

    Args:
        tables: Folder of the tables that were made.
        plotted: The results that each figure and table was made from, by its key in `plot`.

    Returns:
        One row a comparison at the paper's own scale, with `COLUMNS`. `agrees` is missing where ours cannot say.
    """
    rows: list[dict] = []
    for key, results in plotted.items():
        name = item_of(key)
        if name in TABLES:
            rows += _of_table(name.replace("_", " "), read_csv(tables / f"{key}.csv"))
        rows += [row for place, figure in POWER_LAWS.items() if figure == name for row in _power_laws(place, results)]
        rows += _accuracies(results) if name == "figure_10" else []
        rows += _proportions(results) if name in TABLES else []
    found = pd.DataFrame(rows, columns=COLUMNS)
    return found.drop_duplicates(["place", "cell", "quantity", "ours", "paper"]).reset_index(drop=True)


def _of_table(place: str, cells: pd.DataFrame) -> Iterator[dict]:
    """Yield the comparisons of a table's cells: those with a verdict."""
    for column in [name for name in cells.columns if name.endswith(AGREES)]:
        name = column.removesuffix(AGREES)
        value, runs = OURS[name]
        for cell in cells[cells[column].notna()].to_dict("records"):
            if name == "converged":
                theirs = cell["paper_non_monotone_count"], cell["paper_non_monotone_total"]
            else:
                theirs = cell[f"paper_{name}"], cell[f"paper_{name}_count"]
            verdict = str(cell[column]) == "True"
            words = ", ".join(_word(key, cell[key]) for key in CELL_KEYS if key in cell and pd.notna(cell[key]))
            yield _row(place, words, name, cell[value], cell[runs], *theirs, verdict)


def _word(key: str, value: object) -> str:
    return f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"


def _row(place: str, cell: str, quantity: str, ours: float, runs: float, paper: float, paper_runs, agrees) -> dict:
    values = (place, cell, quantity, ours, runs, paper, paper_runs, agrees)
    return dict(zip(COLUMNS, values, strict=True))


def _stated(place: str, quantity: str) -> list[dict]:
    numbers = read_paper_numbers()
    return numbers[(numbers["place"] == place) & (numbers["quantity"] == quantity)].to_dict("records")


def _of(rows: pd.DataFrame, number: dict, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return the rows that have the values which a number states for some columns of its setting."""
    for column in columns:
        if number[column] is not None and pd.notna(number[column]):
            rows = rows[rows[column].map(lambda ours, stated=str(number[column]): is_of(ours, stated)).astype(bool)]
    return rows


def _power_laws(place: str, results: Results) -> Iterator[dict]:
    rows, settings = converged(results.lines()), results.measure
    for number in _stated(place, "r_squared"):
        chosen = _of(rows, number, SCALE)
        if len(chosen) < 3:
            continue
        x, y = (chosen[name].to_numpy(float) for name in ("normalized_distance", "gauss_length_smooth_grid"))
        law = fit(x, y, settings.confidence, settings.bootstrap, settings.bootstrap_seed)
        agrees = law.r_squared_low <= number["value"] <= law.r_squared_high
        cell = f"{number['dataset']}, {number['network']}"
        yield _row(place, cell, "r_squared", law.r_squared, law.points, number["value"], None, bool(agrees))


def _accuracies(results: Results) -> Iterator[dict]:
    rows = converged(results.lines())
    for number in _stated("figure 10", "test_accuracy"):
        chosen = _of(rows, number, SCALE)
        found = 100 * chosen[chosen["monotonic"] == number["monotone"]]["test_accuracy"].astype(float)
        if len(found):
            agrees = means_agree(
                found.mean(),
                found.sem(),
                len(found),
                number["value"],
                number["error"],
                float("nan"),
                results.measure.confidence,
            )
            cell = f"{number['dataset']}, {number['network']}, {'monotone' if number['monotone'] else 'non-monotone'}"
            yield _row("figure 10", cell, "test_accuracy", found.mean(), len(found), number["value"], None, agrees)


def _proportions(results: Results) -> Iterator[dict]:
    """Yield proportions that the text states for cells of tables, pooled."""
    rows = converged(results.lines())
    for place in STATED_PROPORTIONS:
        for number in _stated(place, "non_monotone"):
            chosen = _of(rows, number, (*SCALE, "optimizer", "batch_norm"))
            if pd.notna(number["lr"]):
                chosen = chosen[chosen["lr"].astype(float) == number["lr"]]
            lent = number["magnitude"] or ""
            after = number["switch_optimizer"] or ""
            chosen = chosen[(chosen["magnitude"].fillna("") == lent) & (chosen["switch_optimizer"].fillna("") == after)]
            if len(chosen) and at_paper_scale(chosen, place):
                risen = int((~chosen["monotonic"].astype(bool)).sum())
                theirs = (round(number["value"] * number["count"]), int(number["count"]))
                agrees = proportions_agree((risen, len(chosen)), theirs, results.measure.confidence)
                words = {"lr": number["lr"], "step of": lent or None, "then": after or None}
                words["switch"] = NEVER if number["switch_after"] == NEVER else None
                cell = ", ".join(
                    [number["optimizer"], *(f"{key} {value}" for key, value in words.items() if pd.notna(value))]
                )
                yield _row(
                    place, cell, "non_monotone", risen / len(chosen), len(chosen), number["value"], theirs[1], agrees
                )


def _text(value: object) -> str:
    """Write a number in few digits, and nothing where there is none."""
    if value is None or pd.isna(value):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def page(found: pd.DataFrame, settings: str) -> str:
    """Return the page: counts by place, then the comparisons that differ.

    Args:
        found: The comparisons, from `compare`.
        settings: Link to the page on the paper's settings.
    """
    introduction = INTRODUCTION.replace("SETTINGS", settings)
    judged = found[found["agrees"].notna()].astype({"agrees": bool})
    if judged.empty:
        return f"{introduction}\nNo suite of this run is at the paper's own scale, so nothing is compared.\n"
    counts = judged.groupby(["place", "quantity"], sort=False)["agrees"].agg(["size", "sum"]).astype(int).reset_index()
    counts.columns = ["place", "number", "compared", "agree"]
    total = f"{counts['agree'].sum()} of {counts['compared'].sum()} numbers agree."
    parts = [introduction, total, counts.to_markdown(index=False)]
    if len(apart := judged[~judged["agrees"]]):
        shown = apart.drop(columns="agrees").map(_text)
        parts += ["## Numbers that differ", shown.to_markdown(index=False, disable_numparse=True)]
    return "\n\n".join(part.strip() for part in parts) + "\n"
