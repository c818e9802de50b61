"""The pages of the report, rendered from templates."""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from stages.reporting.forest import ForestRow
from stages.reporting.judged_claim import in_words, interval
from stages.reporting.verdict_looks import look_of, marked

PAGES = ("README.md", "index.html")
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
        autoescape=lambda template: ".html" in (template or ""),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("\n", " ")
    environment.filters["look"] = look_of
    environment.filters["marked"] = marked
    environment.filters["interval"] = interval
    environment.filters["number"] = in_words
    environment.filters["described"] = described
    text = environment.get_template(f"{name}.j2").render(context)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def described(row: ForestRow) -> str:
    """Say in words what a row of the forest plot shows, for those who do not see it."""
    paper = row.judged.paper_effect
    stated = "" if paper is None else f"; the paper's effect is {in_words(paper)}"
    return f"Effect {interval(row.judged.found)}{stated}."


def html_of(markdown: str) -> Markup:
    """Return the HTML of a table that this project has written in Markdown."""
    return Markup(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))
