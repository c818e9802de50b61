"""The pages of the report, rendered from templates."""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from stages.claims.finding import FAILS, FEW, HOLDS

PAGES = ("README.md", "index.html")
LOOKS = {HOLDS: "holds", FAILS: "fails", FEW: "few"}
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
    environment.filters["absent"] = lambda item: (
        f"Not drawn: wants {item['lacks']}."
        if item["lacks"]
        else "Not drawn: `plot` in the parameters does not name it."
    )
    claims = [claim | {"look": LOOKS[claim["verdict"]]} for claim in context["claims"]]
    text = environment.get_template(f"{name}.j2").render(context | {"claims": claims, "looks": LOOKS})
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def html_of(markdown: str) -> Markup:
    """Return the HTML of a table that this project has written in Markdown."""
    return Markup(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))
