"""Whether git holds small files only."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from stages.shared.errors import UserError

MEBIBYTE = 2**20
LIMIT, LIMITS = MEBIBYTE, {".pack": 4 * MEBIBYTE, ".html": 4 * MEBIBYTE}
"""Bytes of a file, and of some by their ending: packs of records cannot be computed again without the machine that
made them, and the run explorer holds the libraries that draw it, so that it opens from any clone."""


def too_large(root: Path) -> Iterator[str]:
    """Find tracked files of a mebibyte or more, and packs of records and pages of four or more.

    Args:
        root: The root of a git repository.

    Yields:
        A line a fault.

    Raises:
        UserError: If git is not installed or refuses the repository.
    """
    for path in _tracked(root):
        limit = LIMITS.get(path.suffix, LIMIT)
        if path.is_file() and path.stat().st_size >= limit:
            size, most = path.stat().st_size / MEBIBYTE, limit // MEBIBYTE
            name = path.relative_to(root)
            yield f"{name}: {size:.1f} MiB in git, the limit is {most} MiB; let DVC keep it, or make it smaller"


def _tracked(root: Path) -> list[Path]:
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True).stdout
    except FileNotFoundError as error:
        raise UserError(
            "git is not installed, so the sizes of tracked files cannot be checked; install it and run again"
        ) from error
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.decode(errors="replace").split())
        raise UserError(f"git cannot list the tracked files; do as it says and run again: {reason}") from error
    return [root / os.fsdecode(name) for name in listed.split(b"\0") if name]
