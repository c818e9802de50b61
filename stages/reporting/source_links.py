"""Links from a folder of reports to the functions that draw, judge and make what it shows."""

import inspect
import os
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def source_link(function: Callable, reports: Path) -> str:
    """Return a link to the line that defines a function.

    Args:
        function: A function of this project.
        reports: The folder of the page that has the link.

    Returns:
        A path relative to the folder with the line's number, such as `../stages/claims/failures.py#L36`.
    """
    file = Path(inspect.getsourcefile(function) or "").resolve()
    lines, first = inspect.getsourcelines(function)
    down = next((place for place, line in enumerate(lines) if line.lstrip().startswith("def ")), 0)
    return f"{relative(file, reports)}#L{max(first, 1) + down}"


def relative(file: Path, folder: Path) -> str:
    """Return a link from a page in a folder to a file, both relative to the working directory or absolute."""
    return Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()
