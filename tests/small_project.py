"""A small project as a user has it, run as a user runs it: by commands, each of which must end as it should."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ("stages", "paper/numbers.csv", "dvc.yaml", ".dvcignore", ".gitignore")
SOURCES = (*SOURCES, ".dvc/config", ".dvc/.gitignore", ".dvc/plots")
STAGES = {
    "download": ("stages.download", "--dataset", "digits"),
    "train_grid": ("stages.train_grid", "--suite", "tiny"),
    "train_grid of the other": ("stages.train_grid", "--suite", "small_autoencoders"),
    "interpolate": ("stages.interpolate", "--suite", "tiny"),
    "interpolate of the other": ("stages.interpolate", "--suite", "small_autoencoders"),
    "simulate": ("stages.simulate",),
    "measure": ("stages.measure",),
    "plot": ("stages.plot",),
    "report": ("stages.report",),
}


class Project:
    """A folder with the sources and small parameters."""

    def __init__(self, folder: Path):
        self.folder = folder

    def environment(self, jobs: int = 2) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLI_", "DVC_", "GIT_"))}
        author = {f"GIT_{who}_{what}": "test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        more = {"PATH": path, "MLI_JOBS": str(jobs), "HOME": str(self.folder.parent), "PYTHONHASHSEED": "0"}
        return kept | author | more | {"PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, *command: str, jobs: int = 2, **variables: str) -> subprocess.CompletedProcess:
        environment = self.environment(jobs) | variables
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)

    def stage(self, name: str) -> subprocess.CompletedProcess:
        return self.run(sys.executable, "-m", *STAGES[name])

    def dvc(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.run(sys.executable, "-m", "dvc", *arguments)

    def edit(self, old: str, new: str) -> None:
        text = (self.folder / "params.yaml").read_text()
        assert old in text
        (self.folder / "params.yaml").write_text(text.replace(old, new))

    def contents(self, *folders: str) -> dict[str, bytes]:
        """Return what stages have put out, by path."""
        paths = [path for folder in folders or ("data", "reports") for path in (self.folder / folder).rglob("*")]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths if path.is_file()}

    def leftovers(self) -> list[Path]:
        """Return half-written files."""
        return [path for folder in ("data", "reports", ".cells") for path in (self.folder / folder).rglob(".*.tmp")]

    def copy(self, folder: Path) -> "Project":
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)


def refused(done: subprocess.CompletedProcess, *words: str) -> None:
    """Assert that a command ended with one sentence on what is wrong, that holds the words, and no traceback."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    for word in words:
        assert word in line, line


def new_project(folder: Path, params: str) -> Project:
    """Return a project of which nothing was run."""
    for name in SOURCES:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / name, target)
    (folder / "params.yaml").write_text(params)
    project = Project(folder)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "tiny"]):
        assert project.run("git", *command).returncode == 0
    return project
