"""Names of figures, tables and claims that the parameters may use, read from their declarations without imports."""

from functools import cache

from stages.shared.declarations import Declaration, declarations
from stages.shared.errors import UserError


@cache
def declared_items() -> dict[str, Declaration]:
    """Return the declaration of each figure and table, such as `figure_05`, in the order of their numbers."""
    found: dict[str, Declaration] = {}
    for kind, digits in (("figure", 2), ("table", 1)):
        uses = sorted(declarations("figures", kind), key=lambda use: int(str(use.arguments[0])))
        found |= {f"{kind}_{use.arguments[0]:0{digits}}": use for use in uses}
    return found


@cache
def declared_claims() -> dict[str, Declaration]:
    """Return the declaration of each claim."""
    return {str(use.arguments[0]): use for use in declarations("claims", "claim")}


def of_theory(use: Declaration) -> bool:
    """Return whether a figure, table or claim is made from the models of the paper's theory, and from no suite."""
    return bool(use.keywords.get("theory"))


def item_of(key: str) -> str:
    """Return the figure or table that a key of `plot` stands for: `figure_05` for `figure_05_mine`.

    Args:
        key: The name of a figure or table, with or without an ending.

    Returns:
        Its name without the ending.

    Raises:
        UserError: If there is no such figure or table.
    """
    name = "_".join(key.split("_")[:2])
    if name not in declared_items():
        raise UserError(
            f"plot.{key}: no such figure or table, expected one of {', '.join(declared_items())}, with or without an "
            "ending such as _mine"
        )
    return name
