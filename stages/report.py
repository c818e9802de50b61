"""Stage `report`: tables and figures -> reports/{claims.json, explorer.html, fidelity.*, index.html, README.md}."""

import os
from collections import Counter
from collections.abc import Sequence
from math import isfinite
from os.path import relpath
from pathlib import Path
from typing import Any

import pandas as pd

from stages.claims.finding import Verdict
from stages.claims.registry import claims as all_claims
from stages.command import main
from stages.config import OWN_LINE, Params
from stages.config.declared import declared_items, item_of
from stages.config.job import Job
from stages.figures.registry import item as declared_item
from stages.reporting import fidelity, page
from stages.reporting.explorer import write_explorer
from stages.reporting.measure_summary import summarise_measures
from stages.reporting.robustness import assess_with_variants, describe
from stages.results.gathering import gathered
from stages.results.precedence import one_origin
from stages.results.results import Results
from stages.shared.csv_files import read_csv, write_csv
from stages.shared.files import read_json, write_bytes, write_json
from stages.shared.origins import HERE
from stages.shared.progress import bar

EXPLANATION = (
    "Ours are over converged runs, with intervals in brackets. [How verdicts are made]({docs}/verdicts.md) defines "
    "the verdicts and their rules. Figures from 30 on and table 8 are not in the paper."
)

LARGER = (
    "The same claims on larger networks and data: [by scale](scale.md), and the runs that there are "
    "[at the paper's own size](paper/README.md)."
)
SETTINGS = "docs/fidelity.md"
"""Page on the settings that the paper leaves open."""


def report(job: Job) -> None:
    """Judge every claim that `claims` in params.yaml names, and write the pages."""
    measures = one_origin(read_csv(job.reports / "measures.csv"))
    findings = read_json(job.reports / "findings.json")
    judged = []
    progress = bar("report", "claim", len(job.params.claims))
    for name, suites in job.params.claims.items():
        claim = all_claims()[name]
        found = assess_with_variants(claim, Results.of(job, suites))
        robust = {"robust": describe(found)}
        judged.append({"name": name, "suites": list(suites)} | _plain(claim) | vars(found) | robust)
        progress.update()
    progress.close()
    claims = {entry["name"]: _numbers(entry) for entry in judged}
    write_json(job.reports / "claims.json", claims)
    few = {name: {field: entry[field] for field in ("verdict", "effect")} for name, entry in claims.items()}
    write_json(job.reports / "verdicts.json", few)  # for `dvc metrics`, where words of a sentence would be in the way
    whole = job.whole or job.params
    items = [
        _item(job, key, suites, measures, judged) | {"finding": findings.get(key, declared_item(item_of(key)).shows)}
        for kind in ("figure", "table")
        for key, suites in _listed(whole, kind)
    ]
    context = {
        "title": "Monotonic linear interpolation: claims, figures and tables",
        "command": command(job.pipeline) if job.progress is None else partial_command(job.pipeline),
        "summary": _summary(job),
        "claims": judged,
        "unjudged": [
            _plain(all_claims()[name]) | {"lacks": _lacks(job, suites)}
            for name, suites in whole.claims.items()
            if name not in job.params.claims
        ],
        "unfinished": _unfinished(job),
        "explanation": EXPLANATION.format(docs=os.path.relpath("docs", job.reports)),
        "measures": summarise_measures(measures, {name: suite.tolerance for name, suite in job.params.suites.items()}),
        "figures": [item for item in items if item["named"] and item["name"].startswith("Figure")],
        "tables": [item for item in items if item["named"] and item["name"].startswith("Table")],
        "unnamed": [item["name"] for item in items if not item["named"]],
    }
    plotted = {key: Results.of(job, suites) for key, suites in job.params.plot.items() if suites}
    found = fidelity.compare(job.reports / "tables", plotted)
    write_csv(job.reports / "fidelity.csv", found)
    write_bytes(job.reports / "fidelity.md", fidelity.page(found, relpath(SETTINGS, job.reports)).encode())
    for name in page.PAGES:
        write_bytes(job.reports / name, page.render(name, context).encode())
    write_explorer(job)
    tally = Counter(str(entry["verdict"]) for entry in judged)
    counts = ", ".join(f"{tally[word]} {word}" for word in Verdict if tally[word])
    print(f"report: {len(judged)} claims, {counts}, in {job.reports}")


