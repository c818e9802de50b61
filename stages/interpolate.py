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
    shapes |= dict.fromkeys(("gauss_smooth", "gauss_turning"), (request.gauss_examples,))
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
        alphas=alphas,
        examples=np.array([len(arrays["gauss_smooth"]) if arrays else 0 for arrays in found]),
        **whole,
    )


def interpolate(job: Job) -> None:
    """Evaluate what the store lacks of a suite's lines, and put all of them into one file."""
    suite = job.params.suite(job.name)
    dataset_path = job.dataset_file(suite.dataset).resolve()
    dataset = load_dataset(dataset_path)
    runs = {run_key(run, dataset.checksum): run for run in job.params.runs(job.name)}
    request = Request(job.params.interpolate, suite.gauss_examples, suite.path_examples)
    store, folder = Store.default(), RunFolder(job.runs_folder(job.name).resolve())
    lines = [own_line(key) for key in runs]
    diverged = {key for key in runs if folder.diverged(key)}
    walked = [line for line in lines if line.end.run_id not in diverged]
    todo = [line for line in walked if not store.has("lines", request.key(line))]
    places = Places(dataset_path, store.folder, folder.folder)
    work = []
    for line in todo:
        ends = tuple(folder.path(end.run_id) for end in (line.start, line.end))
        work.append(Task(([(line, runs[line.end.run_id])], request), ends))
    with bar(f"interpolate {job.name}", "line", len(lines), len(lines) - len(todo)) as progress:
        progress.set_postfix(reused=len(walked) - len(todo), diverged=len(diverged))
        for done in run_tasks(line_task, places, work):
            progress.update(done)
    found = [None if line.end.run_id in diverged else store.get("lines", request.key(line))[0] for line in lines]
    save_curves(job.curves_file(job.name), gather(lines, found, request))
    print(
        f"interpolate {job.name}: {len(lines)} lines, {len(walked) - len(todo)} reused, {len(todo)} evaluated, "
        f"{len(diverged)} of diverged runs left out"
    )


if __name__ == "__main__":
    main(interpolate, __doc__, per="suite")
