"""A queue of tasks: which wait, which are under way and how far, and which may still begin within MLI_TIME."""

import math
import os
import time
from collections.abc import Callable, Hashable, Sequence

from stages.shared.errors import UserError
from stages.workers.task import Workload

STARTED = time.monotonic()
"""When this process started, by `time.monotonic`; imports before this one take some hundredths of a second."""
SAFETY = 1.1
"""Factor on the estimated time of a task, since equal tasks differ by some percent."""


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
    """Tasks by their number, from 0. Each waits, then is taken, then is finished."""

    def __init__(
        self, workloads: Sequence[Workload], limit: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Make a queue in which all tasks wait.

        Args:
            workloads: The workload of each task.
            limit: Seconds from the start of the process within which tasks should end; None for no limit.
            clock: Returns the time in seconds, with the same origin as `STARTED`.
        """
        self.limit = limit
        self._workloads = workloads
        self._clock = clock
        self._waiting = list(reversed(range(len(workloads))))
        self._progress: dict[int, float] = {}
        self._finished: list[int] = []
        self._slowest: dict[Hashable, float] = {}
        self._seconds = self._cost = 0.0
        self._said = False

    def __len__(self) -> int:
        """Return the number of all tasks."""
        return len(self._workloads)

    @property
    def under_way(self) -> list[int]:
        """The tasks that were taken and are not finished."""
        return list(self._progress)

    @property
    def units_finished(self) -> int:
        """Units of the finished tasks."""
        return sum(self._workloads[task].units for task in self._finished)

    @property
    def units_left(self) -> int:
        """Units of the tasks that are not finished."""
        return sum(workload.units for workload in self._workloads) - self.units_finished

    @property
    def units_done(self) -> float:
        """Units of the finished tasks, plus the fraction that is done of each task under way."""
        return self.units_finished + sum(
            self._workloads[task].units * fraction for task, fraction in self._progress.items()
        )

    def take(self) -> int | None:
        """Begin the first task that waits and can end in time; return None if there is no such task."""
        for place in reversed(range(len(self._waiting))):
            if self._can_end(self._workloads[self._waiting[place]]):
                task = self._waiting.pop(place)
                self._progress[task] = 0.0
                return task
        return None

    def report(self, task: int, fraction: float) -> None:
        """Note the fraction of a task, from 0 to 1, that is done."""
        if task in self._progress:
            self._progress[task] = fraction

    def finish(self, task: int, seconds: float) -> None:
        """Note that a task has ended, and how long it took."""
        del self._progress[task]
        self._finished.append(task)
        workload = self._workloads[task]
        self._slowest[workload.kind] = max(self._slowest.get(workload.kind, 0.0), seconds / workload.cost)
        self._seconds += seconds
        self._cost += workload.cost

    def overdue(self) -> str | None:
        """Return a sentence if tasks are under way beyond the limit, the first time that it is asked; else None."""
        if self._said or not self._progress or self._left() > 0:
            return None
        self._said = True
        return f"MLI_TIME: the {self.limit:g} s are over; tasks under way ({len(self._progress)}) are not stopped"

    def _can_end(self, workload: Workload) -> bool:
        """Return whether a task is expected to end in time; while no task has ended, any may begin before the limit."""
        left = self._left()
        if workload.kind in self._slowest:
            rate = self._slowest[workload.kind]
        else:
            rate = self._seconds / self._cost if self._cost else 0.0
        return left > 0 and SAFETY * rate * workload.cost <= left

    def _left(self) -> float:
        """Return the seconds that are left."""
        return math.inf if self.limit is None else STARTED + self.limit - self._clock()
