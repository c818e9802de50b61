"""Stage `interpolate`: the lines of a suite's runs -> data/curves/SUITE.safetensors."""

from collections.abc import Sequence

import numpy as np

from stages.command import Job, main
from stages.datasets.dataset import load_dataset
from stages.lines.curves import Curves, save_curves
from stages.lines.line import Line, own_line
from stages.lines.suite import Request, line_task
from stages.progress import bar
from stages.store import Store
from stages.training.grid import run_key
from stages.training.run_files import RunFolder
from stages.workers import run_tasks

PER_LINE = ("loss_train", "loss_test", "accuracy_train", "accuracy_test", "gauss_smooth", "gauss_turning", "paths")


def gather(lines: Sequence[Line], found: Sequence[dict | None], request: Request) -> Curves:
    """Put the lines of a suite together.

    Args:
        lines: The lines.
        found: The arrays of each; None for one with an endpoint that is not finite, which becomes NaN.
        request: How they were evaluated.

    Returns:
        The curves, in the order of the lines.
    """
    pattern = next((arrays for arrays in found if arrays is not None), None)
    alphas = request.alphas()
    if pattern is None:  # nothing but diverged runs
        empty = {name: np.full(len(alphas), np.nan) for name in PER_LINE}
        pattern = empty | {name: np.full(request.gauss_examples, np.nan) for name in ("gauss_smooth", "gauss_turning")}
        pattern |= {"paths": np.empty((len(alphas), 0, 0)), "path_labels": np.empty(0, dtype=np.int64)}
        pattern |= {"distance": np.array(0.0), "start_norm": np.array(0.0)}
    missing = {name: np.full_like(array, -1 if name == "path_labels" else np.nan) for name, array in pattern.items()}
    stacked = {name: np.stack([(arrays or missing)[name] for arrays in found]) for name in pattern}
    return Curves(
        run_ids=tuple(line.end.run_id for line in lines),
        lines=tuple(line.kind for line in lines),
        alphas=alphas,
        **stacked,
    )


def interpolate(job: Job) -> None:
    """Evaluate what the store lacks of a suite's lines, and put all of them into one file."""
    suite = job.params.suite(job.name)
    dataset_path = job.dataset_file(suite.dataset).resolve()
    dataset = load_dataset(dataset_path)
    runs = {run_key(run, dataset.checksum): run for run in job.params.runs(job.name)}
    request = Request(job.params.interpolate, suite.gauss_examples, suite.path_examples)
    store, folder = Store(Store.default().folder.resolve()), RunFolder(job.runs_folder(job.name).resolve())
    lines = [own_line(key) for key in runs]
    diverged = {key for key in runs if folder.diverged(key)}
    walked = [line for line in lines if line.end.run_id not in diverged]
    todo = [line for line in walked if not store.has("lines", request.key(line))]
    work = [([(line, runs[line.end.run_id])], request, dataset_path, folder, store) for line in todo]
    with bar(f"interpolate {job.name}", "line", len(lines), len(lines) - len(todo)) as progress:
        for done in run_tasks(line_task, work):
            progress.set_postfix(reused=len(walked) - len(todo), diverged=len(diverged), refresh=False)
            progress.update(done)
    found = [store.get("lines", request.key(line))[0] if line in set(walked) else None for line in lines]
    save_curves(job.curves_file(job.name), gather(lines, found, request))
    print(
        f"interpolate {job.name}: {len(lines)} lines, {len(walked) - len(todo)} reused, {len(todo)} evaluated, "
        f"{len(diverged)} of diverged runs left out"
    )


if __name__ == "__main__":
    main(interpolate, __doc__, per="suite")
