"""Figures and tables as a page shows them: finding, the paper's numbers beside ours, evidence and links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from stages.config import OWN_LINE, Params
from stages.config.declared import declared_items, item_of
from stages.config.job import Job
from stages.figures.registry import item as declared_item
from stages.reporting.claim_cards import Link
from stages.reporting.judged_claim import JudgedClaim
from stages.reporting.page import html_of
from stages.reporting.png import size_of
from stages.reporting.source_links import source_link
from stages.shared.csv_files import read_csv


@dataclass(frozen=True)
class ShownItem:
    """A figure or table as a page shows it."""

    key: str
    """Its key in `plot` of the parameters, such as `figure_05`."""
    name: str
    """Its name in the page, such as `Figure 5`."""
    shows: str
    """One sentence on what a reader sees."""
    paper: str
    """One sentence on what the paper finds in its own."""
    finding: str
    """One sentence on what ours shows, computed from its data."""
    ours: str
    """Suites and counts of lines."""
    beside: str
    """The paper's numbers beside ours, in a sentence; empty where no cell of the paper's is one of ours."""
    claims: tuple[JudgedClaim, ...]
    """Claims that it is evidence for."""
    named: bool
    """Whether `plot` of the parameters names it."""
    lacks: str
    """Suites, runs or stage that must be there before it can be drawn."""
    stem: str | None
    """Name of its files without ending; None if it was not drawn."""
    size: tuple[int, int] | None = None
    """Width and height of a figure in pixels."""
    markdown: str = ""
    html: Markup = Markup("")
    """A table as Markdown and as HTML."""
    links: tuple[Link, ...] = ()
    """Links to its data and to the function that makes it."""

    @property
    def is_figure(self) -> bool:
        """Whether it is a figure."""
        return self.key.startswith("figure")


def shown_items(
    job: Job, measures: pd.DataFrame, judged: Sequence[JudgedClaim], findings: Mapping[str, str]
) -> list[ShownItem]:
    """Return all figures, then all tables, those that the parameters do not name too.

    Args:
        job: The job of stage `report`.
        measures: The table of measures.
        judged: The claims.
        findings: The sentence of each figure and table by its key in `plot`.

    Returns:
        The items by number.
    """
    whole = job.whole or job.params
    return [
        _item(job, key, suites, measures, judged, findings)
        for kind in ("figure", "table")
        for key, suites in _listed(whole, kind)
    ]


def lacks(job: Job, suites: Sequence[str]) -> str:
    """Name the suites or the stage that must run before a claim, figure or table of some suites can be made."""
    return ", ".join(name for name in suites if name in job.unfinished) or "stage simulate"


def _listed(params: Params, kind: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the keys of `plot` of a kind with their suites, and the items that it does not name, by number."""
    mine = {key: suites for key, suites in params.plot.items() if key.startswith(kind)}
    missing = {name: () for name in declared_items() if name.startswith(kind) and name not in set(map(item_of, mine))}
    return sorted((mine | missing).items(), key=lambda entry: (int(item_of(entry[0]).split("_")[1]), entry[0]))


def _item(
    job: Job,
    key: str,
    suites: tuple[str, ...],
    measures: pd.DataFrame,
    judged: Sequence[JudgedClaim],
    findings: Mapping[str, str],
) -> ShownItem:
    declared = declared_item(item_of(key))
    kind, number = declared.name.split("_")
    folder = job.reports / f"{kind}s"
    stem: str | None = key.replace(declared.name, f"{declared.name}_{declared.slug}") if kind == "figure" else key
    missing = lacks(job, suites)
    if key not in job.params.plot:
        stem = None
    elif job.progress is not None and not (folder / f"{stem}.csv").exists():
        stem, missing = None, "runs that have converged, or lines that have not been evaluated"
    links = [Link("data", f"{kind}s/{stem}.csv"), Link("code", source_link(declared.make, job.reports))]
    text = (folder / f"{stem}.md").read_text(encoding="utf-8") if stem and kind == "table" else ""
    return ShownItem(
        key,
        _name(kind, number, key.removeprefix(declared.name).strip("_")),
        declared.shows,
        declared.paper,
        findings.get(key, declared.shows),
        _counts(job, measures, suites) if suites else "on the paper's models",
        beside_the_paper(read_csv(folder / f"{stem}.csv")) if stem and kind == "table" else "",
        tuple(one for one in judged if one.name in declared.claims),
        key in (job.whole or job.params).plot,
        missing,
        stem,
        size_of(folder / f"{stem}.png") if stem and kind == "figure" else None,
        text,
        html_of(text),
        tuple(links[0 if stem else 1 :]),
    )


def _name(kind: str, number: str, ending: str) -> str:
    return f"{kind.capitalize()} {int(number)}" + (f" ({ending.replace('_', ' ')})" if ending else "")


def beside_the_paper(cells: pd.DataFrame) -> str:
    """Say how many lines are non-monotone in the cells of a table that the paper has too, in ours and in its own.

    Args:
        cells: The data of a table.

    Returns:
        A sentence; empty if no cell with runs is one of the paper's.
    """
    wanted = {"non_monotone", "converged", "paper_non_monotone", "paper_non_monotone_count"}
    if not wanted <= set(cells.columns):
        return ""
    both = cells[(cells["converged"] > 0) & (cells["paper_non_monotone_count"] > 0)]
    if both.empty:
        return ""
    ours, lines = int(both["non_monotone"].sum()), int(both["converged"].sum())
    counts = both["paper_non_monotone_count"].astype(float)
    theirs = int((both["paper_non_monotone"].astype(float) * counts).round().sum())
    return (
        f"In the {len(both)} cells with runs that the paper has too, {ours} of {lines} lines are non-monotone here, "
        f"{theirs} of {int(counts.sum())} in the paper."
    )


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
