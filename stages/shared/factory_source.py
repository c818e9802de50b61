"""The source of a user-defined network's factory: the digest of all local modules that it imports."""

import hashlib
import sys
import sysconfig
from functools import lru_cache
from importlib.metadata import packages_distributions, version
from pathlib import Path

from stages.shared.environment import PACKAGES
from stages.shared.errors import UserError
from stages.shared.source_files import imported_names, module_files

OWN_PACKAGE = "stages"
"""This project's code is not part of a factory's source: versions beside the code stand for it."""


@lru_cache
def factory_source(factory: str) -> dict:
    """Return the digest of a factory's source, and the versions of the packages that the source imports.

    Modules whose names are put together while the code runs (`importlib.import_module(...)`) are not seen.

    Args:
        factory: The factory, as `call_factory` takes it.

    Returns:
        `source`, in hexadecimal digits, and `packages`, versions by name.

    Raises:
        UserError: If its module is neither a file below a folder of Python's path nor an installed package.
    """
    module = factory.partition(":")[0]
    names: set[str] = set()
    files: set[tuple[Path, Path]] = set()
    waiting = {module}
    while waiting:
        name = waiting.pop()
        names.add(name)
        if name.partition(".")[0] == OWN_PACKAGE:
            continue
        for root in _roots():
            for file in module_files(root, name) - {known for place, known in files if place == root}:
                files.add((root, file))
                waiting |= set(imported_names(root, file)) - names
    owners = packages_distributions()
    packages = {owner for name in names for owner in owners.get(name.partition(".")[0], ())}
    if not files and not packages:
        raise UserError(f"factory: cannot import {factory!r}, expected package.module:function with a source file")
    digest = hashlib.sha256()
    for root, file in sorted(files, key=lambda pair: (pair[1].as_posix(), str(pair[0]))):
        content = (root / file).read_bytes()
        digest.update(f"{file.as_posix()}:{len(content)};".encode())
        digest.update(content)
    return {"source": digest.hexdigest(), "packages": {name: version(name) for name in sorted(packages - {*PACKAGES})}}


def _roots() -> list[Path]:
    """Return the folders of Python's path that hold neither installed packages nor the standard library."""
    installed = {Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders = dict.fromkeys(Path(entry or ".").resolve() for entry in sys.path)
    return [
        folder
        for folder in folders
        if folder.is_dir() and not any(place == folder or place in folder.parents for place in installed)
    ]
