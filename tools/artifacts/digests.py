"""Whether the digests of code and parameters that stage `inputs` wrote, which dvc.lock records, are those of the tree.

Stages depend on files in data/inputs, which a clone does not have. Those of code and parameters can be made again from
what is committed. The others tell of the environment and of files of the user's, of which a clone says nothing.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from stages.config import Params
from stages.files import json_bytes
from stages.inputs import CODE, ORDER, SUITES, committed
from tools.artifacts.pipeline import Pipeline

CHANGED = {ORDER: "the order of the parameters", SUITES: "a suite of the parameters"}


def inputs_folder(pipeline: Pipeline) -> Path:
    """Return where stage `inputs` of a pipeline writes."""
    return pipeline.option("data", "data") / "inputs"


def stale(root: Path, pipeline: Pipeline, params: Params) -> Iterator[str]:
    """Find stages in the lock that ran with other code or other suites than those of the working tree.

    Args:
        root: The project's root.
        pipeline: A pipeline.
        params: Its parameters.

    Yields:
        A line a fault.
    """
    folder = inputs_folder(pipeline)
    now: dict[str, str] = {}
    for stage in pipeline.stages:
        for path, locked in (pipeline.locked or {}).get(stage.name, {}).items():
            name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else ""
            if name not in CHANGED and not name.startswith(f"{CODE}/"):
                continue
            if name not in now:
                now[name] = hashlib.md5(json_bytes(committed(name, root, params)), usedforsecurity=False).hexdigest()
            if now[name] != locked:
                changed = CHANGED.get(name, "its script or a module that it imports")
                yield (
                    f"{pipeline.lock_file}: stage {stage.name}: {changed} changed ({path.as_posix()}); "
                    f"run `dvc repro {stage.address}` and commit"
                )
