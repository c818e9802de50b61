"""Declaring claims where the function that judges them is defined: `@claim`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from stages.claims.finding import Finding
from stages.results.results import Results

Judge = TypeVar("Judge", bound=Callable[[Results], Finding])


@dataclass(frozen=True)
class Claim:
    """A statement of the paper, or one of this project, and the function that judges it."""

    name: str
    """Its key in `claims` of the parameters."""
    statement: str
    """The claim, in one sentence that stands alone."""
    section: str
    """Section, figure, table or theorem of the paper that makes the claim."""
    paper: str
    """The paper's number, or its words if it gives none."""
    judge: Callable[[Results], Finding]
    """The function that judges it on some results."""
    theory: bool
    """True for a claim about the models of the paper's theory, which is judged without any suite."""


CLAIMS: dict[str, Claim] = {}
"""Declared so far, by name; `stages.claims.registry` imports all modules that declare some."""


def claim(name: str, *, statement: str, section: str, paper: str, theory: bool = False) -> Callable[[Judge], Judge]:
    """Declare the function below as the one that judges a claim.

    Name and `theory` are literals: the names in params.yaml are checked against the source code.

    Args:
        name: Its key in `claims` of the parameters.
        statement: The claim, in one sentence that stands alone.
        section: Section, figure, table or theorem of the paper that makes the claim.
        paper: The paper's number, or its words if it gives none.
        theory: True for a claim about the models of the paper's theory, which is judged without any suite.

    Returns:
        A decorator that returns the function as it is; a function may judge several claims.

    Raises:
        ValueError: If a claim of this name has been declared.
    """

    def declare(judge: Judge) -> Judge:
        if name in CLAIMS:
            raise ValueError(f"claim {name} is declared twice, by {CLAIMS[name].judge.__name__} and {judge.__name__}")
        CLAIMS[name] = Claim(name, statement, section, paper, judge, theory)
        return judge

    return declare
