"""README, CONTRIBUTING and the pages of docs/ as data: their links, headings, and fenced blocks."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
RECIPES = ("docs/extending.md", "docs/parameters.md")
"""Pages with tests of their own: recipes of code, and a page that is generated."""


@dataclass(frozen=True)
class Command:
    """One command of a shell block."""

    document: str
    text: str
    """As it stands in the document, with its continuation lines or here-document, without its comment."""

    @property
    def parts(self) -> list[list[str]]:
        """The words of each of the commands that `&&`, `&`, or `|` join; the here-document is left out."""
        lexer = shlex.shlex(self.text.partition("\n")[0] if "<<" in self.text else self.text, punctuation_chars="&|;")
        lexer.whitespace_split = True
        parts: list[list[str]] = [[]]
        for word in lexer:
            if set(word) <= set("&|;"):
                parts.append([])
            else:
                parts[-1].append(*shlex.split(word))
        return [part for part in parts if part]


def text_of(document: str) -> str:
    """Return the text of a document."""
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(document: str, language: str) -> list[str]:
    """Return the fenced blocks of a language, such as `sh`, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(document), flags=re.MULTILINE | re.DOTALL)


def commands(document: str) -> list[Command]:
    """Return the commands of all shell blocks of a document, in order."""
    found, pending, end = [], "", None
    for line in "".join(blocks(document, "sh")).splitlines():
        if end is None:
            line = re.sub(r"(^|\s+)#\s.*$", "", line)
        pending += ("\n" if pending else "") + line
        if end is None and (here := re.search(r"<<(\w+)", line)):
            end = here[1]
        elif end is not None:
            end = None if line == end else end
        if end is None and not line.endswith("\\"):
            if pending.strip():
                found.append(Command(document, pending.replace("\\\n", "")))
            pending = ""
    assert not pending, f"{document}: a block ends within a command: {pending}"
    return found


def anchors(document: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a document."""
    prose = re.sub(r"^```.*?^```$", "", text_of(document), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def links(document: str) -> list[str]:
    """Return the targets of all links and pictures of a document."""
    prose = re.sub(r"^```.*?^```$", "", text_of(document), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", prose)


def table_rows(document: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its header."""
    part = text_of(document).split(f"{heading}\n", 1)[1]
    rows = [line.strip("|").split("|") for line in re.search(r"(^\|.*\n)+", part, flags=re.MULTILINE)[0].splitlines()]
    return [[cell.strip() for cell in row] for row in rows[2:]]
