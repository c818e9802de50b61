"""How a task reports its progress to the stage, in whichever process it runs."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

_listener: Callable[[float], None] | None = None


def report_progress(fraction: float) -> None:
    """Report the fraction, from 0 to 1, that is done of the task that this process works on.

    The call is cheap, so a task may make it as often as it likes. On a Dask cluster nobody listens: there the progress
    bar counts whole tasks.
    """
    if _listener is not None:
        _listener(fraction)


@contextmanager
def listening(listener: Callable[[float], None]) -> Generator[None, None, None]:
    """Call `listener` with each fraction that is reported meanwhile."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before
