"""Progress bars of stages."""

import sys

from tqdm import tqdm


class Bar(tqdm):
    """A bar that also advances by fractions of a unit, for tasks under way."""

    def reach(self, done: float) -> None:
        """Advance to `done` units in all, and redraw the bar if its interval has passed."""
        done = round(done, 2)
        self.update(done - self.n)
        self.n = int(done) if done == int(done) else done


def bar(name: str, unit: str, total: int, done: int = 0) -> Bar:
    """Return a bar of `total` units of which `done` are done already; in a log it prints a line every 10 s at most.

    The remaining time is estimated from the mean speed so far, since tasks advance too unevenly for a moving average.
    """
    interval = 0.2 if sys.stderr.isatty() else 10
    return Bar(desc=name, unit=unit, total=total, initial=done, mininterval=interval, miniters=0, smoothing=0)
