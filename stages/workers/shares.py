"""How a task tells which share of it is done, wherever it runs."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

_listener: Callable[[float], None] | None = None


def report_share(share: float) -> None:
    """Tell the stage that this share, from 0 to 1, of the task of this process is done; cheap, and no more than a hint.

    A task calls it as often as it likes. On a Dask cluster nobody listens: progress there is counted by task.
    """
    if _listener is not None:
        _listener(share)


@contextmanager
def listening(listener: Callable[[float], None]) -> Generator[None, None, None]:
    """Have `listener` called with the shares that are reported meanwhile."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before
