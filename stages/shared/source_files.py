"""The source files that run when a module is imported, itself and all local modules below it, and their digests."""

import ast
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from stages.shared.errors import UserError
from stages.shared.files import digest_file

REGISTRY = "registry.py"
"""Name of modules that import all modules beside them, for what these declare."""
WHOLE_PACKAGE = ("find_classes", "import_named")
"""Functions of `stages.config.discovery` that import modules of the package that is their first argument."""


def local_imports(root: Path, files: set[Path], known: dict[Path, set[Path]] | None = None) -> set[Path]:
    """Return `files` and all modules below `root` that they import, directly or not, at any depth of the code.

    Args:
        root: The folder that top-level modules lie in.
        files: Python files, relative to the root.
        known: The modules that each file imports directly, as found by earlier calls; this one adds to it.

    Returns:
        Python files, relative to the root. The `__init__.py` of a package counts, since importing a module runs it.
    """
    known = {} if known is None else known
    found: set[Path] = set()
    waiting = set(files)
    while waiting:
        file = waiting.pop()
        found.add(file)
        if file not in known:
            known[file] = {module for name in set(imported_names(root, file)) for module in module_files(root, name)}
            if file.name == REGISTRY:
                known[file] |= {module.relative_to(root) for module in (root / file).parent.glob("*.py")}
        waiting |= known[file] - found
    return found


def source_digests(root: Path, module: str, known: dict[Path, set[Path]] | None = None) -> dict[str, str]:
    """Return the digest of each source file that `python -m MODULE` runs.

    Args:
        root: The folder that top-level modules lie in.
        module: The dotted name of a local module.
        known: As for `local_imports`.

    Returns:
        SHA-256 by path, sorted by path.

    Raises:
        UserError: If a file is not valid Python.
    """
    files = local_imports(root, module_files(root, module), known)
    return {file.as_posix(): digest_file(root / file) for file in sorted(files)}


def module_files(root: Path, name: str) -> set[Path]:
    """Return the files that `import name` runs, from the outermost package down to the last part that is a module.

    Args:
        root: The folder that top-level modules lie in.
        name: The dotted name, whose last part may be a name in the module.

    Returns:
        Files relative to the root; none if `name` is not local.
    """
    files: set[Path] = set()
    place = ""
    for part in name.split("."):
        if part == "*":
            return files | {file.relative_to(root) for file in (root / place).glob("*.py")}
        place = os.path.join(place, part)
        here = os.path.join(root, place)  # text, since path objects take several times as long
        if os.path.isfile(os.path.join(here, "__init__.py")):
            files.add(Path(place, "__init__.py"))
        elif os.path.isfile(f"{here}.py"):
            return files | {Path(f"{place}.py")}
        elif not os.path.isdir(here):
            break
    return files


def imported_names(root: Path, file: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports; for `from a import b` it is a.b, which may be a module.

    For all modules of a package a, as `find_classes` of `stages.config.discovery` imports them, it is a.*.

    Args:
        root: The folder that top-level modules lie in.
        file: The module, relative to the root.

    Yields:
        Absolute names, including those in functions.

    Raises:
        UserError: If the file is not valid Python.
    """
    yield from _imported_names(file, (root / file).read_bytes())


@lru_cache(maxsize=1024)  # the scripts of the stages share most modules
def _imported_names(file: Path, content: bytes) -> tuple[str, ...]:
    try:
        tree = ast.parse(content, filename=str(file))
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{file}: cannot be imported ({type(error).__name__}: {error}); mend it") from error
    names: list[str] = []
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            names += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = file.parts[: len(file.parts) - node.level] if node.level else ()
            base = [*package, *([node.module] if node.module else [])]
            names += (".".join([*base, alias.name]) for alias in node.names)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            call = node.value
            if isinstance(call.func, ast.Name) and call.func.id in WHOLE_PACKAGE:
                names.append(f"{ast.literal_eval(call.args[0])}.*")
    return tuple(names)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all statements in a module or statement; there are none in expressions, which are most of a tree."""
    for field in ("body", "handlers", "orelse", "finalbody", "cases"):
        for statement in getattr(node, field, ()):
            yield statement
            yield from _statements(statement)
