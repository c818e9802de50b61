"""Whether dvc.lock is current with code, parameters, commands and committed reports; a clone without data will do.

DVC has no such check: `dvc status` reports data that was not pulled too, and `dvc repro --dry` exits with 0.
"""

from collections.abc import Iterator
from pathlib import Path

from tools.artifacts.pipeline import Pipeline, Stage, is_in

ALWAYS = "always changed"
"""Status that DVC gives a stage that it runs each time, whether anything changed or not."""


def missing(pipeline: Pipeline) -> Iterator[str]:
    """Find stages that the lock does not know.

    Args:
        pipeline: A pipeline.

    Yields:
        A line a fault.
    """
    for stage in pipeline.unlocked:
        yield f"{pipeline.lock_file}: stage {stage.name} is missing; {_remedy(stage)}"


def stale(pipelines: list[Pipeline]) -> Iterator[str]:
    """Find stages in the lock that differ from the working tree.

    Data is what lies in, or is a folder around, an output that DVC caches: a clone does not have it, so how it differs
    says nothing. All else is committed and has to agree.

    Args:
        pipelines: All pipelines, since one may read what another caches.

    Yields:
        A line a fault.
    """
    data = [path for pipeline in pipelines for stage in pipeline.stages for path in stage.cached]
    for pipeline in pipelines:
        for stage in pipeline.stages:
            if stage not in pipeline.unlocked:
                for change in _changes(pipeline.status.get(stage.address, []), data):
                    yield f"{pipeline.lock_file}: stage {stage.name}: {change}; {_remedy(stage)}"


def orphans(pipeline: Pipeline) -> Iterator[str]:
    """Find stages in the lock that the pipeline no longer has.

    Args:
        pipeline: A pipeline.

    Yields:
        A line a fault.
    """
    known = {stage.name for stage in pipeline.stages}
    for name in pipeline.locked or ():
        if name not in known:
            yield (
                f"{pipeline.lock_file}: stage {name} is not in {pipeline.file}; "
                f"delete its entry from the lock, and its outputs"
            )


def _changes(entries: list, data: list[Path]) -> Iterator[str]:
    """Say what of a stage's status concerns committed files."""
    for entry in entries:
        if entry == ALWAYS:
            continue
        if isinstance(entry, str):
            yield f"{entry.removeprefix('changed ')} changed" if entry.startswith("changed ") else entry
            continue
        for kind, changed in entry.items():
            role = {"changed deps": "dependency", "changed outs": "output"}.get(kind, kind)
            for path, how in changed.items():
                if isinstance(how, dict):
                    yield from (f"{path}: key {key} {state}" for key, state in how.items())
                elif not any(is_in(Path(path), out) or is_in(out, Path(path)) for out in data):
                    yield f"{role} {path} {how}"


def _remedy(stage: Stage) -> str:
    return f"run `dvc repro {stage.address}` and commit"
