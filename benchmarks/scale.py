"""How time and memory grow: ten times the grid, a second machine, a stage with nothing to do."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
RUN = {
    "network": "mlp",
    "hidden": [16, 16],
    "activation": "relu",
    "batch_norm": False,
    "loss": "cross_entropy",
    "optimizer": "sgd",
    "lr": 0.1,
    "epochs": 20,
    "batch_size": 128,
}


class Grid(NamedTuple):
    """What `train_grid` took for a grid."""

    seconds: float
    mebibytes: float
    """Peak memory of the largest process."""


def project(folder: Path, runs: int) -> None:
    """Write parameters of one suite of so many narrow networks on digits, and make the dataset."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    suite = {"dataset": "digits", "threshold": 1.0, "tolerance": 0.001}
    suite |= {"gauss_examples": 8, "path_examples": 0, "lines": {}, "planes": {}}
    params["suites"] = {"narrow": suite | {"runs": RUN, "grids": {"seeds": {"seed": list(range(runs))}}}}
    params |= {"plot": {}, "claims": {}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    stage(folder, "download", "--dataset", "digits")


def stage(folder: Path, name: str, *arguments: str, **environment: str) -> None:
    """Run a stage in a folder."""
    variables = os.environ | {"PYTHONPATH": str(ROOT), "MLI_STORE": str(folder / "cells")} | environment
    subprocess.run(
        [sys.executable, "-m", f"stages.{name}", *arguments],
        cwd=folder,
        env=variables,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def train(runs: int, **environment: str) -> Grid:
    """Train a grid of so many runs by the stage."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project(folder, runs)
        started = time.perf_counter()
        stage(folder, "train_grid", "--suite", "narrow", **environment)
        seconds = time.perf_counter() - started
    return Grid(seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)


def train_alone(runs: int) -> Grid:
    """Train a grid in a process of its own, so that the memory of its children is that of this grid only."""
    code = f"import json; from benchmarks.scale import train; print(json.dumps(train({runs})))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, encoding="utf-8")
    return Grid(*json.loads(done.stdout))


def ten_times(runs: int) -> str:
    """Compare a grid with one of ten times its runs; what a grid of two runs takes is the stage's start."""
    start, small, large = train_alone(2), train_alone(runs), train_alone(10 * runs)
    each = [(grid.seconds - start.seconds) / count for grid, count in ((small, runs), (large, 10 * runs))]
    slower, more = each[1] / each[0] - 1, large.mebibytes / small.mebibytes - 1
    return (
        f"Ten times a grid of {runs} narrow networks: {1000 * each[0]:.1f} ms a run, then {1000 * each[1]:.1f} ms "
        f"({100 * slower:+.0f} %, goal at most +10 %), beside {start.seconds:.1f} s to start the stage; largest "
        f"process {small.mebibytes:.0f} MiB, then {large.mebibytes:.0f} MiB ({100 * more:+.0f} %, goal at most +20 %)."
    )


def nothing(places: object, number: int) -> int:
    """A task without work."""
    return number


def cluster(runs: int, tasks: int) -> str:
    """Measure a grid on one and on two Dask workers, and what a task costs beside its work."""
    from distributed import LocalCluster

    from stages.workers.cluster import client
    from stages.workers.tasks import Places, Task, run_tasks

    seconds = {}
    for workers in (1, 2):
        with LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, worker_dashboard_address=None
        ) as made:
            address = made.scheduler_address
            train(8, MLI_SCHEDULER=address)  # imports
            seconds[workers] = train(runs, MLI_SCHEDULER=address).seconds
            if workers == 2:
                os.environ["MLI_SCHEDULER"] = address
                places = Places(ROOT / "params.yaml", ROOT, ROOT)
                list(run_tasks(nothing, places, [Task((0,))]))
                started = time.perf_counter()
                list(run_tasks(nothing, places, [Task((number,)) for number in range(tasks)]))
                overhead = (time.perf_counter() - started) / tasks
                client(address).close()
                del os.environ["MLI_SCHEDULER"]
    return (
        f"Dask: a grid of {runs} narrow networks takes {seconds[1]:.1f} s on one worker process, {seconds[2]:.1f} s on "
        f"two ({seconds[1] / seconds[2]:.2f}×, with the stage's start in both); a task costs {1000 * overhead:.1f} ms "
        "beside its work."
    )


def nothing_to_do() -> str:
    """Measure `dvc repro` of all suites when nothing changed."""
    command = [sys.executable, "-m", "dvc", "repro"]
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8")
        seconds.append(time.perf_counter() - started)
        began = [line for line in done.stdout.splitlines() if "Running stage" in line]
        if any("'inputs'" not in line for line in began):  # which runs each time
            sys.exit("error: dvc repro had something to do; run `make repro` first, then measure")
    return f"`dvc repro` with all suites and nothing to do: {sorted(seconds)[1]:.1f} s (goal 3 s)."
