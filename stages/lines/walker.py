"""Evaluating what a suite has beside its runs: lines, trajectories and planes, reused from the store where they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stages import config
from stages.config import BatchNormStatistics, Run, of_runs
from stages.config.run import NETWORK_OPTIONS
from stages.lines.curves import OF_EXAMPLES, Curves
from stages.lines.landscape import Surface, Trajectory
from stages.lines.line import Endpoint, Line
from stages.lines.passed import passed, points_passed, trajectory_key
from stages.lines.request import Request
from stages.lines.section import VALUES, Section, section
from stages.measures.projection import basis, progress
from stages.shared.progress import Bar, bar
from stages.shared.store import Store
from stages.training.run_files import RunFolder
from stages.workers import server
from stages.workers.task_queue import Effort
from stages.workers.tasks import Places, Task, factories_of, run_tasks

ROWS = 4
"""Of a plane that one task evaluates."""


def gather(lines: Sequence[Line], found: Sequence[dict | None], request: Request) -> Curves:
    """Put the lines of a suite together.

    Args:
        lines: The lines.
        found: The arrays of each; None for one with an endpoint that is not finite.
        request: How they were evaluated.

    Returns:
        The curves, in the order of the lines; NaN for what a line does not have.
    """
    alphas = request.alphas()
    outputs = max((arrays["paths"].shape[2] for arrays in found if arrays), default=0)
    shapes = {name: (len(alphas),) for name in ("loss_train", "loss_test", "accuracy_train", "accuracy_test")}
    shapes |= dict.fromkeys(OF_EXAMPLES, (request.gauss_examples,))
    shapes |= {"distance": (), "start_norm": (), "bias_gap": ()}
    refinement = request.interpolate.refinement
    shapes |= dict.fromkeys(("refined_alphas", "refined_loss"), (4 * refinement.levels * refinement.points,))
    shapes |= {"repeated_loss": (request.interpolate.repeats, len(alphas))}
    shapes |= {"paths": (len(alphas), request.path_examples, outputs), "path_labels": (request.path_examples,)}
    whole = {
        name: np.full((len(lines), *shape), *((-1, np.int64) if name == "path_labels" else (np.nan,)))
        for name, shape in shapes.items()
    }
    for row, arrays in enumerate(found):
        for name, array in (arrays or {}).items():
            whole[name][(row, *(slice(size) for size in array.shape))] = array
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
class Walker:
    """What lines, planes and trajectories of a suite are evaluated with."""

    places: Places
    runs: dict[str, Run]
    stored: RunFolder
    diverged: frozenset[str]
    """Runs that ended with weights or a loss that is not finite."""

    def walk(self, lines: Sequence[Line], request: Request, title: str) -> tuple[list[dict | None], str]:
        """Evaluate what the store lacks of some lines.

        Args:
            lines: The lines.
            request: How they are evaluated.
            title: Of the progress bar.

        Returns:
            What was found of each line, None for one with an end in a diverged run; and how many were reused and not.
        """
        store = Store(self.places.store)
        keys = [None if self.diverged & {line.end.run_id, *line.reads} else request.key(line) for line in lines]
        todo = {key: line for key, line in zip(keys, lines, strict=True) if key and not store.has("lines", key)}
        work = [
            self._task(([(line, run)], request), line.reads, run, 1)
            for line, run in ((line, self.runs[line.end.run_id]) for line in todo.values())
        ]
        walked = [key for key in keys if key]
        reused = sum(key not in todo for key in walked)
        with bar(f"interpolate {title}", "line", len(lines), len(lines) - len(todo)) as progress:
            progress.set_postfix(reused=reused, diverged=len(lines) - len(walked))
            for _ in self._run("line_task", work, progress):
                pass
        found = [None if key is None else store.get("lines", key)[0] for key in keys]
        counts = f"{len(lines)} lines, {reused} reused, {len(walked) - reused} evaluated"
        return found, counts + f", {len(lines) - len(walked)} of diverged runs left out"

    def trajectories(self, settings: BatchNormStatistics, title: str) -> dict[str, Trajectory]:
        """Evaluate what the store lacks of the points that runs with snapshots passed.

        Args:
            settings: How batch-norm statistics are estimated.
            title: Of the progress bar.

        Returns:
            The trajectory of each such run that did not diverge.
        """
        store = Store(self.places.store)
        keys = {
            run_id: trajectory_key(run_id, run, settings)
            for run_id, run in self.runs.items()
            if run.snapshots and run_id not in self.diverged
        }
        todo = [run_id for run_id, key in keys.items() if not store.has("trajectories", key)]
        work = [
            self._task((run_id, run, settings), [run_id], run, 1)
            for run_id, run in ((run_id, self.runs[run_id]) for run_id in todo)
        ]
        if keys:
            with bar(f"interpolate {title}", "trajectory", len(keys), len(keys) - len(todo)) as counted:
                for _ in self._run("trajectory_task", work, counted):
                    pass
        found = {}
        for run_id, key in keys.items():
            coordinates = progress(points_passed(run_id, self.runs[run_id], self.stored))
            epochs = np.array(passed(self.runs[run_id]))
            found[run_id] = Trajectory(epoch=epochs, **vars(coordinates), **store.get("trajectories", key)[0])
        return found

    def planes(self, wanted: dict[str, config.Plane], settings: BatchNormStatistics, title: str) -> dict[str, Surface]:
        """Evaluate what the store lacks of planes.

        Args:
            wanted: The planes, by name.
            settings: How batch-norm statistics are estimated at each point.
            title: Of the progress bar.

        Returns:
            What was found on each, but for those with a point of a diverged run.
        """
        store = Store(self.places.store)
        drawn = {name: self._draw(plane) for name, plane in wanted.items()}
        drawn = {name: sheet for name, sheet in drawn.items() if sheet is not None}
        work, rows = [], 0
        for sheet in drawn.values():
            missing = [row for row, key in enumerate(sheet.section.keys(settings)) if not store.has("planes", key)]
            rows += len(sheet.section.heights)
            reads = [point.run_id for point in sheet.section.points]
            for start in range(0, len(missing), ROWS):
                part = tuple(missing[start : start + ROWS])
                work.append(self._task((sheet.section, part, sheet.run, settings), reads, sheet.run, len(part)))
        todo = sum(len(task.arguments[1]) for task in work)
        if wanted:
            with bar(f"interpolate {title}, planes", "row", rows, rows - todo) as counted:
                for _ in self._run("plane_task", work, counted):
                    pass
            lost = len(wanted) - len(drawn)
            print(f"interpolate {title}: {len(drawn)} planes, {todo} of {rows} rows evaluated, {lost} of diverged runs")
        found = {}
        for name, sheet in drawn.items():
            whole = [
                store.get("planes", sheet.section.key(row, settings))[0] for row in range(len(sheet.section.heights))
            ]
            values = {field: np.stack([arrays[field] for arrays in whole]) for field in VALUES}
            found[name] = replace(sheet.surface, **values)
        return found

    def _draw(self, plane: config.Plane) -> "_Sheet | None":
        """Place the points and paths of a plane on it; None if one of them is of a diverged run."""
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
            run_id: axes.coordinates(points_passed(run_id, self.runs[run_id], self.stored))
            for run_id in both
            if self.runs[run_id].snapshots
        }
        marks = axes.coordinates(weights)
        marks[0], marks[1, 1:], marks[2, 2] = 0, 0, 0  # by definition, beyond rounding
        grid = section(tuple(ends[:3]), axes, np.concatenate([marks, *paths.values()]), plane.grid, plane.margin)
        nothing = np.zeros((0, 0))
        return _Sheet(
            section=grid,
            run=self.runs[ends[0].run_id],
            surface=Surface(
                labels=tuple(plane.points),
                runs=tuple(ids.values()),
                kinds=tuple(end.point for end in ends),
                paths=tuple(paths),
                x=np.array(grid.alphas) * axes.length,
                y=np.array(grid.heights),
                **dict.fromkeys(VALUES, nothing),
                marks=marks,
                steps=np.concatenate([np.zeros((0, 3)), *paths.values()]),
                lengths=np.array([len(path) for path in paths.values()], dtype=np.int64),
            ),
        )

    def _run(self, name: str, work: Sequence[Task], counted: Bar) -> Iterator[int]:
        """Run tasks by the function `name` of `stages.lines.tasks`, which is imported only if there are some."""
        if work:
            server.start("stages.lines.tasks")  # while this process imports the same
            from stages.lines import tasks

            yield from run_tasks(getattr(tasks, name), self.places, work, counted)

    def _task(self, arguments: tuple, reads: Sequence[str], run: Run, units: int) -> Task:
        """Return a task that reads the files of some runs and computes with the network of one.

        Its cost is that of its lines. Between architectures it grows with the weights, so with the files that it reads.
        """
        files = tuple(self.stored.path(run_id) for run_id in dict.fromkeys(reads))
        architecture = (run.network, *(getattr(run, option) for option in sorted(NETWORK_OPTIONS[run.network])))
        size = max((file.stat().st_size for file in files), default=1)
        effort = Effort(units, units * size, (*architecture, run.train_size))
        return Task(arguments, files, factories_of([run]), effort)


@dataclass(frozen=True)
class _Sheet:
    """A plane before it is evaluated."""

    section: Section
    run: Run
    surface: Surface
    """Without values."""
