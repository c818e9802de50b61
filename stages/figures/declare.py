"""Declaring figures and tables where they are defined: `@figure` and `@table`."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TypeVar

import pandas as pd

from stages.figures.outputs import Drawing, Table
from stages.results.results import Results

Draw = TypeVar("Draw", bound=Callable[[Results], Drawing])
Tabulate = TypeVar("Tabulate", bound=Callable[[Results], Table])
Finding = Callable[[pd.DataFrame], str]
"""A function that states in one sentence what the data in a CSV show; it gets the file as pandas reads it."""


@dataclass(frozen=True)
class Item:
    """A figure or table of the report."""

    name: str
    """Such as `figure_05` or `table_1`; keys of `plot` in the parameters begin with it."""
    slug: str
    """Ending of the names of its files."""
    make: Callable[[Results], Drawing | Table]
    """The function that draws the figure or makes the table."""
    shows: str
    """One sentence: what a reader sees."""
    paper: str
    """One sentence: what the paper finds in its own figure or table."""
    claims: tuple[str, ...]
    """Names of the claims that it is evidence for."""
    theory: bool
    """Whether it is made from the models of the paper's theory, and from no suite."""
    finding: Finding | None = None
    """The function that states in one sentence what its CSV shows; None if the report is to say what a reader sees."""

    def sentence(self, csv: bytes) -> str:
        """Return the sentence of finding that follows from the bytes of its CSV, or else what a reader sees."""
        return (self.finding(pd.read_csv(BytesIO(csv))) if self.finding else "") or self.shows


FIGURES: dict[str, Item] = {}
TABLES: dict[str, Item] = {}
"""Declared so far, by name; `stages.figures.registry` imports all modules that declare some."""


def figure(
    number: int,
    slug: str,
    *,
    shows: str,
    paper: str,
    claims: tuple[str, ...] = (),
    theory: bool = False,
    finding: Finding | None = None,
) -> Callable[[Draw], Draw]:
    """Declare the function below as the one that draws a figure.

    Number, slug and `theory` are literals: the names in params.yaml are checked against the source code.

    Args:
        number: Number of the figure: the paper's up to 29, one of this project's own from 30 on.
        slug: What the names of its files end with, in lower case.
        shows: What a reader sees, in one sentence.
        paper: What the paper finds in its own, in one sentence.
        claims: Names of the claims that the figure is evidence for.
        theory: Whether it is made from the models of the paper's theory, and from no suite.
        finding: The function that states in one sentence what the figure's CSV shows.

    Returns:
        A decorator that returns the function as it is; a function may draw several figures.
    """
    return _declare(FIGURES, f"figure_{number:02}", slug, (shows, paper), claims, theory, finding)


def table(
    number: int,
    slug: str,
    *,
    shows: str,
    paper: str,
    claims: tuple[str, ...] = (),
    theory: bool = False,
    finding: Finding | None = None,
) -> Callable[[Tabulate], Tabulate]:
    """Declare the function below as the one that makes a table; the arguments are those of `figure`."""
    return _declare(TABLES, f"table_{number}", slug, (shows, paper), claims, theory, finding)


def _declare(
    items: dict[str, Item],
    name: str,
    slug: str,
    words: tuple[str, str],
    claims: tuple[str, ...],
    theory: bool,
    finding: Finding | None,
) -> Callable:
    def declare(function: Callable) -> Callable:
        if name in items:
            raise ValueError(f"{name} is declared twice, by {items[name].make.__name__} and {function.__name__}")
        items[name] = Item(name, slug, function, *words, claims, theory, finding)
        return function

    return declare
