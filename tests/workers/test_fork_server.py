"""The fork server of a stage: when there is one, what it is, and that nothing of it is left."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import forkserver
from pathlib import Path
from unittest.mock import Mock

import pytest

from stages import plot, simulate, train_grid
from stages.lines import evaluator
from stages.shared.errors import UserError
from stages.workers import fork_server
from stages.workers.processes import run_calls

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")

SLOW = """\
import os, pathlib, time
pathlib.Path("server.new").write_text(str(os.getpid()))
os.replace("server.new", "server")
time.sleep(2)
"""
SCRIPT = """\
import os, signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background process has not

if __name__ == "__main__":
    from stages.workers.fork_server import start

    start("work")

from functools import partial

from stages.workers.processes import run_calls
from work import sleep

if __name__ == "__main__":
    try:
        list(run_calls([partial(sleep, n) for n in (0, 1)]))
    except KeyboardInterrupt:
        sys.exit("interrupted")
"""
WORK = """\
import os, pathlib, time
import torch

def sleep(number):
    threads = len(os.listdir(f"/proc/{os.getppid()}/task"))
    pathlib.Path(f"{number}.new").write_text(f"{os.getpid()} {os.getppid()} {threads}")
    os.replace(f"{number}.new", f"worker-{number}")
    time.sleep(60)
"""


def started(folder: Path, script: str) -> subprocess.Popen:
    """Start a script in a session of its own, as a shell does."""
    (folder / "script.py").write_text(script)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLI_")}
    return subprocess.Popen(
        [sys.executable, "-m", "script"],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(ROOT), "MLI_JOBS": "2"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def content(file: Path) -> str:
    """Return what is in a file once it is there."""
    wait(file.exists)
    return file.read_text(encoding="utf-8")


def wait(condition, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def at_work(tmp_path):
    """A script whose two workers are at their tasks, and the processes beside it."""
    (tmp_path / "work.py").write_text(WORK)
    script = started(tmp_path, SCRIPT)
    (one, its_server, threads), other = (content(tmp_path / f"worker-{number}").split() for number in (0, 1))
    assert int(its_server) != script.pid
    assert other[1:] == [its_server, threads]
    assert threads == "1"  # a fork would lose the others with what they hold
    yield script, [int(pid) for pid in (one, other[0], its_server)]
    if script.poll() is None:
        os.killpg(script.pid, signal.SIGKILL)
        script.wait()


def test_a_killed_stage_leaves_neither_workers_nor_their_server(at_work):
    script, others = at_work
    script.kill()
    script.communicate(timeout=30)
    wait(lambda: all(map(ended, others)))


def test_an_interrupt_ends_all_without_a_word_of_them(at_work):
    script, others = at_work
    os.killpg(script.pid, signal.SIGINT)
    assert script.communicate(timeout=30)[1] == "interrupted\n"
    wait(lambda: all(map(ended, others)))


def test_a_killed_server_is_a_killed_worker(at_work):
    script, others = at_work
    os.kill(others[-1], signal.SIGKILL)
    assert "UserError: a worker process was killed" in script.communicate(timeout=30)[1]
    wait(lambda: all(map(ended, others)))


@pytest.mark.parametrize("error", [EOFError, ConnectionResetError])
def test_a_server_that_is_killed_while_a_worker_is_asked_of_it_is_one_sentence(monkeypatch, error):
    monkeypatch.setenv("MLI_JOBS", "1")
    monkeypatch.setattr(ProcessPoolExecutor, "_start_executor_manager_thread", lambda _: None)
    monkeypatch.setattr(ProcessPoolExecutor, "_adjust_process_count", Mock(side_effect=error))
    with pytest.raises(UserError, match="a worker process was killed"):
        list(run_calls([print]))


@pytest.mark.parametrize("end", ["", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_server_at_its_imports_does_not_outlive_the_stage(tmp_path, end):
    (tmp_path / "slow.py").write_text(SLOW)
    wanted = 'from stages.workers.fork_server import start; start("slow")\nimport os, time\n'
    script = started(tmp_path, f"{wanted}while not os.path.exists('server'): time.sleep(0.01)\n{end}")
    assert script.communicate(timeout=30) == ("", "")  # the server has its output too
    wait(lambda: ended(int(content(tmp_path / "server"))))


@pytest.mark.parametrize(
    "variables",
    [
        {"MLI_JOBS": "0"},
        {"MLI_DEVICE": "cuda"},
        {"MLI_DEVICE": "auto"},
        {"platform": "darwin"},
        {"platform": "win32"},
    ],
)
def test_there_is_no_server_where_nothing_is_forked(monkeypatch, variables):
    for name in ("MLI_JOBS", "MLI_DEVICE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        if name == "platform":
            monkeypatch.setattr(sys, name, value)
        else:
            monkeypatch.setenv(name, value)
    calls = []
    monkeypatch.setattr(fork_server, "_started", False)
    monkeypatch.setattr(forkserver, "ensure_running", lambda: calls.append(None))
    fork_server.start("torch")
    assert not calls
    assert fork_server.context().get_start_method() == "spawn"


@pytest.mark.parametrize(
    ("fills", "tasks"),
    [
        (train_grid, ["train_task"]),
        (evaluator, ["line_task", "plane_task", "trajectory_task"]),
        (simulate, ["sample_task"]),
        (plot, ["draw_task"]),
    ],
)
def test_the_fork_server_imports_the_modules_of_tasks(fills, tasks):
    """The server ignores a name that it cannot import, so a wrong one would go unnoticed."""
    [named] = re.findall(r'fill\(.*"(stages[\w.]+)"', Path(fills.__file__).read_text(encoding="utf-8"))
    module = import_module(named)
    assert all(callable(getattr(module, task)) for task in tasks)


def imported(modules: tuple[str, ...], heavy: tuple[str, ...]) -> dict[str, list[str]]:
    """Import modules one after the other in a fresh interpreter, and return which heavy ones are there after each."""
    code = f"""
import importlib, json, sys

found = {{}}
for module in {modules}:
    importlib.import_module(module)
    found[module] = [name for name in {heavy} if name in sys.modules]
print(json.dumps(found))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_stages_import_nothing_heavy_that_most_suites_have_no_use_for():
    modules = ("stages.training.train_task", "stages.training.training_tasks", "stages.lines.tasks")
    assert imported(modules, ("torchvision", "transformers", "scipy.stats")) == dict.fromkeys(modules, [])


def test_a_stage_imports_pytorch_only_where_it_computes_something():
    modules = tuple(f"stages.{name}" for name in ("download", "inputs", "interpolate", "measure", "plot", "train_grid"))
    assert imported(modules, ("torch", "scipy", "matplotlib")) == dict.fromkeys(modules, [])


def test_what_draws_and_reports_does_without_pytorch():
    modules = ("stages.report", "stages.figures.drawing")
    assert imported(modules, ("torch",)) == dict.fromkeys(modules, [])
