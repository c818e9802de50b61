"""The tasks of one loop: which wait, which are under way and how far, which may still begin within MLI_TIME."""

import math
import os
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from stages.shared.errors import UserError
from stages.workers.server import STARTED

SAFETY = 1.1
"""Factor on the estimated time of a task, since equal tasks differ by some percent."""


@dataclass(frozen=True)
class Effort:
    """What a task is expected to take, beside other tasks."""

    units: int = 1
    """Number of runs, lines or rows that it makes."""
    cost: float = 1.0
    """Expected time, in a unit that all tasks share."""
    kind: Hashable = None
    """Tasks of one kind take a time in proportion to their cost; between kinds the cost is a rough guess."""


def time_limit() -> float | None:
    """Return MLI_TIME, the seconds that a stage has from the start of its process; None if it is not set.

    Raises:
        UserError: If it is not a positive number.
    """
    text = os.environ.get("MLI_TIME", "")
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UserError(f"MLI_TIME: got {text!r}, expected a positive number of seconds")
    return seconds


class TaskQueue:
    """Tasks by their position, from 0. Each waits, then is taken, then is finished."""

    def __init__(
        self, efforts: Sequence[Effort], limit: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Let all tasks wait.

        Args:
            efforts: What each task is expected to take.
            limit: Seconds from the start of the process after which no task may be under way; None for no limit.
            clock: Returns the time in seconds, with the same origin as `stages.workers.server.STARTED`.
        """
        self.limit = limit
        self._efforts = efforts
        self._clock = clock
        self._waiting = list(reversed(range(len(efforts))))
        self._shares: dict[int, float] = {}
        self._finished: list[int] = []
        self._slowest: dict[Hashable, float] = {}
        self._seconds = self._cost = 0.0
        self._said = False

    def __len__(self) -> int:
        """Return the number of all tasks."""
        return len(self._efforts)

    @property
    def under_way(self) -> list[int]:
        """The tasks that were taken and are not finished."""
        return list(self._shares)

    @property
    def units_finished(self) -> int:
        """Units of the finished tasks."""
        return sum(self._efforts[task].units for task in self._finished)

    @property
    def units_left(self) -> int:
        """Units of the tasks that are not finished."""
        return sum(effort.units for effort in self._efforts) - self.units_finished

    @property
    def units_done(self) -> float:
        """Units of the finished tasks, and of each task under way the share that is done."""
        return self.units_finished + sum(self._efforts[task].units * share for task, share in self._shares.items())

    def take(self) -> int | None:
        """Begin the first task that waits and can end in time; return None if there is none."""
        for place in reversed(range(len(self._waiting))):
            if self._can_end(self._efforts[self._waiting[place]]):
                task = self._waiting.pop(place)
                self._shares[task] = 0.0
                return task
        return None

    def report(self, task: int, share: float) -> None:
        """Note which share of a task, from 0 to 1, is done."""
        if task in self._shares:
            self._shares[task] = share

    def finish(self, task: int, seconds: float) -> None:
        """Note that a task has ended, and how long it took."""
        del self._shares[task]
        self._finished.append(task)
        effort = self._efforts[task]
        self._slowest[effort.kind] = max(self._slowest.get(effort.kind, 0.0), seconds / effort.cost)
        self._seconds += seconds
        self._cost += effort.cost

    def overdue(self) -> str | None:
        """Return a sentence on the tasks that are under way beyond the limit, once; else None."""
        if self._said or not self._shares or self._left() > 0:
            return None
        self._said = True
        return f"MLI_TIME: the {self.limit:g} s are over; tasks under way ({len(self._shares)}) are not stopped"

    def _can_end(self, effort: Effort) -> bool:
        """Return whether a task can end in time; it may begin as long as time is left if no task has ended before."""
        left = self._left()
        if effort.kind in self._slowest:
            rate = self._slowest[effort.kind]
        else:
            rate = self._seconds / self._cost if self._cost else 0.0
        return left > 0 and SAFETY * rate * effort.cost <= left

    def _left(self) -> float:
        """Return the seconds that are left."""
        return math.inf if self.limit is None else STARTED + self.limit - self._clock()
