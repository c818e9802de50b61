"""All figures and tables, by name: every module of this package is imported, and with it what it declares."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import stages.figures
from stages.figures.declare import FIGURES, TABLES, Item


@cache
def figures() -> dict[str, Item]:
    """Return all figures by name, in the order of their numbers."""
    _import_all()
    return dict(sorted(FIGURES.items()))


@cache
def tables() -> dict[str, Item]:
    """Return all tables by name, in the order of their numbers."""
    _import_all()
    return dict(sorted(TABLES.items(), key=lambda entry: int(entry[0].removeprefix("table_"))))


def item(name: str) -> Item:
    """Return the figure or table of a name, such as `figure_05`."""
    return (figures() | tables())[name]


def _import_all() -> None:
    for module in iter_modules(stages.figures.__path__):
        if module.name not in ("registry", "drawing"):
            import_module(f"stages.figures.{module.name}")
