"""One progress bar a stage."""

import sys

from tqdm import tqdm


class Bar(tqdm):
    """A bar that also advances by fractions of a unit, as tasks under way do."""

    def reach(self, done: float) -> None:
        """Advance to `done` units in all, and draw the bar if it is time to."""
        done = round(done, 2)
        self.update(done - self.n)
        self.n = int(done) if done == int(done) else done


def bar(name: str, unit: str, total: int, done: int = 0) -> Bar:
    """Return a bar of `total` units of which `done` are there already; in a log it prints a line each 10 s at most.

    The end is estimated from the mean speed so far: tasks advance in leaps, of which a moving average makes too much.
    """
    interval = 0.2 if sys.stderr.isatty() else 10
    return Bar(desc=name, unit=unit, total=total, initial=done, mininterval=interval, miniters=0, smoothing=0)
