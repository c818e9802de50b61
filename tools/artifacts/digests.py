"""Whether code and parameters are those that the stages in dvc.lock ran with.

Stages depend on files in data/inputs, which a clone does not have. Those of code and parameters can be made again from
what is committed. The others tell of the environment and of files of the user's, of which a clone says nothing.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from stages.config import Params
from stages.inputs import code_of, parameters_of
from stages.shared.files import json_bytes
from stages.shared.source_files import source_digests
from tools.artifacts.pipeline import Pipeline


def inputs_folder(pipeline: Pipeline) -> Path:
    """Return where stage `inputs` of a pipeline writes."""
    return pipeline.option("data", "data") / "inputs"


def stale(root: Path, pipeline: Pipeline, params: Params) -> Iterator[str]:
    """Find stages in the lock that ran with other code or other parameters than those of the working tree.

    Args:
        root: The project's root.
        pipeline: A pipeline.
        params: Its parameters.

    Yields:
        A line a fault.
    """
    folder = inputs_folder(pipeline)
    parameters = {folder / name: _md5(values) for name, values in parameters_of(params).items()}
    code: dict[Path, str] = {}
    for stage in pipeline.stages:
        script = stage.name.partition("@")[0]
        code_file = folder / code_of(script)
        for path, locked in (pipeline.locked or {}).get(stage.name, {}).items():
            if path == code_file and path not in code:
                code[path] = _md5(source_digests(root, f"stages.{script}"))
            now = code.get(path, parameters.get(path, locked))
            if now != locked:
                changed = "its script or a module that it imports" if path in code else "a parameter"
                yield (
                    f"{pipeline.lock_file}: stage {stage.name}: {changed} changed ({path.as_posix()}); "
                    f"run `dvc repro {stage.address}` and commit"
                )


def _md5(content: object) -> str:
    """Return the digest by which DVC knows a file of this content."""
    return hashlib.md5(json_bytes(content), usedforsecurity=False).hexdigest()
