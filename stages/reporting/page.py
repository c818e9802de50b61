"""The pages of the report, rendered from templates."""

import re
from math import isfinite
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from stages.claims.finding import Verdict

PAGES = ("README.md", "index.html")
LOOKS = {
    Verdict.REPRODUCED: "holds",
    Verdict.SUPPORTED: "holds",
    Verdict.WEAKER: "weaker",
    Verdict.OPPOSITE: "fails",
    Verdict.ABSENT: "fails",
    Verdict.UNDERPOWERED: "few",
    Verdict.NOT_TESTABLE: "few",
}
"""Class of the style of each verdict in the page."""
ROUNDING = 1e-9
"""Rounding error of the bounds of intervals."""
TEMPLATES = Path(__file__).parent / "templates"


def render(name: str, context: dict) -> str:
    """Fill in a template.

    Args:
        name: One of `PAGES`.
        context: Values of the template's variables.

    Returns:
        The text of the page; in HTML all values are escaped but those marked as HTML.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|")
    environment.filters["details"] = details
    environment.filters["linked"] = lambda text: Markup(re.sub(r"\[(.+?)\]\((.+?)\)", r'<a href="\2">\1</a>', text))
    environment.filters["absent"] = lambda item: (
        f"Not drawn: wants {item['lacks']}."
        if item["lacks"]
        else "Not drawn: `plot` in the parameters does not name it."
    )
    claims = [claim | {"look": LOOKS[claim["verdict"]]} for claim in context["claims"]]
    text = environment.get_template(f"{name}.j2").render(context | {"claims": claims, "looks": LOOKS})
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def details(claim: dict) -> str:
    """Say what stands behind a verdict: the paper's effect, the smallest one that would be seen, and robustness.

    Args:
        claim: A claim and its finding, as in claims.json.

    Returns:
        Clauses, each after a semicolon; empty if there is none.
    """
    clauses = []
    paper, smallest, low, high = (claim[name] for name in ("paper_effect", "smallest_effect", "low", "high"))
    if paper is not None and isfinite(low):
        clauses.append(
            f"the paper's {paper:.3g} is {'inside' if low - 1e-9 <= paper <= high + 1e-9 else 'outside'} our interval"
        )
    if claim["verdict"] == Verdict.UNDERPOWERED and smallest is not None and isfinite(smallest):
        clauses.append(f"the smallest effect that these counts show with a power of 80 % is {smallest:.3g}")
    clauses += [claim["robust"]] if claim["robust"] else []
    return "".join(f"; {clause}" for clause in clauses)


def html_of(markdown: str) -> Markup:
    """Return the HTML of a table that this project has written in Markdown."""
    return Markup(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))
