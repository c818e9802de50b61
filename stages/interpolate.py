"""Stage `interpolate`: the lines of a suite's runs -> data/curves/SUITE.safetensors."""

if __name__ == "__main__":
    from stages.workers.server import start

    start("stages.lines.suite")  # while this process imports the same

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from stages.command import Job, main
from stages.config import FreshLines, Run, of_runs
from stages.datasets.dataset import load_dataset
from stages.lines.curves import OF_EXAMPLES, Curves, save_curves
from stages.lines.line import Line, fresh_line, own_line
from stages.lines.suite import Request, line_task
from stages.measures.contrast import contrast
from stages.measures.table import outcomes_of, tabulate
from stages.progress import bar
from stages.store import Store
from stages.training.grid import run_key
from stages.training.run_files import RunFolder
from stages.workers.tasks import Places, Task, run_tasks


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
    shapes |= {"distance": (), "start_norm": ()}
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
        draws=tuple(line.draw for line in lines),
        alphas=alphas,
        examples=np.array([len(arrays["gauss_smooth"]) if arrays else 0 for arrays in found]),
        **whole,
    )


@dataclass(frozen=True)
class Walker:
    """What lines of a suite are evaluated with."""

    places: Places
    runs: dict[str, Run]
    stored: RunFolder

    def walk(self, lines: Sequence[Line], request: Request, title: str) -> tuple[list[dict | None], str]:
        """Evaluate what the store lacks of some lines.

        Args:
            lines: The lines.
            request: How they are evaluated.
            title: Of the progress bar.

        Returns:
            What was found of each line, None for one that ends in a diverged run; and how many were reused and not.
        """
        store = Store(self.places.store)
        diverged = {key for key in dict.fromkeys(line.end.run_id for line in lines) if self.stored.diverged(key)}
        walked = [line for line in lines if line.end.run_id not in diverged]
        todo = [line for line in walked if not store.has("lines", request.key(line))]
        work = []
        for line in todo:
            files = tuple(self.stored.path(end.run_id) for end in (line.start, line.end) if end.stored)
            work.append(Task(([(line, self.runs[line.end.run_id])], request), files))
        with bar(f"interpolate {title}", "line", len(lines), len(lines) - len(todo)) as progress:
            progress.set_postfix(reused=len(walked) - len(todo), diverged=len(diverged))
            for done in run_tasks(line_task, self.places, work):
                progress.update(done)
        found = [None if line.end.run_id in diverged else store.get("lines", request.key(line))[0] for line in lines]
        counts = f"{len(lines)} lines, {len(walked) - len(todo)} reused, {len(todo)} evaluated"
        return found, counts + f", {len(lines) - len(walked)} of diverged runs left out"


def fresh_lines(table: pd.DataFrame, runs: dict[str, Run], wanted: dict[str, FreshLines]) -> list[Line]:
    """Return lines from fresh initialisations to a monotone and a non-monotone run.

    Args:
        table: The measures of the runs' own lines.
        runs: The runs.
        wanted: Which lines, by the name of their kind.

    Returns:
        `count` lines to each of the two runs that `contrast` chooses among those of each entry, as far as there are.
    """
    admitted = table[(table["status"] == "converged")].astype({"monotonic": bool})
    lines = []
    for name, entry in wanted.items():
        possible = {key for key, run in runs.items() if of_runs(entry.among, run)}
        for row in contrast(admitted[admitted["run_id"].isin(possible)]):
            if row is not None:
                own = entry.initialization == "own"
                scheme = runs[row["run_id"]].initialization if own else entry.initialization
                kind = f"{name}_to_final"
                lines += [fresh_line(kind, row["run_id"], scheme, number) for number in range(entry.count)]
    return lines


def interpolate(job: Job) -> None:
    """Evaluate what the store lacks of a suite's lines, and put all of them into one file."""
    name, wanted = job.name, job.params.suite(job.name)
    dataset_path = job.dataset_file(wanted.dataset).resolve()
    dataset = load_dataset(dataset_path)
    runs = {run_key(run, dataset.checksum): run for run in job.params.runs(name)}
    stored = RunFolder(job.runs_folder(name).resolve())
    walker = Walker(Places(dataset_path, Store.default().folder, stored.folder), runs, stored)
    request = Request(job.params.interpolate, wanted.gauss_examples, wanted.path_examples)
    lines = [own_line(key) for key in runs]
    found, counts = walker.walk(lines, request, name)
    print(f"interpolate {name}: {counts}")
    if wanted.fresh_lines:
        outcomes = outcomes_of(job.training_folder(name) / "runs.csv")
        table = tabulate(name, wanted, tuple(runs.values()), outcomes, gather(lines, found, request))
        fresh = fresh_lines(table, runs, wanted.fresh_lines)
        losses = replace(request, gauss_examples=0, path_examples=0)
        more, counts = walker.walk(fresh, losses, f"{name}, fresh")
        print(f"interpolate {name}, from fresh initialisations: {counts}")
        lines, found = lines + fresh, found + more
    save_curves(job.curves_file(name), gather(lines, found, request))


if __name__ == "__main__":
    main(interpolate, __doc__, per="suite")
