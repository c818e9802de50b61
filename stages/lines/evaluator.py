"""Evaluating the lines, trajectories and planes of a suite; those that the store has are reused."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from stages import config
from stages.config import BatchNormStatistics, Run, of_runs
from stages.lines.curves import EXAMPLE_FIELDS, Curves
from stages.lines.landscape import Surface, Trajectory
from stages.lines.line import Endpoint, Line
from stages.lines.line_evaluation import LineEvaluation
from stages.lines.plane_grid import SURFACE_VALUES, PlaneGrid, make_plane_grid
from stages.lines.trajectory_points import load_trajectory, trajectory_epochs, trajectory_key
from stages.measures.projection import basis, progress
from stages.shared.store import Store
from stages.training.stored_runs import StoredRuns
from stages.workers.fill import fill
from stages.workers.task import Task, Workload, factories_of

ROWS_PER_TASK = 4
"""Rows of a plane that one task evaluates, at most."""


def collect_curves(lines: Sequence[Line], found: Sequence[dict | None], request: LineEvaluation) -> Curves:
    """Collect what was found of each line of a suite.

    Args:
        lines: The lines.
        found: The arrays of each line; None for a line with an endpoint that is not finite.
        request: How they were evaluated.

    Returns:
        The curves, in the order of the lines; NaN where a line has no value.
    """
    alphas = request.alphas()
    outputs = max((arrays["paths"].shape[2] for arrays in found if arrays), default=0)
    shapes: dict[str, tuple[int, ...]] = {}
    shapes |= {name: (len(alphas),) for name in ("loss_train", "loss_test", "accuracy_train", "accuracy_test")}
    shapes |= dict.fromkeys(EXAMPLE_FIELDS, (request.gauss_examples,))
    shapes |= dict.fromkeys(("distance", "start_norm", "bias_gap", "gauss_alphas", "gauss_change"), ())
    refinement = request.interpolate.refinement
    shapes |= dict.fromkeys(("refined_alphas", "refined_loss"), (4 * refinement.levels * refinement.points,))
    shapes |= {"paths": (len(alphas), request.path_examples, outputs), "path_labels": (request.path_examples,)}
    whole = {
        name: np.full((len(lines), *shape), *((-1, np.int64) if name == "path_labels" else (np.nan,)))
        for name, shape in shapes.items()
    }
    for row, arrays in enumerate(found):
        for name, array in (arrays or {}).items():
            place: tuple[int | slice, ...] = (row, *(slice(size) for size in array.shape))
            whole[name][place] = array
    return Curves(
        run_ids=tuple(line.end.run_id for line in lines),
        lines=tuple(line.kind for line in lines),
        starts=tuple(line.start.run_id for line in lines),
        draws=tuple(line.draw for line in lines),
        parts=tuple(line.part for line in lines),
        alphas=alphas,
        examples=np.array([len(arrays["gauss_smooth"]) if arrays else 0 for arrays in found]),
        **whole,
    )


@dataclass(frozen=True)
class Evaluator:
    """The runs of a suite, and the store in which the evaluations of its lines, trajectories and planes are kept."""

    suite: str
    """Name of the suite, for progress bars and messages."""
    dataset: Path
    """File of its dataset."""
    store: Store
    runs: dict[str, Run]
    """The runs by their identity."""
    diverged: frozenset[str]
    """Runs that ended with weights or a loss that is not finite."""

    @property
    def stored(self) -> StoredRuns:
        """The weights of the runs."""
        return StoredRuns(self.store)

    def lines(self, lines: Sequence[tuple[Line, LineEvaluation]], label: str = "") -> list[dict | None]:
        """Return what is found along lines, evaluating those that the store lacks.

        Args:
            lines: The lines, each with how it is evaluated.
            label: Addition to the name of the suite, on the progress bar and in the summary that is printed.

        Returns:
            The arrays of each line; None for a line with an end in a diverged run.
        """
        keys = [
            None if self.diverged & {line.end.run_id, *line.reads} else evaluation.key(line)
            for line, evaluation in lines
        ]
        finite = [(key, *wanted) for key, wanted in zip(keys, lines, strict=True) if key]

        def plan(missing: list[int]) -> list[Task]:
            from stages.lines.tasks import line_task  # imports PyTorch, which takes seconds

            tasks = []
            for _, line, evaluation in (finite[position] for position in missing):
                run = self.runs[line.end.run_id]
                tasks.append(self._task(line_task, ([(line, run)], evaluation), line.reads, run))
            return tasks

        evaluated = self._fill("lines", [key for key, *_ in finite], plan, label, "line")
        print(
            f"interpolate {self.suite}{label}: {len(lines)} lines, {len(finite) - evaluated} reused, {evaluated} "
            f"evaluated, {len(lines) - len(finite)} of diverged runs left out"
        )
        return [None if key is None else self.store.get("lines", key)[0] for key in keys]

    def trajectories(self, settings: BatchNormStatistics) -> dict[str, Trajectory]:
        """Return the trajectories of runs with snapshots, evaluating those that the store lacks.

        Args:
            settings: How batch-norm statistics are estimated.

        Returns:
            The trajectory of each run that has snapshots and did not diverge.
        """
        runs = {run_id: run for run_id, run in self.runs.items() if run.snapshots and run_id not in self.diverged}
        keys = {run_id: trajectory_key(run_id, run, settings) for run_id, run in runs.items()}

        def plan(missing: list[int]) -> list[Task]:
            from stages.lines.tasks import trajectory_task  # imports PyTorch, which takes seconds

            items = list(runs.items())
            chosen = [items[position] for position in missing]
            return [self._task(trajectory_task, (run_id, run, settings), [run_id], run) for run_id, run in chosen]

        self._fill("trajectories", list(keys.values()), plan, ", trajectories", "trajectory")
        return {run_id: self.stored_trajectory(run_id, key) for run_id, key in keys.items()}

    def stored_trajectory(self, run_id: str, key: str) -> Trajectory:
        """Return the trajectory of a run, whose evaluation the store has under a key."""
        coordinates = progress(load_trajectory(run_id, self.runs[run_id], self.stored))
        epochs = np.array(trajectory_epochs(self.runs[run_id]))
        return Trajectory(epoch=epochs, **vars(coordinates), **self.store.get("trajectories", key)[0])

    def planes(self, wanted: dict[str, config.Plane], settings: BatchNormStatistics) -> dict[str, Surface]:
        """Return what is found on planes, evaluating the rows that the store lacks.

        Args:
            wanted: The planes, by name.
            settings: How batch-norm statistics are estimated at each point.

        Returns:
            The surface of each plane, except for planes with a point of a diverged run.
        """
        placed = {name: plane for name, plane in ((name, self._place(wanted[name])) for name in wanted) if plane}
        rows = [(name, row) for name, plane in placed.items() for row in range(len(plane.section.heights))]
        keys = [placed[name].section.key(row, settings) for name, row in rows]

        def plan(missing: list[int]) -> list[Task]:
            from stages.lines.tasks import plane_task  # imports PyTorch, which takes seconds

            tasks = []
            for name, group in groupby((rows[position] for position in missing), itemgetter(0)):
                plane, numbers = placed[name], [row for _, row in group]
                reads = [point.run_id for point in plane.section.points]
                for start in range(0, len(numbers), ROWS_PER_TASK):
                    some = tuple(numbers[start : start + ROWS_PER_TASK])
                    tasks.append(
                        self._task(plane_task, (plane.section, some, plane.run, settings), reads, plane.run, len(some))
                    )
            return tasks

        evaluated = self._fill("planes", keys, plan, ", planes", "row")
        if wanted:
            print(
                f"interpolate {self.suite}: {len(placed)} planes, {evaluated} of {len(rows)} rows evaluated, "
                f"{len(wanted) - len(placed)} of diverged runs"
            )
        return {name: self._surface(plane, settings) for name, plane in placed.items()}

    def stored_planes(
        self, wanted: Mapping[str, config.Plane], settings: BatchNormStatistics
    ) -> tuple[dict[str, Surface], list[str]]:
        """Return the planes that the store has, and the keys of all rows of the planes that can be placed.

        Args:
            wanted: The planes, by name.
            settings: How batch-norm statistics are estimated at each point.

        Returns:
            The surface of each plane whose rows are all in the store, and keys of entries of kind `planes`. Planes with
            a point of a run that is not among `runs` or has diverged are left out.
        """
        possible = {
            name: plane
            for name, plane in wanted.items()
            if all(any(of_runs(point.among, run) for run in self.runs.values()) for point in plane.points.values())
        }
        placed = {name: plane for name in possible if (plane := self._place(possible[name]))}
        keys = {name: plane.section.keys(settings) for name, plane in placed.items()}
        whole = [name for name in placed if all(self.store.path("planes", key).exists() for key in keys[name])]
        return {name: self._surface(placed[name], settings) for name in whole}, [
            key for some in keys.values() for key in some
        ]

    def _surface(self, plane: "_PlacedPlane", settings: BatchNormStatistics) -> Surface:
        whole = [self.store.get("planes", key)[0] for key in plane.section.keys(settings)]
        values: dict[str, Any] = {field: np.stack([arrays[field] for arrays in whole]) for field in SURFACE_VALUES}
        return replace(plane.surface, **values)

    def _fill(self, kind: str, keys: list[str], plan: Callable[[list[int]], list[Task]], label: str, unit: str) -> int:
        """Make the entries of one kind that the store lacks, and return their number."""
        if not keys:
            return 0
        title = f"interpolate {self.suite}{label}"
        return len(fill(self.store, {kind: keys}, plan, title, unit, "stages.lines.tasks", self.dataset)[kind])

    def _task(self, function: Callable, arguments: tuple, reads: Iterable[str], run: Run, units: int = 1) -> Task:
        """Return a task that reads the weights of some runs and computes with the network of one.

        Between architectures the cost of a unit grows with the weights, so with the size of the files that are read.
        """
        files = tuple(self.stored.path(run_id) for run_id in dict.fromkeys(reads))
        size = max((file.stat().st_size for file in files), default=1)
        workload = Workload(units, units * size, (run.architecture, run.train_size))
        return Task(function, arguments, files, factories_of([run]), workload)

    def _place(self, plane: config.Plane) -> "_PlacedPlane | None":
        """Return a plane with its points and paths placed on it; None if a point is of a diverged run."""
        ids = {
            label: next(run_id for run_id, run in self.runs.items() if of_runs(wanted.among, run))
            for label, wanted in plane.points.items()
        }
        if self.diverged & set(ids.values()):
            return None
        ends = [Endpoint(ids[label], wanted.point) for label, wanted in plane.points.items()]
        weights = np.stack([self.stored.weights(end.run_id, end.point) for end in ends])
        axes = basis(*weights[:3])
        both = [run_id for run_id in dict.fromkeys(ids.values()) if sum(end.run_id == run_id for end in ends) == 2]
        paths = {
            run_id: axes.coordinates(load_trajectory(run_id, self.runs[run_id], self.stored))
            for run_id in both
            if self.runs[run_id].snapshots
        }
        marks = axes.coordinates(weights)
        marks[0], marks[1, 1:], marks[2, 2] = 0, 0, 0  # by definition, beyond rounding
        grid = make_plane_grid(
            (ends[0], ends[1], ends[2]), axes, np.concatenate([marks, *paths.values()]), plane.grid, plane.margin
        )
        nothing = np.zeros((0, 0))
        return _PlacedPlane(
            section=grid,
            run=self.runs[ends[0].run_id],
            surface=Surface(
                labels=tuple(plane.points),
                runs=tuple(ids.values()),
                kinds=tuple(end.point for end in ends),
                paths=tuple(paths),
                x=np.array(grid.alphas) * axes.length,
                y=np.array(grid.heights),
                **dict.fromkeys(SURFACE_VALUES, nothing),
                marks=marks,
                steps=np.concatenate([np.zeros((0, 3)), *paths.values()]),
                lengths=np.array([len(path) for path in paths.values()], dtype=np.int64),
            ),
        )


@dataclass(frozen=True)
class _PlacedPlane:
    """A plane with its points and paths placed on it, before it is evaluated."""

    section: PlaneGrid
    run: Run
    """The run in whose network, and on whose data, the plane is evaluated."""
    surface: Surface
    """The surface, still without values."""
