"""The names of figures and tables, which are known without importing what draws them."""

from stages.config.params import DRAWN
from stages.shared.errors import UserError


def known(key: str) -> str:
    """Return the registered name that a key of `plot` stands for: `figure_05_mine` is `figure_05`.

    Raises:
        UserError: If there is no such figure or table.
    """
    base = "_".join(key.split("_")[:2])
    if base not in DRAWN:
        raise UserError(f"plot.{key}: no such figure or table, expected one of {', '.join(DRAWN)}")
    return base
