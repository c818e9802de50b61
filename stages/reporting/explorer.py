"""The run explorer: one page that works without a network, with every run of the suites of a pipeline."""

from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from stages.config import OWN_LINE, Suite
from stages.config.job import Job
from stages.reporting.explorer_chart import ACROSS, DATA, WIDE, Choices, embedding, specification
from stages.results.measures_file import read_measures
from stages.results.precedence import one_origin
from stages.results.results import Results
from stages.results.rows import SEEDS
from stages.shared.files import write_bytes

TEMPLATES = Path(__file__).parent / "templates"
LIBRARIES = TEMPLATES / "offline.html"
"""Page of `dvc plots`, whose only script is the libraries that draw."""
CURVE_DIGITS = 6
"""Significant digits of the losses of curves; min Delta has those of measures.csv."""
DEFAULT_TOLERANCE = 1e-3
"""Tolerance that the slider stands at first if every suite has a tolerance of zero."""
NAMED = ("network", "hidden", "layers", "activation", "batch_norm", "optimizer", "lr")
"""Columns that the description of a run begins with, if its suite has them."""


def write_explorer(job: Job) -> None:
    """Write explorer.html into the folder of reports.

    Args:
        job: The parameters and folders of the pipeline, whose suites are measured.

    Raises:
        UserError: If measures.csv or the curves of a suite are missing or damaged.
    """
    write_bytes(job.reports / "explorer.html", page(job).encode())


def page(job: Job) -> str:
    """Return the page.

    Args:
        job: The parameters and folders of the pipeline, whose suites are measured.

    Returns:
        The page as HTML, with its data and the libraries that draw inside it.

    Raises:
        UserError: If measures.csv or the curves of a suite are missing or damaged.
    """
    found = list(runs(job))
    rises = [run["min_delta"] for run in found if run["min_delta"]]
    alphas = [list(Results.of(job, (run["suite"],)).curves[run["suite"]].alphas) for run in found[:1]]
    limits = pd.Series([suite.tolerance for suite in job.params.suites.values() if suite.tolerance > 0])
    choices = Choices(
        suites=tuple(dict.fromkeys(run["suite"] for run in found)),
        optimizers=tuple(dict.fromkeys(run["optimizer"] for run in found)),
        tolerance=float(limits.mode().max()) if len(limits) else DEFAULT_TOLERANCE,
        least_rise=min(rises, default=DEFAULT_TOLERANCE),
        alphas=alphas[0] if alphas else (0.0, 1.0),
    )
    chart = specification(choices)
    chart["datasets"][DATA] = [_drawn(run) for run in found]
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":"), "allow_nan": False}
    return environment.get_template("explorer.html.j2").render(
        chart=chart,
        embedding=embedding(),
        libraries=libraries(),
        runs=found,
        suites=len({run["suite"] for run in found}),
        points=len({run["run_id"] for run in found}),
        digits=CURVE_DIGITS,
        wide=WIDE,
    )


def libraries() -> Markup:
    """Return Vega, Vega-Lite and Vega-Embed as a script element."""
    text = LIBRARIES.read_text(encoding="utf-8")
    return Markup(text[text.index("<script>") : text.index("</script>") + len("</script>")])


def runs(job: Job) -> Iterator[dict[str, Any]]:
    """Yield what the page says of each run of each suite.

    A run that several suites hold comes once for each, and `first` is true for the first of them.

    Args:
        job: The parameters and folders of the pipeline.

    Yields:
        Names, numbers and texts by column, and `curve`, the training losses along its own line.
    """
    table = one_origin(read_measures(job.reports / "measures.csv"))
    own = table[table["line"] == OWN_LINE].reset_index(drop=True)
    seen: set[str] = set()
    for name, suite in job.params.suites.items():
        rows = own[own["suite"] == name]
        if rows.empty:
            continue
        results = Results.of(job, (name,))
        plain = results.lines(once=False)
        varied = _varied(rows)
        curves = results.values(plain, "loss_train")
        for (place, row), status, (_, losses) in zip(rows.iterrows(), plain["status"], curves, strict=True):
            finite = status != "diverged"
            yield {
                "key": f"{name}/{row['run_id']}",
                "run_id": row["run_id"],
                "suite": name,
                "first": row["run_id"] not in seen,
                "row": int(str(place)) + 2,
                "status": status,
                "optimizer": row["optimizer"],
                "batch_norm": str(row["batch_norm"]) == "True",
                "about": ", ".join(_clauses(row, varied)),
                "narrowed": narrowed(suite, row),
                "tolerance": suite.tolerance,
                "monotone": str(row["monotonic"]) == "True" if finite else None,
                "min_delta": _number(row["min_delta"]) if finite else None,
                "start": _rounded(losses[0]) if finite else None,
                "curve": [_rounded(loss) for loss in losses] if finite else [],
                **{column: _number(row[column]) for column in ACROSS.values()},
            }
            seen.add(row["run_id"])


def narrowed(suite: Suite, row: Mapping[str, Any]) -> str:
    """Return a value of `grids` with which a suite holds one of its runs only.

    Args:
        suite: The suite.
        row: The run's row of measures.csv.

    Returns:
        A YAML mapping in one line; a key that no grid of the suite sets for such a run is left out.
    """
    grid: dict[str, list] = {}
    for choices in suite.grids.values():
        for key, values in choices.items():
            same = [value for value in values if key in row and _as_column(value) == _as_column(row[key])]
            if same:
                grid[key] = same[:1]
    text: str = yaml.safe_dump({"one": grid}, default_flow_style=True, sort_keys=False, width=10**6)
    return text.strip()


def _as_column(value: Any) -> Any:
    """Return a value of a grid or a cell of measures.csv in the form in which both can be compared."""
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return None
    text = "-".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    try:
        return float(f"{float(text):.9g}")
    except ValueError:
        return text


def _varied(rows: pd.DataFrame) -> list[str]:
    """Return the columns of the configuration in which the runs of a suite differ, those in `NAMED` first."""
    start, end = rows.columns.get_loc("dataset"), rows.columns.get_loc("status")
    differing = [name for name in rows.columns[start:end] if rows[name].nunique(dropna=False) > 1]
    derived = ("depth", "width", "bottleneck")
    there = [name for name in NAMED if name in rows and rows[name].notna().any()]
    return list(dict.fromkeys(there + [name for name in differing if name not in (*SEEDS, *derived)])) + ["seed"]


def _clauses(row: Mapping[str, Any], columns: Iterable[str]) -> Iterator[str]:
    """Yield what a run is in a few words each."""
    for name in columns:
        value = row[name]
        if value is None or (isinstance(value, float) and not isfinite(value)) or name == "first":
            continue
        if name == "batch_norm":
            yield "batch norm" if str(value) == "True" else "no batch norm"
        elif name in ("network", "optimizer", "activation", "initialization"):
            yield str(value)
        else:
            yield f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}"


def _drawn(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the chart needs of a run; the rest stands in the page's table."""
    return {name: value for name, value in run.items() if name not in ("narrowed", "monotone")}


def _number(value: Any) -> float | None:
    number = float(value)
    return number if isfinite(number) else None


def _rounded(value: float) -> float:
    """Return a loss with `CURVE_DIGITS` significant digits; rounding keeps the order, so it makes no rise."""
    rounded = float(f"{value:.{CURVE_DIGITS}g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 10**CURVE_DIGITS else rounded