def command(pipeline: Path, suite: str | None = None) -> str:
    """Return the command that runs all of a pipeline, or the lines of one suite."""
    default = pipeline == Path("dvc.yaml")
    if suite is None:
        return "dvc repro" if default else f"dvc repro {pipeline}"
    return f"dvc repro {'' if default else f'{pipeline}:'}interpolate@{suite}"


def partial_command(pipeline: Path) -> str:
    """Return the command that reports on the runs that there are."""
    return f"python -m stages.report --partial --params {pipeline.with_name('params.yaml')}"


def _summary(job: Job) -> str:
    """Return a sentence on how many of all runs there are, and from where; for the default one on larger scales."""
    if job.progress is None:
        return LARGER if job.pipeline == Path("dvc.yaml") else ""
    found = job.progress.values()
    origins = "; ".join(dict.fromkeys(origin for one in found for origin in one.origins))
    evaluated, runs = sum(one.evaluated for one in found), sum(one.runs for one in found)
    return f"A report of what there is: {evaluated} of {runs} runs evaluated, origin: {origins}."


def _unfinished(job: Job) -> list[dict[str, str]]:
    """Return what the pages show of suites whose runs are not all evaluated, or were evaluated elsewhere."""
    rows = []
    for name, found in (job.progress or {}).items():
        rest = command(job.pipeline, name) if found.evaluated < found.runs else ""
        if rest or found.origins != (HERE,):
            rows.append({"name": name, "evaluated": str(found), "origins": "; ".join(found.origins), "command": rest})
    return rows


def _lacks(job: Job, suites: Sequence[str]) -> str:
    """Name the suites or the stage that must run before a claim, figure or table of some suites can be made."""
    return ", ".join(name for name in suites if name in job.unfinished) or "stage simulate"


def _plain(claim) -> dict:
    return {name: getattr(claim, name) for name in ("statement", "section", "paper", "rule", "own")}


def _numbers(entry: dict) -> dict:
    """Return an entry for claims.json: numbers to six digits, None for those that are not finite."""
    return {name: _rounded(value) for name, value in entry.items() if name != "name"}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    if not isinstance(value, float):
        return value
    return float(f"{round(value, 12):.6g}") if isfinite(value) else None


def _listed(params: Params, kind: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the keys of `plot` of a kind with their suites, and the items that it does not name, by number."""
    mine = {key: suites for key, suites in params.plot.items() if key.startswith(kind)}
    missing = {name: () for name in declared_items() if name.startswith(kind) and name not in set(map(item_of, mine))}
    return sorted((mine | missing).items())


def _item(job: Job, key: str, suites: tuple[str, ...], measures: pd.DataFrame, judged: list[dict]) -> dict:
    """Return what the pages show of a figure or table."""
    declared = declared_item(item_of(key))
    base = declared.name
    drawn = key in job.params.plot
    kind, number = base.split("_")
    item = {"key": key, "name": f"{kind.capitalize()} {int(number)}", "shows": declared.shows, "paper": declared.paper}
    item |= {"stem": None, "lacks": _lacks(job, suites), "named": key in (job.whole or job.params).plot}
    item["ours"] = _counts(job, measures, suites) if suites else "on the paper's models"
    item["claims"] = [entry for entry in judged if entry["name"] in declared.claims]
    stem = key.replace(base, f"{base}_{declared.slug}") if kind == "figure" else key
    if drawn and job.progress is not None and not (job.reports / f"{kind}s" / f"{stem}.csv").exists():
        item["lacks"] = "runs that have converged, or lines that have not been evaluated"
    elif drawn and kind == "figure":
        item["stem"] = stem
    elif drawn:
        text = (job.reports / "tables" / f"{key}.md").read_text(encoding="utf-8")
        item |= {"stem": stem, "markdown": text, "html": page.html_of(text)}
    return item


def _counts(job: Job, measures: pd.DataFrame, suites: tuple[str, ...]) -> str:
    """Count the own lines of some suites that are not monotone, in words, and the runs where some are missing."""
    progress = job.progress or {}
    names = [
        f"{name} ({progress[name]})" if name in progress and progress[name].evaluated < progress[name].runs else name
        for name in suites
    ]
    rows = measures[measures["suite"].isin(suites) & (measures["line"] == OWN_LINE)].drop_duplicates("run_id")
    rows = rows[(rows["status"] == "converged") & rows["monotonic"].notna()]
    risen = int((~rows["monotonic"].astype(bool)).sum())
    return f"on {', '.join(names)}: {risen} of {len(rows)} own lines of converged runs are not monotone"


if __name__ == "__main__":
    main(report, __doc__, partial=gathered)
