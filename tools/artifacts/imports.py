"""Whether a stage's `deps` name every local module that its script imports, directly or not.

DVC does not look into Python files: an edit to a module that is no dependency leaves the stage "up to date".
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tools.artifacts.pipeline import Pipeline, is_in


def uncovered(root: Path, pipeline: Pipeline) -> Iterator[str]:
    """Find imported modules that are no dependency of the stage, nor in a folder that is one.

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
        for path in sorted(local_imports(root, found)):
            if not any(is_in(path, dep) for dep in stage.deps):
                yield f"{pipeline.file}: stage {stage.name}: {path.as_posix()} is imported; add it to deps"


def local_imports(root: Path, files: set[Path]) -> set[Path]:
    """Return `files` and all modules below `root` that they import, directly or not, at any depth of the code.

    Args:
        root: The project's root.
        files: Python files, relative to the root.

    Returns:
        Python files, relative to the root. The `__init__.py` of a package counts, since importing a module runs it.
    """
    found: set[Path] = set()
    waiting = set(files)
    while waiting:
        file = waiting.pop()
        found.add(file)
        for name in _imported(ast.parse((root / file).read_text(), filename=str(file)), file):
            waiting |= module_files(root, name) - found
    return found


def module_files(root: Path, name: str) -> set[Path]:
    """Return the files that `import name` runs, from the outermost package down to the last part that is a module.

    Args:
        root: Where top-level modules lie.
        name: Dotted; what follows the module may be a name in it.

    Returns:
        Files relative to the root; none where `name` is not local.
    """
    files: set[Path] = set()
    place = Path()
    for part in name.split("."):
        place /= part
        module, package = place.with_suffix(".py"), place / "__init__.py"
        if (root / package).is_file():
            files.add(package)
        elif (root / module).is_file():
            return files | {module}
        elif not (root / place).is_dir():
            break
    return files


def _imported(tree: ast.AST, file: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports; of `from a import b` it is a.b, which may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = file.parts[: len(file.parts) - node.level] if node.level else ()
            base = [*package, *([node.module] if node.module else [])]
            yield from (".".join([*base, alias.name]) for alias in node.names)
