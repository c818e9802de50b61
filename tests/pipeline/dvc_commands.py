"""Commands of DVC and git in a project, each of which must end well."""

import re
import sys
from pathlib import Path

from small_project import Project


def run(project: Path, *command: str, jobs: int = 2) -> str:
    done = Project(project).run(*command, jobs=jobs)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout + done.stderr


def dvc(project: Path, *arguments: str, jobs: int = 2) -> str:
    return run(project, sys.executable, "-m", "dvc", *arguments, jobs=jobs)


def commit(project: Path) -> None:
    """Commit everything that git does not ignore."""
    run(project, "git", "add", "-A")
    run(project, "git", "commit", "-qm", "results")


def started(output: str) -> list[str]:
    """Return the stages that `dvc repro` ran."""
    return re.findall(r"^Running stage '(.*)':", output, re.MULTILINE)
