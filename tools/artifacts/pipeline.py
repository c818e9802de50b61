"""A pipeline as DVC resolves it: its stages, its lock and what DVC finds changed, read without running anything."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from dvc.repo import Repo


@dataclass(frozen=True)
class Stage:
    """A stage of a dvc.yaml after templating. Paths are relative to the project's root."""

    name: str
    """Name in the lock, such as `train_grid@width`."""
    address: str
    """Name that DVC's commands take, such as `paper/dvc.yaml:train_grid@width`."""
    command: str
    deps: tuple[Path, ...]
    cached: tuple[Path, ...]
    """Outputs that DVC keeps and git does not; absent in a fresh clone."""


@dataclass(frozen=True)
class Pipeline:
    """A dvc.yaml with its lock and its state in the working tree."""

    file: Path
    stages: tuple[Stage, ...]
    locked: dict[str, dict[Path, str]] | None
    """For each stage in the lock the MD5 of each dependency; None where there is no lock."""
    status: dict[str, list]
    """By address what `dvc status --json` prints."""

    @property
    def lock_file(self) -> Path:
        """Where its lock is."""
        return self.file.with_suffix(".lock")

    @property
    def unlocked(self) -> list[Stage]:
        """Stages that the lock does not know: never run, or renamed since."""
        return [stage for stage in self.stages if stage.name not in (self.locked or ())]

    def option(self, name: str, default: str) -> Path:
        """Return what the stages' commands pass as `--name`, the same for all that pass it."""
        given = [re.search(rf"--{name}[ =](\S+)", stage.command) for stage in self.stages]
        return Path(next((match[1] for match in given if match), default))


def read(root: Path, files: list[Path]) -> list[Pipeline]:
    """Read pipelines through DVC, in one go because opening DVC's index is what takes time.

    Args:
        root: The project's root.
        files: Their dvc.yaml files, relative to the root.

    Returns:
        A pipeline a file.
    """
    root = root.resolve()
    with _opened(root) as repo:
        status = repo.status(check_updates=False)
        by_file: dict[Path, list[Stage]] = {}
        for stage in repo.index.stages:
            by_file.setdefault(_relative(stage.path, root), []).append(_stage(stage, root))
    return [_pipeline(root, file, by_file.get(file, []), status) for file in files]


def is_in(path: Path, folder: Path) -> bool:
    """Return whether `path` is `folder` or lies in it."""
    return path == folder or folder in path.parents


@contextmanager
def _opened(root: Path) -> Generator[Repo, None, None]:
    config = {} if (root / ".git").exists() else {"core": {"no_scm": True}}
    with Repo(str(root), config=config) as repo:
        yield repo


def _stage(stage: object, root: Path) -> Stage:
    command = stage.cmd
    return Stage(
        name=getattr(stage, "name", stage.addressing),
        address=stage.addressing,
        command="\n".join(command) if isinstance(command, list) else str(command),
        deps=tuple(_relative(dep.fs_path, root) for dep in stage.deps),
        cached=tuple(_relative(out.fs_path, root) for out in stage.outs if out.use_cache),
    )


def _pipeline(root: Path, file: Path, stages: list[Stage], status: dict[str, list]) -> Pipeline:
    lock = root / file.with_suffix(".lock")
    content = yaml.safe_load(lock.read_text(encoding="utf-8")) if lock.exists() else None
    entries = (content or {}).get("stages", {}).items()
    locked = {name: _digests(entry) for name, entry in entries} if lock.exists() else None
    addresses = {stage.address for stage in stages}
    own = {address: changes for address, changes in status.items() if address in addresses}
    return Pipeline(file, tuple(stages), locked, own)


def _digests(entry: dict) -> dict[Path, str]:
    return {Path(dep["path"]): dep.get("md5", "") for dep in entry.get("deps", ())}


def _relative(path: str, root: Path) -> Path:
    return Path(path).relative_to(root) if Path(path).is_relative_to(root) else Path(path)
