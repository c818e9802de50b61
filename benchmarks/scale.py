"""Growth of time and memory: a grid ten times as large, a second worker, and a stage with nothing to do."""

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


class GridCost(NamedTuple):
    """Time and memory of stage `train_grid` for a grid."""

    seconds: float
    """Wall-clock seconds."""
    mebibytes: float
    """Peak memory of the largest process, in MiB."""


def write_project(folder: Path, runs: int) -> None:
    """Write the parameters of one suite of narrow networks on digits, and make the dataset."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    suite = {"dataset": "digits", "threshold": 1.0, "tolerance": 0.001}
    suite |= {"gauss_examples": 8, "path_examples": 0, "lines": {}, "planes": {}}
    params["suites"] = {"narrow": suite | {"runs": RUN, "grids": {"seeds": {"seed": list(range(runs))}}}}
    params |= {"plot": {}, "claims": {}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    run_stage(folder, "download", "--dataset", "digits")


def run_stage(folder: Path, name: str, *arguments: str, **environment: str) -> None:
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


def train_grid(runs: int, **environment: str) -> GridCost:
    """Train a grid by stage `train_grid`, and measure it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, runs)
        started = time.perf_counter()
        run_stage(folder, "train_grid", "--suite", "narrow", **environment)
        seconds = time.perf_counter() - started
    return GridCost(seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)


def train_grid_alone(runs: int) -> GridCost:
    """Train a grid from a new process, so that the peak memory of its children is that of this grid."""
    code = f"import json; from benchmarks.scale import train_grid; print(json.dumps(train_grid({runs})))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, encoding="utf-8")
    return GridCost(*json.loads(done.stdout))


def compare_ten_times(runs: int) -> str:
    """Compare a grid with one of ten times its runs; a grid of two runs measures the start of the stage."""
    start, small, large = train_grid_alone(2), train_grid_alone(runs), train_grid_alone(10 * runs)
    each = [(grid.seconds - start.seconds) / count for grid, count in ((small, runs), (large, 10 * runs))]
    slower, more = each[1] / each[0] - 1, large.mebibytes / small.mebibytes - 1
    return (
        f"Ten times a grid of {runs} narrow networks: {1000 * each[0]:.1f} ms a run, then {1000 * each[1]:.1f} ms "
        f"({100 * slower:+.0f} %, goal at most +10 %), beside {start.seconds:.1f} s to start the stage; largest "
        f"process {small.mebibytes:.0f} MiB, then {large.mebibytes:.0f} MiB ({100 * more:+.0f} %, goal at most +20 %)."
    )


def idle_task(paths: object, number: int) -> None:
    """Do nothing, as a task."""


def measure_cluster(runs: int, tasks: int) -> str:
    """Measure a grid on one and on two Dask workers, and the overhead of a task."""
    from distributed import LocalCluster

    from stages.workers.cluster_client import client
    from stages.workers.fill import run_tasks
    from stages.workers.task import Task, TaskPaths

    seconds = {}
    for workers in (1, 2):
        with LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, worker_dashboard_address=None
        ) as made:
            address = made.scheduler_address
            train_grid(8, MLI_SCHEDULER=address)  # imports
            seconds[workers] = train_grid(runs, MLI_SCHEDULER=address).seconds
            if workers == 2:
                os.environ["MLI_SCHEDULER"] = address
                paths = TaskPaths(ROOT / "params.yaml", ROOT)
                list(run_tasks([Task(idle_task, (0,))], paths))
                started = time.perf_counter()
                list(run_tasks([Task(idle_task, (number,)) for number in range(tasks)], paths))
                overhead = (time.perf_counter() - started) / tasks
                client(address).close()
                del os.environ["MLI_SCHEDULER"]
    return (
        f"Dask: a grid of {runs} narrow networks takes {seconds[1]:.1f} s on one worker process, {seconds[2]:.1f} s on "
        f"two ({seconds[1] / seconds[2]:.2f}×, with the stage's start in both); a task costs {1000 * overhead:.1f} ms "
        "beside its work."
    )


def time_idle_repro() -> str:
    """Measure `dvc repro` with all suites and no changes."""
    command = [sys.executable, "-m", "dvc", "repro"]
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8")
        seconds.append(time.perf_counter() - started)
        began = [line for line in done.stdout.splitlines() if "Running stage" in line]
        if any("'inputs'" not in line for line in began):  # stage `inputs` runs each time
            sys.exit("error: dvc repro had something to do; run `make repro` first, then measure")
    return f"`dvc repro` with all suites and nothing to do: {sorted(seconds)[1]:.1f} s (goal 3 s)."
