"""All measures, by name: every module of this package is imported, and with it what it declares."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import stages.measures
from stages.measures.declare import MEASURES, DeclaredMeasure


@cache
def declared_measures() -> dict[str, DeclaredMeasure]:
    """Return all measures by name, in the order of the columns of reports/measures.csv."""
    for module in iter_modules(stages.measures.__path__):
        if module.name != "registry":
            import_module(f"stages.measures.{module.name}")
    return dict(sorted(MEASURES.items(), key=lambda entry: (entry[1].order, entry[0])))
