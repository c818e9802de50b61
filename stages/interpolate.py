"""Stage `interpolate`: a suite's lines, planes and trajectories -> data/{curves,landscapes}/SUITE.safetensors."""

if __name__ == "__main__":
    from stages.workers.server import start

    start("stages.lines.walker")  # while this process imports the same

from stages.command import Job, main
from stages.datasets.dataset import load_dataset
from stages.lines.curves import save_curves
from stages.lines.landscape import Landscape, save_landscape
from stages.lines.line import own_line
from stages.lines.requested import Asked, requested
from stages.lines.suite import Request
from stages.lines.walker import Walker, gather
from stages.measures.table import outcomes_of, tabulate
from stages.store import Store
from stages.training.grid import run_key
from stages.training.run_files import RunFolder
from stages.workers.tasks import Places


def interpolate(job: Job) -> None:
    """Evaluate what the store lacks of a suite's lines, planes and trajectories, and put all of them into two files."""
    name, wanted = job.name, job.params.suite(job.name)
    dataset_path = job.dataset_file(wanted.dataset).resolve()
    dataset = load_dataset(dataset_path)
    runs = {run_key(run, dataset.checksum): run for run in job.params.runs(name)}
    stored = RunFolder(job.runs_folder(name).resolve())
    diverged = frozenset(run_id for run_id in runs if stored.diverged(run_id))
    walker = Walker(Places(dataset_path, Store.default().folder, stored.folder), runs, stored, diverged)
    request = Request(job.params.interpolate, wanted.gauss_examples, wanted.path_examples)
    lines = [own_line(key) for key in runs]
    found, counts = walker.walk(lines, request, name)
    print(f"interpolate {name}: {counts}")
    if wanted.lines:
        outcomes = outcomes_of(job.training_folder(name) / "runs.csv")
        own = gather(lines, found, request)
        share = job.params.measure.plateau_share
        table = tabulate(name, wanted, tuple(runs.values()), outcomes, own, share)
        asked = Asked(runs, table, dataset.shape, dataset.classes)
        others = requested(wanted.lines, asked)
        more, counts = walker.walk(others, request.losses(), f"{name}, others")
        print(f"interpolate {name}, other lines: {counts}")
        lines, found = lines + others, found + more
    settings = job.params.interpolate.batch_norm
    trajectories = walker.trajectories(settings, name)
    planes = walker.planes(wanted.planes, settings, name)
    save_curves(job.curves_file(name), gather(lines, found, request))
    save_landscape(job.landscape_file(name), Landscape(planes, trajectories))


if __name__ == "__main__":
    main(interpolate, __doc__, per="suite")
