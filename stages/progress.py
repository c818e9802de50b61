"""One progress bar a stage."""

import sys

from tqdm import tqdm


def bar(name: str, unit: str, total: int, done: int = 0) -> tqdm:
    """Return a bar of `total` units of which `done` are there already; in a log it prints a line each 10 s at most."""
    interval = 0.2 if sys.stderr.isatty() else 10
    return tqdm(desc=name, unit=unit, total=total, initial=done, mininterval=interval)
