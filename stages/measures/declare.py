"""Declaring measures where they are defined: `@measure`. Each is a column of reports/measures.csv."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

import numpy as np

from stages.measures.line_curves import LineCurves

Compute = TypeVar("Compute", bound=Callable[..., np.ndarray])

PAPER = "Lucas et al. 2021"
HERE = "here"
LAST = 1000


class Needs(Enum):
    """Something that a line or its suite must have for a measure to be defined; the field is empty without it."""

    RISE = "a line that rises"
    FALL = "a line that ends lower than it begins"
    NONZERO_START = "a starting point other than zero"
    CLASSES = "a network that classifies"
    LAST_BIASES = "a last layer with biases"
    GAUSS_LENGTHS = "gauss_examples of the suite, on a run's own line"
    FINE_GRID = "interpolate.refinement, on a run's own line"


@dataclass(frozen=True)
class DeclaredMeasure:
    """One number of each line, and the function that computes it."""

    name: str
    """Column of reports/measures.csv."""
    compute: Callable[..., np.ndarray]
    """The function, from arrays of L lines to an array of shape (L,)."""
    of: tuple[str, ...]
    """Fields of `LineCurves` that are the function's arguments."""
    unit: str
    """Unit of the numbers."""
    about: str
    """A phrase that completes the sentence "The measure is the ..."."""
    source: str
    """The paper that defines it; `HERE` if it is this project's own."""
    needs: frozenset[Needs]
    """Conditions without which the measure is undefined; none if it is defined for every line of finite losses."""
    summarised: bool
    """True if the report shows its distribution over monotone and non-monotone lines."""
    order: int
    """Its place among the columns; those of equal `order` follow by name."""

    def values(self, lines: LineCurves) -> np.ndarray:
        """Return the measure of each line, shape (L,)."""
        return self.compute(*(getattr(lines, field) for field in self.of))


MEASURES: dict[str, DeclaredMeasure] = {}
"""Declared so far, by name; `stages.measures.registry` imports all modules that declare some."""


def measure(
    name: str,
    *,
    of: tuple[str, ...],
    unit: str,
    about: str,
    source: str = HERE,
    needs: tuple[Needs, ...] = (),
    summarised: bool = True,
    order: int = LAST,
) -> Callable[[Compute], Compute]:
    """Declare the function below as the one that computes a measure.

    Args:
        name: Column of reports/measures.csv.
        of: Fields of `LineCurves`; their arrays are the arguments of the function, in this order.
        unit: Unit of the numbers.
        about: A phrase that completes the sentence "The measure is the ...".
        source: The paper that defines it; `HERE` if it is this project's own.
        needs: Conditions without which the measure is undefined; its value is then NaN.
        summarised: True if the report shows its distribution over monotone and non-monotone lines.
        order: Its place among the columns; by default after all others.

    Returns:
        A decorator that returns the function as it is; a function may compute several measures.

    Raises:
        ValueError: If a measure of this name has been declared, or `LineCurves` has no such field.
    """

    def declare(compute: Compute) -> Compute:
        if name in MEASURES:
            raise ValueError(
                f"measure {name} is declared twice, by {MEASURES[name].compute.__name__} and {compute.__name__}"
            )
        for field in of:
            if field not in LineCurves.names():
                raise ValueError(f"measure {name}: no curves {field}, expected some of {', '.join(LineCurves.names())}")
        MEASURES[name] = DeclaredMeasure(name, compute, of, unit, about, source, frozenset(needs), summarised, order)
        return compute

    return declare
