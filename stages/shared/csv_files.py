"""Reading and writing tables as CSV files; not in `files.py`, since pandas takes half a second to import."""

import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from stages.shared.errors import UserError
from stages.shared.files import write_bytes

SIGNIFICANT_DIGITS = 9  # of numbers in reports: more than float32 holds, few enough to read
TEXT_COLUMNS = ("run_id", "start_run_id", "hidden", "part")  # their text may look like a number


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return a table as CSV: numbers with `SIGNIFICANT_DIGITS`, missing values empty, the same line ends everywhere."""
    return frame.to_csv(index=False, float_format=f"%.{SIGNIFICANT_DIGITS}g", lineterminator="\n").encode()


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a table as CSV."""
    write_bytes(path, csv_bytes(frame))


def read_csv(path: Path, completed: Callable[[str], str] | None = None) -> pd.DataFrame:
    """Read a table that `write_csv` wrote.

    Args:
        path: The file.
        completed: Function that returns the text of the whole table, from that of a file which leaves cells out.

    Returns:
        The table; empty fields are missing values, and `TEXT_COLUMNS` stay text.

    Raises:
        UserError: If the file is missing or is not a table.
    """
    try:
        source = path if completed is None else io.StringIO(completed(path.read_text(encoding="utf-8")))
        return pd.read_csv(source, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(TEXT_COLUMNS, str))
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; run the stage that makes it (`dvc repro`)") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a readable table ({error}); delete it and run `dvc repro`") from error
