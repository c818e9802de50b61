"""Whether git holds small files only."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

LIMIT = 2**20  # bytes


def too_large(root: Path) -> Iterator[str]:
    """Find tracked files of a mebibyte or more.

    Args:
        root: The root of a git repository.

    Yields:
        A line a fault.
    """
    names = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        path = root / name
        if path.is_file() and path.stat().st_size >= LIMIT:
            size = path.stat().st_size / LIMIT
            yield f"{name}: {size:.1f} MiB in git, the limit is 1 MiB; let DVC keep it, or make it smaller"
