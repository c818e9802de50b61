"""Stage `report`: results -> reports/{claims, headlines, verdicts}.json, fidelity.*, README.md, *.html, *.png."""

import os
from pathlib import Path

from pydantic_core import to_jsonable_python

from stages.claims.registry import claims as all_claims
from stages.command import main
from stages.config.declared import item_of
from stages.config.job import Job
from stages.parameter_files import PARAMETERS
from stages.reporting import fidelity, page
from stages.reporting.answer import answer
from stages.reporting.claim_cards import Link, claim_card
from stages.reporting.explorer import write_explorer
from stages.reporting.forest import forest_groups
from stages.reporting.forest_picture import forest_picture
from stages.reporting.headlines import headlines
from stages.reporting.items import ShownItem, lacks, shown_items
from stages.reporting.judged_claim import judge_claims, tally
from stages.reporting.measure_summary import summarise_measures
from stages.reporting.png import size_of
from stages.reporting.poster import poster
from stages.reporting.provenance import command, provenance
from stages.results.gathering import gathered
from stages.results.measures_file import read_measures
from stages.results.precedence import one_origin
from stages.results.results import Results
from stages.shared.csv_files import read_csv, write_csv
from stages.shared.files import read_json, write_bytes, write_json
from stages.shared.origins import HERE

HERO = "figure_42"
"""Key in `plot` of the figure on the first screen, whose suites the answer counts."""
FAILURES = ("table_13", "figure_40", "figure_39")
"""Keys in `plot` of the tables and figures in the section on kinds of failure."""


def report(job: Job) -> None:
    """Judge every claim that `claims` in params.yaml names, and write the pages, the forest plot and the poster."""
    table = read_measures(job.reports / "measures.csv")
    measures = one_origin(table)
    judged = judge_claims(job)
    entries = {one.name: one.entry() for one in judged}
    write_json(job.reports / "claims.json", entries)
    few = {name: {field: entry[field] for field in ("verdict", "effect")} for name, entry in entries.items()}
    write_json(job.reports / "verdicts.json", few)
    found = {name: entry["verdict"] for name, entry in entries.items()}
    write_json(job.reports / "headlines.json", headlines(found, read_json(job.reports / "metrics.json")))
    items = shown_items(job, measures, judged, read_json(job.reports / "findings.json"))
    shown = {item.key: item for item in items if item.stem}
    answered = answer(Results.of(job, job.params.plot.get(HERO, tuple(job.params.suites))), judged)
    groups = forest_groups(judged)
    write_bytes(job.reports / "forest.png", forest_picture(groups))
    _write_poster(job, shown, answered, judged)
    plotted = {key: Results.of(job, suites) for key, suites in job.params.plot.items() if suites}
    compared = fidelity.compare(job.reports / "tables", plotted)
    write_csv(job.reports / "fidelity.csv", compared)
    docs = Path(os.path.relpath("docs", job.reports)).as_posix()
    write_bytes(job.reports / "fidelity.md", fidelity.page(compared, f"{docs}/fidelity.md").encode())
    whole = job.whole or job.params
    parameters = to_jsonable_python({key: getattr(whole, key) for key in PARAMETERS["report"]})
    context = {
        "answer": answered,
        "hero": shown.get(HERO),
        "tallies": {own: tally(one for one in judged if one.claim.own == own) for own in (False, True)},
        "groups": groups,
        "forest_size": size_of(job.reports / "forest.png"),
        "cards": [claim_card(one, job.reports, _evidence(items, one.name)) for one in judged],
        "unjudged": [
            {"claim": all_claims()[name], "lacks": lacks(job, suites)}
            for name, suites in whole.claims.items()
            if name not in job.params.claims
        ],
        "unfinished": _unfinished(job),
        "failures": [item for item in map(shown.get, FAILURES) if item],
        "items": [item for item in items if item.named],
        "unnamed": [item.name for item in items if not item.named],
        "measures": summarise_measures(measures, {name: suite.tolerance for name, suite in job.params.suites.items()}),
        "provenance": provenance(job, table, parameters),
        "docs": docs,
        "partial": job.progress,
        "is_default": job.progress is None and job.pipeline == Path("dvc.yaml"),
    }
    for name in page.PAGES:
        write_bytes(job.reports / name, page.render(name, context).encode())
    write_explorer(job)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in tally(judged))
    print(f"report: {len(judged)} claims, {counts}, in {job.reports}")


def _write_poster(job: Job, shown: dict[str, ShownItem], answered, judged) -> None:
    first = next((item for key, item in shown.items() if item_of(key) == "table_1"), None)
    rates = read_csv(job.reports / "figures" / f"{shown[HERO].stem}.csv") if HERO in shown else None
    cells = read_csv(job.reports / "tables" / f"{first.stem}.csv") if first else None
    write_bytes(job.reports / "poster.png", poster(answered, judged, rates, cells))


def _evidence(items: list[ShownItem], name: str) -> list[Link]:
    """Return links to the figures and tables that are evidence for a claim."""
    return [
        Link(item.name.lower(), f"#{item.key}")
        for item in items
        if item.stem and any(one.name == name for one in item.claims)
    ]


def _unfinished(job: Job) -> list[dict[str, str]]:
    """Return what the pages show of suites whose runs are not all evaluated, or were evaluated elsewhere."""
    rows = []
    for name, found in (job.progress or {}).items():
        rest = command(job.pipeline, name) if found.evaluated < found.runs else ""
        if rest or found.origins != (HERE,):
            rows.append({"name": name, "evaluated": str(found), "origins": "; ".join(found.origins), "command": rest})
    return rows


if __name__ == "__main__":
    main(report, __doc__, partial=gathered)
