"""Whether a stage's `deps` cover every local module that its script imports, directly or not.

DVC does not look into Python files: an edit to a module that is no dependency leaves the stage "up to date".
"""

import re
from collections.abc import Iterator
from pathlib import Path

from stages.inputs import code_of
from stages.shared.source_files import local_imports, module_files
from tools.artifacts.digests import inputs_folder
from tools.artifacts.pipeline import Pipeline, is_in


def uncovered(root: Path, pipeline: Pipeline) -> Iterator[str]:
    """Find imported modules that are no dependency of the stage, nor in a folder or in a file of digests that is one.

    Args:
        root: The project's root.
        pipeline: A pipeline whose commands are `python -m MODULE ...`.

    Yields:
        A line a fault.
    """
    for stage in pipeline.stages:
        scripts = re.findall(r"\bpython3? -m ([\w.]+)", stage.command)
        found = {path for script in scripts for path in module_files(root, script)}
        if not found:
            yield f"{pipeline.file}: stage {stage.name}: no local script in its cmd; want `python -m stages.NAME`"
        by_digest = [
            script for script in scripts if inputs_folder(pipeline) / code_of(script.rpartition(".")[2]) in stage.deps
        ]
        found -= {path for script in by_digest for path in module_files(root, script)}
        for path in sorted(local_imports(root, found)):
            if not any(is_in(path, dep) for dep in stage.deps):
                yield f"{pipeline.file}: stage {stage.name}: {path.as_posix()} is imported; add it to deps"
