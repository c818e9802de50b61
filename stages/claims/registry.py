"""All claims, by name: every module of this package is imported, and with it what it declares."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import stages.claims
from stages.claims.declare import CLAIMS, Claim


@cache
def claims() -> dict[str, Claim]:
    """Return all claims by name, module by module in the order of their declarations."""
    for module in iter_modules(stages.claims.__path__):
        if module.name != "registry":
            import_module(f"stages.claims.{module.name}")
    return dict(CLAIMS)
