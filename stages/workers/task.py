"""A task: one call of a stage's function, with all that a worker on any machine must have to make it."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.config import Run


@dataclass(frozen=True)
class TaskPaths:
    """Where a task finds its dataset and the store; on another machine a task gets other paths."""

    dataset: Path | None
    """The file of the dataset; None for tasks without one, which are never sent to another machine."""
    store: Path
    """Folder of the run store, in which a task finds what others made and leaves what it makes."""


@dataclass(frozen=True)
class Workload:
    """How much work a task is, compared with other tasks."""

    units: int = 1
    """Number of runs, lines or rows that the task makes; the progress bar counts them."""
    cost: float = 1.0
    """Expected time, in a unit that all tasks share."""
    kind: Hashable = None
    """The time of tasks of one kind is proportional to their cost; between kinds the cost is a rough guess."""


@dataclass(frozen=True)
class Task:
    """One call of a stage's function."""

    function: Callable[..., Any]
    """A function of a module, so that workers can import it. It takes the `TaskPaths` and `arguments`, leaves what it
    makes in the store, and returns None or numbers by name, whose sums the progress bar shows."""
    arguments: tuple
    """Arguments of the function after the `TaskPaths`."""
    reads: tuple[Path, ...] = ()
    """Files of the store that the task reads; those that do not exist are skipped."""
    factories: tuple[str, ...] = ()
    """Factories of user-defined networks that the task computes with; their source must be the same everywhere."""
    workload: Workload = Workload()


def factories_of(runs: Iterable[Run]) -> tuple[str, ...]:
    """Return the factories of the user-defined networks of some runs, each once, sorted."""
    return tuple(sorted({run.factory for run in runs if run.factory}))
