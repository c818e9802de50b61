"""Declaring claims where the function that judges them is defined: `@claim`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from stages.claims.finding import Finding, Verdict
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
    rule: str
    """The rule of its verdict, in one sentence."""
    theory: bool
    """True for a claim about the models of the paper's theory, which is judged without any suite."""
    own: bool
    """True for a claim of this project that the paper does not make."""

    def assess(self, results: Results) -> Finding:
        """Judge the claim; what would be `REPRODUCED` is `SUPPORTED` for a claim that the paper does not make."""
        found = self.judge(results)
        supported = self.own and found.verdict == Verdict.REPRODUCED
        return replace(found, verdict=Verdict.SUPPORTED) if supported else found


CLAIMS: dict[str, Claim] = {}
"""Declared so far, by name; `stages.claims.registry` imports all modules that declare some."""


def claim(
    name: str, *, statement: str, section: str, paper: str, rule: str, theory: bool = False, own: bool = False
) -> Callable[[Judge], Judge]:
    """Declare the function below as the one that judges a claim.

    Name and `theory` are literals: the names in params.yaml are checked against the source code.

    Args:
        name: Its key in `claims` of the parameters.
        statement: The claim, in one sentence that stands alone.
        section: Section, figure, table or theorem of the paper that makes the claim.
        paper: The paper's number, or its words if it gives none.
        rule: The rule of its verdict, in one sentence.
        theory: True for a claim about the models of the paper's theory, which is judged without any suite.
        own: True for a claim of this project that the paper does not make.

    Returns:
        A decorator that returns the function as it is; a function may judge several claims.

    Raises:
        ValueError: If a claim of this name has been declared.
    """

    def declare(judge: Judge) -> Judge:
        if name in CLAIMS:
            raise ValueError(f"claim {name} is declared twice, by {CLAIMS[name].judge.__name__} and {judge.__name__}")
        CLAIMS[name] = Claim(name, statement, section, paper, judge, rule, theory, own)
        return judge

    return declare
