"""A real Dask scheduler with real worker processes, over the loopback interface."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from stages.workers.task import TaskPaths

ROOT = Path(__file__).parents[2]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLI_")}
    return kept | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}{os.pathsep}{ROOT / 'tests/workers'}"} | more


def start(*arguments: str, **more: str) -> subprocess.Popen:
    """Start a part of Dask; its folder is this process's."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=environment(**more),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait(condition, seconds: float = 60):
    """Return what a condition gives once it is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return found


class Cluster:
    def __init__(
        self,
        folder: Path,
        threads: int = 1,
        protocol: str = "tcp",
        workers: tuple[str, ...] = ("first", "second"),
        **more: str,
    ) -> None:
        self.folder, self.threads, self.more = folder, threads, more
        file = folder / "scheduler.json"
        self.processes = [
            start(
                *("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"),
                *("--no-show", "--scheduler-file", str(file), "--protocol", protocol),
                **more,
            )
        ]
        wait(lambda: file.exists() and file.read_text())
        self.address = json.loads(file.read_text())["address"]
        for name in workers:
            self.add_worker(name)

    def add_worker(self, name: str) -> None:
        self.processes.append(
            start(
                *("distributed.cli.dask_worker", self.address, "--nthreads", str(self.threads), "--no-nanny"),
                *("--no-dashboard", "--name", name, "--local-directory", str(self.folder / name)),
                **self.more,
            )
        )

    def end(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def copy_files(paths: TaskPaths, name: str) -> tuple[str, list[str]]:
    """A task: put together what it finds."""
    found = sorted(path.relative_to(paths.store).as_posix() for path in paths.store.rglob("*") if path.is_file())
    parts = [paths.dataset, paths.store / "ab" / "one"]
    (paths.store / name).write_text(" ".join(path.read_text() for path in parts))
    return name, found
